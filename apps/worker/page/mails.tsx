/** @jsxImportSource hono/jsx */
// Mails: the kept mails as rows, with filters by outcome and a search for a part of an address, a domain, a mail id or the
// "queued as" of the mail server. It shows; what is kept is for memory.ts.

import { safeText } from "@sesame/core/mail";
import type { FC } from "hono/jsx";
import { endedAt, type MailRecord } from "./mail-record.ts";
import { becameOf, type Filter, outcomeWords } from "./mail-words.ts";
import { mailsKept } from "./memory.ts";
import { Foreign, Mark, Time, type View } from "./parts.tsx";

const filters: readonly (readonly [Filter | "all", string])[] = [
  ["all", "All"],
  ["delivered", "Delivered"],
  ["blocked", "Blocked"],
  ["waiting", "Waiting"],
  ["not-delivered", "Not delivered"],
  ["partly", "Partly"],
];

/** What a reader asks for. */
export type Wanted = Readonly<{ outcome: string; query: string }>;

/** The mails that match. A query finds any part of an address, of the mail id or of an answer, in any case. */
export function chosen(mails: readonly MailRecord[], { outcome, query }: Wanted): readonly MailRecord[] {
  const part = query.trim().toLowerCase();
  return mails.filter(
    (mail) => (outcome === "" || outcome === "all" || outcomeWords[mail.outcome].filter === outcome) && (part === "" || has(mail, part)),
  );
}

function has(mail: MailRecord, part: string): boolean {
  if ([mail.id, mail.from, ...mail.bounceOf].some((text) => text.toLowerCase().includes(part))) return true;
  return mail.recipients.some(
    (each) =>
      each.recipient.toLowerCase().includes(part) ||
      (each.kind === "serve" && each.acts.some(({ to, detail }) => `${to ?? ""} ${detail}`.toLowerCase().includes(part))),
  );
}

type Props = { mails: readonly MailRecord[]; wanted: Wanted; view: View; limit: number; heading: "h1" | "h2" };

/** The table, its filters and its search. */
export const Mails: FC<Props> = ({ mails, wanted, view, limit, heading: Heading }) => {
  const found = chosen(mails, wanted);
  const shown = found.slice(0, limit);
  return (
    <section
      class="card"
      id="mails"
      aria-labelledby="mails-title"
      data-count={mails.length === 0 ? "0" : `${mails[0]?.id} ${endedAt(mails[0] as MailRecord)}`}
    >
      <div class="head">
        <Heading id="mails-title">Recent mails</Heading>
        <small>the last {mailsKept} are kept in memory</small>
        <MaskForm view={view} />
      </div>
      <p class="news" id="news"></p>
      <div class="tools">
        <ul class="filters" aria-label="Filter by outcome">
          {filters.map(([name, words]) => (
            <li>
              <a href={addressOf(name, wanted.query)} aria-current={(wanted.outcome || "all") === name ? "true" : undefined}>
                {words} <small>{name === "all" ? mails.length : chosen(mails, { outcome: name, query: "" }).length}</small>
              </a>
            </li>
          ))}
        </ul>
        <search>
          <form class="find" action="/mails">
            {wanted.outcome === "" ? null : <input type="hidden" name="outcome" value={wanted.outcome} />}
            <input
              type="search"
              name="q"
              value={wanted.query}
              placeholder="Address, domain or mail id"
              aria-label="Address, domain or mail id"
              maxlength={200}
            />
            <button type="submit">Find</button>
          </form>
        </search>
      </div>
      {shown.length === 0 ? <Nothing mails={mails} wanted={wanted} /> : <Table mails={shown} now={view.now} />}
      {shown.length < found.length ? (
        <p>
          <a href={addressOf(wanted.outcome, wanted.query)}>All {found.length} mails</a>
        </p>
      ) : null}
    </section>
  );
};

function addressOf(outcome: string, query: string): string {
  const search = new URLSearchParams({ ...(outcome !== "all" && outcome !== "" && { outcome }), ...(query !== "" && { q: query }) });
  return search.size === 0 ? "/mails" : `/mails?${search}`;
}

const MaskForm: FC<{ view: View }> = ({ view }) =>
  view.formToken === null ? null : (
    <form method="post" action="/mask" class="end">
      <input type="hidden" name="form" value={view.formToken} />
      <input type="hidden" name="masked" value={view.masked ? "no" : "yes"} />
      <button type="submit" class="plain" aria-pressed={view.masked ? "true" : "false"}>
        {view.masked ? "☑" : "☐"} Mask addresses
      </button>
    </form>
  );

const Nothing: FC<{ mails: readonly MailRecord[]; wanted: Wanted }> = ({ mails, wanted }) => {
  const oldest = mails.at(-1);
  if (oldest === undefined) return <p>No mail since the start.</p>;
  return (
    <p>
      None among the last {mails.length} (since <Time at={endedAt(oldest)} to="minute" />
      ).{" "}
      {wanted.query === "" ? null : (
        <>
          Older:{" "}
          <code>
            sesame trace <Foreign text={wanted.query} />
          </code>
        </>
      )}
    </p>
  );
};

const Table: FC<{ mails: readonly MailRecord[]; now: number }> = ({ mails, now }) => (
  <table class="rows mails">
    <thead>
      <tr>
        <th scope="col">Time</th>
        <th scope="col">Ended</th>
        <th scope="col">From, to</th>
        <th scope="col">What became of it</th>
      </tr>
    </thead>
    <tbody>
      {mails.map((mail) => (
        <Row mail={mail} now={now} />
      ))}
    </tbody>
  </table>
);

/** The address of a mail's story. */
export function storyPath(id: string): string {
  return `/mails/${id.split("/").map(encodeURIComponent).join("/")}`;
}

const Row: FC<{ mail: MailRecord; now: number }> = ({ mail, now }) => {
  const { word, shape, tone } = outcomeWords[mail.outcome];
  const { main, below } = becameOf(mail, now);
  const [first, ...others] = mail.recipients;
  const more = others.length + mail.recipientsLeftOut;
  return (
    <tr>
      <td>
        <Time at={endedAt(mail)} />
      </td>
      <td>
        <Mark shape={shape} tone={tone} /> <span class={tone === "ok" ? "" : tone}>{word}</span>
      </td>
      <td>
        <a href={storyPath(mail.id)}>
          <Foreign text={mail.from} limit={80} />
          <span class="hide"> – its story</span>
        </a>
        <br />
        <span class="to">
          → <Foreign text={first?.recipient ?? "nobody"} limit={80} />
          {more > 0 ? ` and ${more} more` : ""}
        </span>
      </td>
      <td>
        <Foreign text={main} limit={240} />
        {safeText(below) === "" ? null : (
          <small>
            <Foreign text={below} limit={200} />
          </small>
        )}
      </td>
    </tr>
  );
};
