// Event said: a sentence for each event of docs/logs.md. The closing line of a mail and the circuits have files of their own. It reads
// the fields of the JSON line, and decides nothing.

import { effectWords } from "../effect-words.ts";
import { circuitSaid } from "./circuit-said.ts";
import { durationText } from "./durations.ts";
import { type Fields, numberIn, objectIn, textIn, textsIn } from "./fields.ts";
import { mailSaid } from "./mail-said.ts";
import { because, counted, listed, type Mark, type Said } from "./said.ts";

/** `null`: nothing that a person at a terminal needs to read. */
type Say = (line: Fields) => Said | null;

const operations = (place: string) => `see ${place} in docs/operations.md`;
const aboutMail = (mark: Mark, text: (line: Fields) => string, more: readonly string[] = []): Say => {
  return (line) => ({ mark, subject: `mail ${textIn(line["mailId"])}`, text: text(line), more });
};

const ignored: Readonly<Record<string, string>> = {
  "setup-test": "a test of SES, when a receipt rule or an event destination is made",
  "subscription-confirmation": "SNS asks to confirm a subscription: confirm it by hand",
  "unsubscribe-confirmation": "the topic was unsubscribed and sends no more mail to this queue",
  "own-copy": "S3 announces the copy that our audit mark makes",
  "s3-test-event": "a test of S3",
  "other-action": "a receipt action without a mail",
  "other-notification": "a notification that is not needed",
};

const kept: Readonly<Record<string, string>> = {
  "queues-never-quiet": "another notice of it could have come for twelve hours",
  "too-many-wait": "10,000 entries of the queue wait for such mails",
};

const bounces: Readonly<Record<string, string>> = {
  rewritten: "a bounce from SES: it shows the address that failed as its sender",
  unknown: "a bounce from SES for a mail without a row in the outbound table: delivered unchanged",
  awaited: "a bounce from SES for a mail whose row is not there yet: looked for again in 30 s",
};

