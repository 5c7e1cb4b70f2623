/** @jsxImportSource hono/jsx */
// Held: the newest mails that a blocklist held back, each with its two actions; and the page that says what a changed row would
// let in, before it is changed.

import type { FC } from "hono/jsx";
import type { HeldMail } from "./held-mails.ts";
import { Foreign, Time, type View } from "./parts.tsx";

export const heldShown = 50;

type Props = { held: readonly HeldMail[] | null; view: View; said: string | null };

/** `held`: `null` where blocked mails are not kept. */
export const Held: FC<Props> = ({ held, view, said }) => (
  <section class="card" aria-labelledby="held-title">
    <h1 id="held-title">Held mails</h1>
    {said === null ? null : (
      <p class="error" role="alert">
        <Foreign text={said} />
      </p>
    )}
    {held === null ? (
      <p>
        Blocked mails are deleted. To keep them: <code>BLOCKED_MAIL=keep</code>
      </p>
    ) : held.length === 0 ? (
      <p>No mail is held.</p>
    ) : (
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Blocked</th>
            <th scope="col">From, to</th>
            <th scope="col">Pattern</th>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody>
          {held.map((mail) => (
            <Row mail={mail} view={view} />
          ))}
        </tbody>
      </table>
    )}
  </section>
);

const Row: FC<{ mail: HeldMail; view: View }> = ({ mail, view }) => (
  <tr>
    <td>
      <Time at={mail.at} />
    </td>
    <td>
      <Foreign text={mail.from} limit={80} />
      <br />
      <span class="to">
        → <Foreign text={mail.to} limit={80} />
      </span>
    </td>
    <td>
      <Foreign text={`"${mail.pattern}"`} />
      <small>
        <Foreign text={`row ${mail.row}`} />
      </small>
    </td>
    <td>
      {view.formToken === null ? null : (
        <div class="buttons">
          <ActionForm action="/held/release" id={mail.id} formToken={view.formToken} words="Release" about={mail.from} />
          <a class="button" href={`/held/allow?${new URLSearchParams({ id: mail.id })}`}>
            Release and allow
            <span class="hide">
              {" "}
              the mail of <Foreign text={mail.from} limit={80} />
            </span>
          </a>
        </div>
      )}
    </td>
  </tr>
);

const ActionForm: FC<{ action: string; id: string; formToken: string; words: string; about: string; main?: boolean }> = (props) => (
  <form method="post" action={props.action}>
    <input type="hidden" name="form" value={props.formToken} />
    <input type="hidden" name="id" value={props.id} />
    <button type="submit" class={props.main ? "main" : ""}>
      {props.words}
      <span class="hide">
        {" "}
        the mail of <Foreign text={props.about} limit={80} />
      </span>
    </button>
  </form>
);

/** What would be let in, and the button that does it. */
export const Allow: FC<{ mail: HeldMail; others: readonly HeldMail[]; view: View }> = ({ mail, others, view }) => (
  <section class="card" aria-labelledby="allow-title">
    <p>
      <a href="/held">Held mails</a>
    </p>
    <h1 id="allow-title">Release and allow</h1>
    <p>
      This takes <code>{mail.pattern}</code> out of the row <Foreign text={mail.row} /> and delivers the mail of{" "}
      <Foreign text={mail.from} /> to <Foreign text={mail.to} />.
    </p>
    <p>
      {others.length === 0
        ? "No other held mail was blocked by this pattern alone."
        : "Without the pattern these held mails would have been delivered. They stay held until you release them:"}
    </p>
    <ul>
      {others.slice(0, heldShown).map((other) => (
        <li>
          <Time at={other.at} /> <Foreign text={`${other.from} → ${other.to}`} />
        </li>
      ))}
    </ul>
    {view.formToken === null ? null : (
      <div class="buttons">
        <ActionForm action="/held/allow" id={mail.id} formToken={view.formToken} words="Release and allow" about={mail.from} main />
        <a class="button" href="/held">
          Leave it
        </a>
      </div>
    )}
  </section>
);
