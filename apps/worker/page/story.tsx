/** @jsxImportSource hono/jsx */
// Story: what became of one mail, recipient by recipient, and its way through the worker. Each act stands with the answer of the
// server that took it; what was withheld stands with its sentence, its word, and what would change it.

import { delaySentences, discardSentences, refuseSentences, shellWord, standInSentences } from "@sesame/core/explain";
import type { FC } from "hono/jsx";
import { type ActRecord, endedAt, type MailRecord, type RecipientRecord, type TryRecord } from "./mail-record.ts";
import { sentenceOf, verdictSentence, withheldSentence } from "./mail-words.ts";
import { Foreign, Mark, Said, type Shape, Time, type View } from "./parts.tsx";
import type { Tone } from "./verdict.ts";
import { spanText } from "./words.ts";

/** The commands that a story names. `tables`: the option that chooses the tables, with a space before it. */
export type Commands = Readonly<{ rules: string; block: string; trace: string; replay: string; tables: string }>;

/** `Delivered to 2, blocked by 1`. */
export function headlineOf(mail: MailRecord): string {
  if (mail.outcome === "discard") return "Dropped";
  const count = (test: (each: RecipientRecord) => boolean) => mail.recipients.filter(test).length;
  const delivery = (each: RecipientRecord) => (each.kind === "serve" ? each.acts.find(({ kind }) => kind === "deliver") : undefined);
  const parts: readonly (readonly [number, string])[] = [
    [count((each) => delivery(each)?.action === "delivered"), "delivered to"],
    [count((each) => each.kind === "block"), "blocked by"],
    [count((each) => isWaiting(delivery(each))), "waiting for"],
    [count((each) => each.kind === "refuse" || delivery(each)?.action === "failed"), "not delivered to"],
  ];
  const [only] = mail.recipients.length === 1 ? parts.filter(([number]) => number === 1) : [];
  if (only !== undefined) return onlyOne[only[1]] ?? only[1];
  const words = parts.flatMap(([number, text]) => (number === 0 ? [] : [`${text} ${number}`]));
  const text = words.length === 0 ? (mail.outcome === "retry" ? "waiting" : "nobody was to get it") : words.join(", ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const onlyOne: Readonly<Record<string, string>> = {
  "delivered to": "Delivered",
  "blocked by": "Blocked",
  "waiting for": "Waiting",
  "not delivered to": "Not delivered",
};

function isWaiting(act: ActRecord | undefined): boolean {
  return act !== undefined && (act.action === "delayed" || act.action === "not-started");
}

type Props = { mail: MailRecord; subject: string | null; commands: Commands; mailServer: string; view: View };

export const Story: FC<Props> = ({ mail, subject, commands, mailServer, view }) => (
  <>
    <div>
      <p>
        <a href="/mails">Mails</a> / <small>{`…${mail.id.slice(-28)}`}</small>
      </p>
      <h1>{headlineOf(mail)}</h1>
      <Facts mail={mail} subject={subject} />
    </div>
    <div class="story">
      <section class="card" aria-label="What was done">
        {mail.discard === null ? null : (
          <p>
            {sentenceOf(discardSentences, mail.discard)} (<code>{mail.discard}</code>)
          </p>
        )}
        {mail.recipients.map((recipient) => (
          <Recipient recipient={recipient} mail={mail} commands={commands} mailServer={mailServer} />
        ))}
        {mail.recipientsLeftOut > 0 ? (
          <p class="soft">And {mail.recipientsLeftOut} more recipients, which found no room here. The log has them.</p>
        ) : null}
        <Nobody mail={mail} commands={commands} />
      </section>
      <div>
        <Way mail={mail} now={view.now} />
        <Further mail={mail} commands={commands} />
      </div>
    </div>
  </>
);

const Facts: FC<{ mail: MailRecord; subject: string | null }> = ({ mail, subject }) => {
  const tries = mail.tries.length + mail.triesLeftOut;
  return (
    <dl class="facts">
      {subject === null ? null : (
        <div>
          <dt>Subject</dt>
          <dd>
            <Foreign text={subject} limit={200} />
          </dd>
        </div>
      )}
      <div>
        <dt>From</dt>
        <dd>
          <Foreign text={mail.from} />
        </dd>
      </div>
      <div>
        <dt>Received by SES</dt>
        <dd>
          <Time at={mail.receivedAt} />
        </dd>
      </div>
      <div>
        <dt>{mail.outcome === "retry" ? "Last try" : "Done"}</dt>
        <dd>
          after {spanText((endedAt(mail) - mail.receivedAt) / 1000)}, {tries === 1 ? "1 try" : `${tries} tries`}
        </dd>
      </div>
      {mail.sesVerdicts.length === 0 ? null : (
        <div>
          <dt>SES says</dt>
          <dd>{mail.sesVerdicts.join(", ")}</dd>
        </div>
      )}
      {mail.bounceOf.length === 0 ? null : (
        <div>
          <dt>A bounce of your mail to</dt>
          <dd>
            <Foreign text={mail.bounceOf.join(", ")} />
          </dd>
        </div>
      )}
    </dl>
  );
};

type PartProps = { recipient: RecipientRecord; mail: MailRecord; commands: Commands; mailServer: string };

const Recipient: FC<PartProps> = ({ recipient, mail, commands, mailServer }) => {
  const [word, shape, tone] = headOf(recipient);
  return (
    <div class="who">
      <h2>
        <Mark shape={shape} tone={tone} />
        <span class={tone === "ok" ? "" : tone}>{word}</span>
        <b>
          <Foreign text={recipient.recipient} />
        </b>
      </h2>
      <dl class="acts">
        <Acts recipient={recipient} mail={mail} commands={commands} mailServer={mailServer} />
      </dl>
    </div>
  );
};

function headOf(recipient: RecipientRecord): readonly [string, Shape, Tone | "blocked"] {
  if (recipient.kind === "block") return ["Blocked", "stop", "blocked"];
  if (recipient.kind === "refuse") return ["Not delivered", "cross", "bad"];
  const delivery = recipient.acts.find(({ kind }) => kind === "deliver");
  if (delivery?.action === "delivered") return ["Delivered", "tick", "ok"];
  return isWaiting(delivery) ? ["Waiting", "again", "wait"] : ["Not delivered", "cross", "bad"];
}

const Acts: FC<PartProps> = ({ recipient, mail, commands, mailServer }) => {
  if (recipient.kind === "refuse")
    return (
      <>
        <dt>Refuse</dt>
        <dd>
          {sentenceOf(refuseSentences, recipient.reason)} (<code>{recipient.reason}</code>)
        </dd>
      </>
    );
  if (recipient.kind === "block")
    return (
      <>
        <dt>Block</dt>
        <dd>
          <Foreign text={`"${recipient.pattern}" matches ${recipient.matched}`} />
          <div class="soft">
            <Foreign text={`row ${recipient.row} of the blocklist; see it with`} />
          </div>
          <Said text={`${commands.block} show ${shellWord(recipient.row)}${commands.tables}`} copy />
        </dd>
      </>
    );
  return (
    <>
      {recipient.acts.map((act) => (
        <Act act={act} row={recipient.row} mail={mail} commands={commands} mailServer={mailServer} />
      ))}
      {recipient.withheld.map(({ kind, to, reason }) => (
        <WithheldAct kind={kind} to={to} reason={reason} commands={commands} />
      ))}
      {recipient.warnings.map((text) => (
        <>
          <dt>Warning</dt>
          <dd>
            <Foreign text={text} />
          </dd>
        </>
      ))}
    </>
  );
};

type ActProps = { act: ActRecord; row: string | null; mail: MailRecord; commands: Commands; mailServer: string };
const names = { deliver: "Deliver", forward: "Forward", reply: "Reply" } as const;

const Act: FC<ActProps> = ({ act, row, mail, commands, mailServer }) => {
  const who = act.route === "ses" ? "SES" : mailServer;
  const done = act.action === "delivered" || act.action === "relayed";
  return (
    <>
      {act.earlier.map(({ at, reason, detail }) => (
        <>
          <dt>
            <Time at={at} />
          </dt>
          <dd>
            {capital(sentenceOf(delaySentences, reason))}, so it waits (<code>{reason}</code>)
            {detail === "" ? null : <Said who={who} text={detail} />}
          </dd>
        </>
      ))}
      <dt>{act.earlier.length > 0 ? <Time at={act.at} /> : names[act.kind]}</dt>
      <dd>
        <Foreign text={done ? doneText(act, mail) : capital(verdictSentence(act))} />
        {done || act.reason === null ? null : (
          <>
            {" "}
            (<code>{act.reason}</code>)
          </>
        )}
        {act.detail === "" ? null : <Said who={who} text={act.detail} />}
        {act.standIn === null ? null : (
          <div class="soft">
            {sentenceOf(standInSentences, act.standIn)} (<code>{act.standIn}</code>)
          </div>
        )}
        {row === null || act.kind === "deliver" ? null : <AskedBy kind={act.kind} row={row} commands={commands} />}
      </dd>
    </>
  );
};

function doneText({ kind, to, route, at }: ActRecord, { receivedAt }: MailRecord): string {
  if (kind === "deliver") return `In the mailbox after ${spanText((at - receivedAt) / 1000)}`;
  return `To ${to}, by ${route === "ses" ? "Amazon SES" : "the internal port of our mail server"}`;
}

const AskedBy: FC<{ kind: "forward" | "reply"; row: string; commands: Commands }> = ({ kind, row, commands }) => (
  <>
    <div class="soft">
      <Foreign text={`the row ${row} asks for it; off by`} />
    </div>
    <Said text={`${commands.rules} set ${shellWord(row)}${commands.tables} ${kind === "reply" ? "--off" : "--no-forward"}`} copy />
  </>
);

type WithheldProps = { kind: "reply" | "forward"; to: string | null; reason: string; commands: Commands };

const WithheldAct: FC<WithheldProps> = ({ kind, to, reason, commands }) => {
  const sentence = withheldSentence(reason);
  const change = sentence === null ? "" : typeof sentence.change === "string" ? sentence.change : sentence.change(commands);
  const fields = sentence?.fields ?? [];
  return (
    <>
      <dt>{kind === "reply" ? "No reply" : "No forward"}</dt>
      <dd>
        {to === null ? null : (
          <>
            <Foreign text={to} />:{" "}
          </>
        )}
        {capital(sentence?.why ?? reason)}
        <div class="soft">
          <code>{reason}</code>
          {fields.length === 0
            ? null
            : `, seen in ${fields.length > 3 ? `${fields.slice(0, 3).join(", ")} or another of its fields` : fields.join(" or ")}`}
          . To change: {change}.
        </div>
      </dd>
    </>
  );
};

/** Where nobody got it, how it is sent again. */
const Nobody: FC<{ mail: MailRecord; commands: Commands }> = ({ mail, commands }) => {
  if (mail.outcome !== "rejected" && mail.outcome !== "all_invalid") return null;
  return (
    <div class="who">
      <p>The mail is still in S3. When the cause is mended:</p>
      <Said text={`${commands.replay} ${shellWord(mail.id)}`} copy />
    </div>
  );
};

const Way: FC<{ mail: MailRecord; now: number }> = ({ mail }) => {
  const [first] = mail.tries;
  const began = first === undefined ? mail.receivedAt : first.at - first.seconds * 1000;
  return (
    <section class="card" aria-labelledby="way-title">
      <h2 id="way-title">Its way</h2>
      <ol class="way">
        <li>
          <small>
            <Time at={mail.receivedAt} />
          </small>
          <div>
            SES received it <small>and stored it in S3</small>
          </div>
        </li>
        <li>
          <small>
            <Time at={began} />
          </small>
          <div>
            Taken from the queue <small>after {spanText(Math.max(0, began - mail.receivedAt) / 1000)}</small>
          </div>
        </li>
        {mail.tries.map((each, index) => (
          <Try each={each} number={index === 0 ? 1 : index + 1 + mail.triesLeftOut} />
        ))}
        {mail.outcome === "retry" ? null : <End mail={mail} />}
      </ol>
    </section>
  );
};

const End: FC<{ mail: MailRecord }> = ({ mail }) => {
  const isBad = mail.outcome === "rejected" || mail.outcome === "all_invalid";
  return (
    <li class={isBad ? "b" : ""}>
      <small>
        <Time at={endedAt(mail)} />
      </small>
      <div>
        Recorded as <code>{mail.outcome === "discard" ? "dropped" : mail.outcome}</code>, out of the queue
      </div>
    </li>
  );
};

const Try: FC<{ each: TryRecord; number: number }> = ({ each, number }) => {
  const { again, at, stages } = each;
  const longest = stages.reduce((sum, [, seconds]) => sum + seconds, 0);
  let begin = 0;
  return (
    <li class={again === null ? "" : "w"}>
      <small>
        <Time at={at} />
      </small>
      <div>
        Try {number}:{" "}
        {again === null ? (
          <b>done</b>
        ) : (
          <>
            <b>waits {spanText(again.afterSeconds)}</b> ({again.reason})
          </>
        )}
      </div>
      {stages.length === 0 ? null : (
        <table class="stages">
          <thead class="hide">
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">Share</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {stages.map(([stage, seconds]) => {
              const x = longest === 0 ? 0 : (begin / longest) * 100;
              const width = longest === 0 ? 0 : (seconds / longest) * 100;
              begin += seconds;
              return (
                <tr>
                  <th scope="row">{stage}</th>
                  <td>
                    <svg viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true">
                      <rect class="k-delivered" x={Math.min(99, x).toFixed(1)} y="0" width={Math.max(1, width).toFixed(1)} height="9" />
                    </svg>
                  </td>
                  <td class="num">{milliseconds(seconds)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </li>
  );
};

function milliseconds(seconds: number): string {
  const ms = seconds * 1000;
  return `${ms < 9.95 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

const Further: FC<{ mail: MailRecord; commands: Commands }> = ({ mail, commands }) => {
  const key = mail.id.split("/").at(-1) ?? mail.id;
  const queued = mail.recipients.flatMap((each) =>
    each.kind === "serve" ? each.acts.flatMap(({ detail }) => /queued as ([0-9A-Za-z]{6,20})\b/.exec(detail)?.[1] ?? []) : [],
  );
  return (
    <section class="card" aria-labelledby="further-title">
      <h2 id="further-title">Look further</h2>
      <p class="soft">Mail id</p>
      <Said text={mail.id} copy />
      <p class="soft">On the command line</p>
      <Said text={`${commands.trace} ${shellWord(key)}`} copy />
      {queued[0] === undefined ? null : (
        <>
          <p class="soft">In the mail server's log</p>
          <Said text={`grep ${queued[0]} /var/log/mail.log`} copy />
        </>
      )}
    </section>
  );
};

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