/** The sentences, by event. */
export const sentences: Readonly<Record<string, Say>> = {
  mail: mailSaid,
  circuit: circuitSaid,
  deed: deedSaid,
  stage: (line) => ({ mark: "note", subject: `stage ${textIn(line["stage"])}`, text: `took ${milliseconds(line["seconds"])}` }),
  bounce: aboutMail("note", ({ result }) => `${bounces[textIn(result)] ?? "a bounce from SES"}${because(textIn(result))}`),
  "event-noted": ({ news, sesId }) => ({
    mark: "note",
    subject: `sent mail ${textIn(sesId)}`,
    text: `SES reported a ${textIn(news)}; it stands in the outbound table now`,
  }),
  "entry-ignored": ({ entryId, reason }) => ({
    mark: "note",
    subject: `entry ${textIn(entryId)}`,
    text: `has no mail${because(textIn(reason), ignored[textIn(reason)])}`,
  }),
  "already-closed": aboutMail("note", () => "is done already: acknowledged, and nothing is repeated"),
  "mark-honoured": aboutMail(
    "note",
    ({ processedBy, status }) => `was processed by ${textIn(processedBy)}${because(textIn(status))}: acknowledged without a delivery`,
  ),
  "busy-elsewhere": aboutMail("note", () => "another entry or another worker has it in work: it comes back later"),
  "taken-over": aboutMail(
    "look",
    ({ crashes }) => `taken over from a worker that crashed or hung (crash ${textIn(crashes)}): it may be delivered twice`,
  ),
  fenced: (line) => fencedSaid(line),
  "erase-waits": aboutMail(
    "note",
    ({ afterSeconds }) =>
      `blocked by all recipients: deleted in ${durationText(numberIn(afterSeconds) ?? 0)}, if no other notice names somebody else`,
  ),
  erased: aboutMail("note", () => "blocked by all recipients: deleted"),
  "blocked-kept": aboutMail(
    "look",
    ({ reason }) => `blocked by all recipients, and not deleted${because(textIn(reason), kept[textIn(reason)])}`,
    [operations("blocked mail")],
  ),
  "object-missing": aboutMail("look", () => "S3 has no such object", [operations("object-missing")]),
  unrecorded: aboutMail("bad", ({ keys }) => `done, and not recorded: ${acts(keys)} may be made twice`, [
    "the port-error of the ledger says why",
  ]),
  "set-aside": aboutMail("bad", ({ crashes }) => `set aside: ${textIn(crashes)} workers crashed while they worked on it`, [
    operations("set-aside"),
  ]),
  "entry-undecodable": ({ entryId, text }) => ({
    mark: "bad",
    subject: `entry ${textIn(entryId)}`,
    text: textIn(text),
    more: [`it stays in the queue and moves to the dead-letter queue later: ${operations("the dead-letter queue")}`],
  }),
  "audit-failed": aboutMail(
    "bad",
    ({ operation, text }) =>
      `done, and ${operation === "erase" ? "its object was not deleted" : "its audit mark was not written"}: ${textIn(text)}`,
    ["allow s3:PutObject and s3:DeleteObject"],
  ),
  "port-error": ({ port, operation, text, mailId }) => ({
    mark: "bad",
    subject: textIn(mailId) === "" ? `${textIn(port)} ${textIn(operation)}` : `mail ${textIn(mailId)}`,
    text: textIn(mailId) === "" ? textIn(text) : `${textIn(text)} (${textIn(port)} ${textIn(operation)})`,
    more: [`no mail is lost: ${operations("port-error")}`],
  }),
  started: ({ version, domains, healthPort, metricsPort }) => ({
    mark: "well",
    subject: `Sesame ${textIn(version)}`,
    text: `polls the queues of ${textIn(domains).replaceAll(",", ", ")}; health on port ${textIn(healthPort)}, metrics on port ${textIn(metricsPort)}`,
  }),
  "page-action": ({ what, about, peer }) => ({
    mark: "note",
    subject: "the page",
    text: `${textIn(peer)} used it: ${textIn(what)}${textIn(about) === "" ? "" : ` for ${textIn(about)}`}`,
  }),
  "unknown-variable": ({ variable, meant }) => ({
    mark: "look",
    subject: textIn(variable),
    text: `is no variable of Sesame, and is ignored; ${textIn(meant)} is one`,
  }),
  "concurrency-shared": ({ concurrency, domains }) => ({
    mark: "look",
    subject: "CONCURRENCY",
    text: `is for the whole process: ${textIn(domains)} domains share ${textIn(concurrency)} mails in work`,
  }),
  status: statusSaid,
  "queue-full": ({ domain, inFlight }) => ({
    mark: "bad",
    subject: `queue of ${textIn(domain)}`,
    text: `${counted(numberIn(inFlight) ?? 0, "entry is", "entries are")} in flight: nothing is received from it until there are fewer`,
    more: [operations("queue-full")],
  }),
  "feature-off": ({ feature, table }) => ({
    mark: "bad",
    subject: `table ${textIn(table)}`,
    text: `does not exist: ${textIn(feature)} are off until the next start`,
    more: [operations("feature-off")],
  }),
  "probe-failed": ({ text }) => ({
    mark: "bad",
    subject: "tables",
    text: `cannot be asked: ${textIn(text)}`,
    more: ["mail waits until they answer; no feature is off"],
  }),
  "ledger-in-memory": () => ({
    mark: "look",
    subject: "LEDGER=memory",
    text: "a restart forgets what was delivered and answered, and two workers do not know about each other",
  }),
  "poller-died": ({ domain, text }) => ({
    mark: "bad",
    subject: `loop of ${textIn(domain)}`,
    text: `crashed because of a bug, and is started again: ${textIn(text)}`,
    more: ["mail is late, not lost; please report this line"],
  }),
  "poller-hangs": ({ domain }) => ({
    mark: "bad",
    subject: `loop of ${textIn(domain)}`,
    text: "hung and was replaced",
    more: ["mail is late, not lost; please report this line"],
  }),
  stopping: ({ signal, graceSeconds }) => ({
    mark: "note",
    subject: "Sesame stops",
    text: `within ${textIn(graceSeconds)} s (${textIn(signal)}); a second signal ends it at once`,
  }),
  stopped: ({ seconds }) => ({ mark: "note", subject: "Sesame stopped", text: `after ${durationText(numberIn(seconds) ?? 0)}` }),
  "stopped-in-work": ({ seconds }) => ({
    mark: "bad",
    subject: "Sesame stopped",
    text: `after ${durationText(numberIn(seconds) ?? 0)} with mails in work: they may be delivered twice`,
    more: ["raise SHUTDOWN_SECONDS"],
  }),
  "front-door": ({ text }) => ({
    mark: "bad",
    subject: "incoming mail",
    text: `could not be stored, or a connection broke: ${textIn(text)}`,
  }),
  "kill-point-armed": ({ point, signal, nth }) => ({
    mark: "look",
    subject: "SESAME_KILL_POINT",
    text: `ends this worker with ${textIn(signal)} at ${textIn(point)}, time ${textIn(nth) || "1"}: for tests only`,
  }),
  "kill-point-reached": ({ point, signal }) => ({
    mark: "look",
    subject: "SESAME_KILL_POINT",
    text: `ends this worker with ${textIn(signal)} at ${textIn(point)}`,
  }),
};

