// Story text: tells the story of a mail to people, with the reason words of the log and the sentences of `sesame explain`. It reads
// nothing. What a sender or a server wrote is made safe for a terminal.

import type { EpochMs, Final } from "@sesame/core";
import { failSentences, skipSentences } from "@sesame/core/explain";
import { safeText } from "@sesame/core/mail";
import { isFailed } from "./places.ts";
import { countsOf, objectIn, type Story, type StoryEnd } from "./story.ts";

/** The marks before a line. */
export type Marks = Readonly<{ good: string; bad: string; waits: string; blocked: string; notice: string }>;

export const utf8Marks: Marks = { good: "✓", bad: "✗", waits: "↻", blocked: "⊘", notice: "!" };
/** For terminals without UTF-8. */
export const asciiMarks: Marks = { good: "+", bad: "x", waits: "~", blocked: "#", notice: "!" };

/** The whole story. Times are UTC. */
export function storyText(story: Story, marks: Marks): string {
  return [
    headline(story),
    "",
    ...eventsOf(story).flatMap((event, index, all) => eventLines(event, index, all, marks)),
    "",
    ...tailLines(story, marks),
    "",
  ].join("\n");
}

/** What became of the mail, who sent it, and its id. */
export function headline(story: Story): string {
  return `${outcomeOf(story)}: ${senderOf(story)}${story.mailId}`;
}

function outcomeOf(story: Story): string {
  const { delivered, blocked, failed } = countsOf(story);
  const parts = [
    ...(delivered > 0 ? [`delivered to ${delivered}`] : []),
    ...(blocked > 0 ? [`blocked by ${blocked}`] : []),
    ...(failed > 0 ? [`not delivered to ${failed}`] : []),
  ];
  const { entry, object } = story;
  const mark = objectIn(object)?.mark ?? null;
  const waiting = isFailed(entry) || entry === null ? 0 : entry.waiting;
  switch (story.state) {
    case "done":
      if (parts.length > 0) return capital(parts.join(", "));
      return mark === null ? "Done" : `Done (${safe(mark.status)})`;
    case "in-work":
      return `In work${parts.length > 0 ? `, ${parts.join(", ")}` : ""}`;
    case "waits":
      return `Waiting for ${waiting}${parts.length > 0 ? `, ${parts.join(", ")}` : ""}`;
    case "untouched":
      return "Stored, and no worker has taken it";
    case "unknown":
      return "Not known";
    default:
      return story.state satisfies never;
  }
}

function senderOf({ object }: Story): string {
  const path = objectIn(object)?.stamp?.reversePath;
  return path === undefined ? "" : `from ${path === null ? "<>" : safe(path)}, `;
}

/** `digits`: how exact its time is, as a number of characters. */
type Event = Readonly<{ at: EpochMs | null; digits: number; text: string | null; ends: readonly StoryEnd[] }>;

const [seconds, milliseconds] = [8, 12];

const togetherMs = 5000; // ends of one attempt are recorded within some seconds

/** What happened, in the order of time. */
function eventsOf({ entry, object, ends }: Story): readonly Event[] {
  const known = isFailed(entry) ? null : entry;
  const { stamp = null, mark = null } = objectIn(object) ?? {};
  const groups: { at: EpochMs | null; ends: StoryEnd[] }[] = [];
  for (const end of ends) {
    const last = groups.at(-1);
    const together = last && (end.at === null || last.at === null ? end.at === last.at : end.at - last.at < togetherMs);
    if (last && together) last.ends.push(end);
    else groups.push({ at: end.at, ends: [end] });
  }
  return [
    ...(stamp === null ? [] : [{ at: stamp.receivedAt, digits: seconds, text: "received by SES, stored in S3", ends: [] }]),
    ...(known?.since == null ? [] : [{ at: known.since, digits: milliseconds, text: "first taken by a worker", ends: [] }]),
    ...groups.map((group) => ({ ...group, digits: milliseconds, text: null })),
    ...(mark === null ? [] : [{ at: mark.at, digits: seconds, text: `marked ${safe(mark.status)} in S3 by ${safe(mark.by)}`, ends: [] }]),
  ];
}

const indent = " ".repeat(milliseconds + 5);

/** The lines of an event, below the day if that is another one than before. */
function eventLines({ at, digits, text, ends }: Event, index: number, before: readonly Event[], marks: Marks): readonly string[] {
  const lines = [...(text === null ? [] : [text]), ...endLines(ends, marks)];
  const time = at === null ? "" : new Date(at).toISOString().slice(11, 11 + digits);
  const former = before.slice(0, index).findLast((event) => event.at !== null)?.at ?? null;
  const isNewDay = at !== null && (former === null || day(former) !== day(at));
  const timed = lines.map((line, place) => `${place === 0 ? `  ${time.padEnd(milliseconds)}   ` : indent}${line}`);
  return [...(isNewDay ? [`  ${day(at)} (UTC)`] : []), ...timed];
}

/** The ends of recipients, each with what its rules did. */
function endLines(ends: readonly StoryEnd[], marks: Marks): readonly string[] {
  const width = Math.min(40, Math.max(0, ...ends.filter(({ kind }) => kind === "deliver").map(({ of }) => safe(of).length)));
  return ends.map((end) => {
    if (end.kind === "deliver") return `${markOf(end.final, marks)} ${safe(end.of).padEnd(width)}   ${deliveryText(end.final)}`;
    const name = end.kind === "forward" ? "forward" : end.kind === "reply" ? "auto-reply" : safe(end.of);
    return `    ${name.padEnd(Math.max(0, width - 2))}   ${ruleText(end)}`;
  });
}