/** The sentence of an event; for an event of another version its own words. */
export function eventSaid(line: Fields): Said | null {
  const event = textIn(line["event"]);
  const say = Object.hasOwn(sentences, event) ? sentences[event] : undefined;
  if (say !== undefined) return say(line);
  const mark = marks[textIn(line["level"])] ?? "note";
  return { mark, subject: event || "log", text: textIn(line["msg"]) || JSON.stringify(line) };
}

const marks: Readonly<Record<string, Mark>> = { warn: "look", error: "bad", fatal: "bad" };

function milliseconds(seconds: unknown): string {
  return `${Number(((numberIn(seconds) ?? 0) * 1000).toFixed(1))} ms`;
}

/** The effects that may be made twice, by their keys. */
function acts(keys: unknown): string {
  return listed(textsIn(keys).map((key) => `"${key}"`)) || "nothing";
}

function fencedSaid({ mailId, keys }: Fields): Said {
  const subject = `mail ${textIn(mailId)}`;
  if (textsIn(keys).length === 0) return { mark: "look", subject, text: "another worker has it now: this one recorded nothing" };
  return { mark: "look", subject, text: `another worker has it now: ${acts(keys)} may be made twice` };
}

/** One delivery, reply or forward: `deliver alice@example.com`, `forward *@example.com me@private.test`. */
function deedSaid(line: Fields): Said {
  const [kind = "", row = "", target = ""] = textIn(line["key"]).split(" ");
  const verdict = objectIn(line["verdict"]);
  const action = textIn(verdict["action"]);
  const to = kind === "reply" ? "the sender" : target;
  const words = effectWords({ kind, to, standIn: textIn(line["notice"]) || null, action, reason: textIn(verdict["reason"]) });
  const mark: Mark = action === "failed" ? "bad" : action === "delayed" ? "again" : action === "skipped" ? "note" : "well";
  const isTwice = verdict["possibleDuplicate"] === true;
  const more = [
    ...(isTwice ? ["there was no answer after the mail was sent: it may be delivered twice"] : []),
    ...(verdict["reason"] === "refused-us" ? [operations("refused-us")] : []),
  ];
  return { mark, subject: row, text: `${words}${because("", textIn(verdict["detail"]))}`, more };
}

const outcomes: readonly (readonly [word: string, text: string])[] = [
  ["delivered", "delivered"],
  ["partial", "partly delivered"],
  ["blocked", "blocked"],
  ["all_invalid", "not delivered (all_invalid)"],
  ["rejected", "not delivered (rejected)"],
  ["retry", "to try again"],
];

/** Once a minute. A minute in which nothing came and nothing waits is not worth a line. */
function statusSaid(line: Fields): Said | null {
  const counts = objectIn(line["outcomes"]);
  const size = objectIn(line["queue"]);
  const waiting = (numberIn(size["visible"]) ?? 0) + (numberIn(size["delayed"]) ?? 0);
  const inFlight = numberIn(line["inFlight"]) ?? 0;
  const known = new Map(outcomes);
  const ended = Object.entries(counts).flatMap(([word, count]) => (numberIn(count) ? [`${textIn(count)} ${known.get(word) ?? word}`] : []));
  if (ended.length === 0 && inFlight === 0 && waiting === 0 && line["queue"] !== null) return null;
  const queue = line["queue"] === null ? "the queue does not answer" : `${waiting.toLocaleString("en-US")} wait`;
  const text = `${ended.length === 0 ? "nothing ended" : ended.join(", ")} in the last minute; ${inFlight} in work, ${queue}`;
  return { mark: line["queue"] === null ? "look" : "note", subject: textIn(line["domain"]), text };
}