function markOf(final: Final, marks: Marks): string {
  if (final.action === "skipped") return marks.blocked;
  return final.action === "failed" ? marks.bad : marks.good;
}

function deliveryText(final: Final): string {
  switch (final.action) {
    case "delivered":
    case "relayed":
      return `in the mailbox: ${safe(final.detail)}`;
    case "failed":
      return `(${final.reason}) ${failSentences[final.reason]}: ${safe(final.detail)}`;
    case "skipped":
      return `(${final.reason}) ${skipSentences[final.reason]}${final.detail === undefined ? "" : `: ${safe(final.detail)}`}`;
    default:
      return final satisfies never;
  }
}

/** What became of a forward or reply of a row. */
function ruleText({ kind, of, to, final, sent }: StoryEnd): string {
  const target = `${to === null ? "" : `to ${safe(to)}, `}by the row ${safe(of)}`;
  switch (final.action) {
    case "delivered":
    case "relayed":
      return `${target}${final.action === "relayed" && final.standIn ? ", a short notice instead of the mail" : ""}: ${safe(final.detail)}${bounceText(sent)}`;
    case "failed":
      return `${target}: not sent (${final.reason}) ${failSentences[final.reason]}: ${safe(final.detail)}`;
    case "skipped":
      return `${target}: ${kind === "reply" ? "no auto-reply" : "not forwarded"} (${final.reason}) ${skipSentences[final.reason]}`;
    default:
      return final satisfies never;
  }
}

function bounceText(sent: StoryEnd["sent"]): string {
  return sent === null || sent.bounced.length === 0 ? "" : `; it came back from ${sent.bounced.map(safe).join(", ")}`;
}

function tailLines(story: Story, marks: Marks): readonly string[] {
  const { object, ends } = story;
  const sent = ends.map((end) => end.sent?.row).filter((row) => row !== undefined);
  const places = [
    `Ledger ${ledgerMark(story, marks)}`,
    `S3 mark ${markMark(object, marks)}`,
    ...(sent.length === 0 ? [] : [`SES row ${sent.every((row) => row === "present") ? marks.good : marks.bad}`]),
  ];
  const ids = queueIdsOf(ends);
  const grep = ids.length === 0 ? "" : ` In the mail server's log: grep ${ids.length === 1 ? ids[0] : `-E '${ids.join("|")}'`}`;
  return [`${places.join("  ")}.${grep}`, ...adviceLines(story)];
}

function ledgerMark({ entry }: Story, { good, bad, waits }: Marks): string {
  if (isFailed(entry) || entry === null) return bad;
  return entry.state === "closed" ? good : waits;
}

function markMark(object: Story["object"], { good, bad }: Marks): string {
  return objectIn(object)?.mark == null ? bad : good;
}

/** The ids that the mail server gave to the mail: `queued as 4XyZ12ab34z1K`. */
export function queueIdsOf(ends: readonly StoryEnd[]): readonly string[] {
  const details = ends.filter(({ kind }) => kind === "deliver").map(({ final }) => (final.action === "delivered" ? final.detail : ""));
  return [...new Set(details.flatMap((detail) => /\bqueued as ([A-Za-z0-9]{6,20})\b/.exec(detail)?.[1] ?? []))];
}

function adviceLines({ mailId, state, entry, object, queues }: Story): readonly string[] {
  const known = isFailed(entry) ? null : entry;
  const lines: string[] = [];
  if (isFailed(entry)) lines.push(`The ledger cannot be read: ${entry.trouble}`);
  if (isFailed(object)) lines.push(`The stored mail cannot be read: ${object.trouble}`);
  if (object === "missing") lines.push("The stored mail is gone: it was deleted after all recipients blocked it, or by a lifecycle rule.");
  if (known?.expires != null) lines.push(`The ledger remembers the mail until ${day(known.expires)}.`);
  if (known === null && !isFailed(entry) && state === "done")
    lines.push("The ledger has no row: it forgot the mail after LEDGER_DAYS, or another program marked it.");
  if (known !== null && known.crashes > 0)
    lines.push(`Workers that crashed or hung while they had it: ${known.crashes}. It may have arrived twice.`);
  if (state === "in-work" && known?.until != null)
    lines.push(`A worker has it until ${new Date(known.until).toISOString().slice(11, 19)}.`);
  if (state === "waits") lines.push(`Why it waits stands in the log: grep ${mailId}`);
  if (state === "untouched")
    lines.push(
      "Its notice waits in the queue, or is lost. `sesame reconcile` finds mails whose notice is lost, and puts them into the queue.",
    );
  for (const queue of queues) lines.push(isFailed(queue) ? `The queue cannot be read: ${queue.trouble}` : queueText(queue));
  return lines;
}

function queueText({ name, size: { visible, inFlight, delayed }, dead }: Exclude<Story["queues"][number], { trouble: string }>): string {
  const letters = dead === null ? "a dead-letter queue that cannot be read" : `${dead} in the dead-letter queue`;
  return `The queue ${name} has about ${visible} waiting, ${inFlight} in work, ${delayed} delayed, ${letters}. A queue cannot be searched.`;
}

function day(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, 10);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

const longestText = 200;

function safe(text: string): string {
  return safeText(text, longestText);
}
