// Mail said: the closing line of a mail as one sentence. It reads the fields of the JSON line and decides nothing. The reasons are the
// words of the log, in brackets.

import { defectSentences, discardSentences, refuseSentences, warningSentences } from "@sesame/core/explain";
import { effectWords, withheldWords } from "../effect-words.ts";
import { durationText } from "./durations.ts";
import { type Fields, numberIn, objectIn, objectsIn, textIn } from "./fields.ts";
import { because, listed, type Mark, type Said } from "./said.ts";

/** What became of one recipient. `text` follows its address; `more`: replies and forwards. */
type End = Readonly<{ recipient: string; kind: "has" | "blocked" | "not" | "waits"; text: string; more: readonly string[] }>;

const marks: Readonly<Record<string, Mark>> = {
  delivered: "well",
  partial: "look",
  blocked: "blocked",
  all_invalid: "bad",
  rejected: "bad",
};

/** The sentence about one attempt at a mail. */
export function mailSaid(line: Fields): Said {
  const courses = objectsIn(line["courses"]);
  const [only] = courses;
  const from = textIn(line["from"]);
  const settlement = objectIn(line["settlement"]);
  const more = warningTexts(courses);
  if (only?.["kind"] === "discard") {
    const reason = textIn(only["reason"]);
    return { mark: "blocked", subject: from, text: `dropped${because(reason, whyOf(discardSentences, reason))}`, more };
  }
  const ends = courses.map((course) => endOf(course, from));
  const subject = [from, targetOf(ends)] as const;
  if (settlement["kind"] === "retry") return { mark: "again", subject, text: retryText(line, settlement, courses, ends), more };
  const mark = marks[textIn(objectIn(settlement["mark"])["status"])] ?? "look";
  const isPassedOn = mark === "well" && !ends.some(({ kind }) => kind === "has"); // by a forward, and not to the mailbox
  return { mark: isPassedOn ? "look" : mark, subject, text: closedText(line, mark, ends), more };
}

function targetOf(ends: readonly End[]): string {
  return ends.length === 1 ? (ends[0]?.recipient ?? "") : `${ends.length || "no"} recipients`;
}

function endOf(course: Fields, from: string): End {
  const recipient = textIn(course["recipient"]);
  const reason = textIn(course["reason"]);
  if (course["kind"] === "block") return { recipient, kind: "blocked", text: blockText(course, from), more: [] };
  if (course["kind"] === "refuse")
    return { recipient, kind: "not", text: because(reason, whyOf(refuseSentences, reason)).trim(), more: [] };
  const effects = objectsIn(course["effects"]);
  const delivery = objectIn(effects.find(({ kind }) => kind === "deliver")?.["verdict"]);
  const withheld = objectsIn(course["withheld"]).map(({ kind, to, reason: why }) =>
    withheldWords({ kind: textIn(kind), to: textIn(to), reason: textIn(why) }),
  );
  const more = [...effects.filter(({ kind }) => kind !== "deliver").map(effectText), ...withheld];
  const text = because(
    textIn(delivery["reason"]) || (delivery["action"] === undefined ? "stopped" : ""),
    textIn(delivery["detail"]),
  ).trim();
  return { recipient, kind: kindOf(textIn(delivery["action"])), text, more };
}

function kindOf(action: string): End["kind"] {
  if (action === "delivered" || action === "relayed") return "has";
  return action === "failed" || action === "skipped" ? "not" : "waits";
}

function blockText({ pattern, row, matched }: Fields, from: string): string {
  const who = textIn(matched) === from ? "" : `${textIn(matched)} `;
  return `${who}matches "${textIn(pattern)}" of the row ${textIn(row)}`;
}

/** A reply or forward, with what the server answered if it was not done. */
function effectText(effect: Fields): string {
  const verdict = objectIn(effect["verdict"]);
  const { action, reason, detail } = {
    action: textIn(verdict["action"]),
    reason: textIn(verdict["reason"]),
    detail: textIn(verdict["detail"]),
  };
  const standIn = textIn(effect["notice"]) || null;
  const words = effectWords({ kind: textIn(effect["kind"]), to: textIn(effect["to"]), standIn, action, reason });
  return (action === "failed" || action === "delayed") && detail !== "" ? `${words}: ${detail}` : words;
}

/** The mail is done. */
function closedText(line: Fields, mark: Mark, ends: readonly End[]): string {
  const having = ends.filter(({ kind }) => kind === "has");
  const others = ends.filter(({ kind }) => kind !== "has");
  const [only] = ends;
  if (only !== undefined && ends.length === 1) return [headOf(only, line), ...only.more].join("; ");
  if (ends.length === 0) return "not delivered: the notice names no recipient";
  if (having.length === 0 && mark === "blocked")
    return `blocked: ${others.map(({ recipient, text }) => `${recipient}: ${text}`).join("; ")}`;
  const head =
    having.length === 0
      ? "not delivered"
      : mark === "look"
        ? `partly: ${having.length} ${having.length === 1 ? "has" : "have"} it`
        : `${deliveredText(line)} to ${listed(having.map(({ recipient }) => recipient))}`;
  return [head, ...others.map(namedEnd), ...ends.flatMap(namedMore)].join("; ");
}

/** `nobody@example.com (no-such-mailbox): 550 5.1.1 User unknown`. */
function namedEnd({ recipient, kind, text }: End): string {
  return kind === "blocked" ? `${recipient} blocked: ${text}` : `${recipient}${text.startsWith(":") ? "" : " "}${text}`;
}

function namedMore({ recipient, more }: End): readonly string[] {
  return more.length === 0 ? [] : [`${recipient}: ${more.join("; ")}`];
}

function headOf({ kind, text }: End, line: Fields): string {
  switch (kind) {
    case "has":
      return deliveredText(line);
    case "blocked":
      return `blocked: ${text}`;
    case "not":
      return `not delivered${text.startsWith(":") ? "" : " "}${text}`;
    case "waits":
      return `delivery waits${text === "" ? "" : ` ${text}`}`;
    default:
      return kind satisfies never;
  }
}

/** How long the mail took from SES to the mailbox, and of which mail it is a bounce. */
function deliveredText(line: Fields): string {
  const sinceReceived = (Date.parse(textIn(line["time"])) - Date.parse(textIn(line["receivedAt"]))) / 1000;
  const seconds = Math.max(numberIn(line["seconds"]) ?? 0, Number.isNaN(sinceReceived) ? 0 : sinceReceived);
  const bounce = objectIn(line["bounce"]);
  const failed = textIn(bounce["failed"]);
  const isBounce = bounce["result"] !== undefined;
  const what = failed === "" ? "as a bounce of a mail that has no row (unknown)" : `as a bounce of the mail to ${failed}`;
  return `delivered after ${durationText(seconds)}${isBounce ? `, ${what}` : ""}`;
}

/** The mail goes back to the queue: when it is tried again, why, and what is done already. */
function retryText(line: Fields, { afterSeconds, reason }: Fields, courses: readonly Fields[], ends: readonly End[]): string {
  const word = textIn(reason);
  const next = `try ${(numberIn(line["receiveCount"]) ?? 1) + 1} in ${durationText(numberIn(afterSeconds) ?? 0)}`;
  const isOne = ends.length === 1;
  const waiting = ends.find(({ kind, text }) => kind === "waits" && text.startsWith(`(${word})`));
  const others = ends.filter((end) => end !== waiting).map((end) => (isOne ? headOf(end, line) : restOf(end)));
  const more = ends.flatMap((end) => (isOne ? end.more : namedMore(end)));
  if (waiting === undefined) return [`${next}${firstDelayed(courses, word)}`, ...others, ...more].join("; ");
  const detail = waiting.text.slice(word.length + 2);
  return [`${next} (${word})${isOne ? detail : `: ${waiting.recipient}${detail}`}`, ...others, ...more].join("; ");
}

function restOf(end: End): string {
  if (end.kind === "has") return `${end.recipient} has it`;
  return end.kind === "waits" ? `${end.recipient} waits${end.text === "" ? "" : ` ${end.text}`}` : namedEnd(end);
}

/** A delivered mail comes back for a reply or forward: its own words follow, so only the reason is named here. */
function firstDelayed(courses: readonly Fields[], word: string): string {
  const effects = courses.flatMap((course) => objectsIn(course["effects"]));
  const effect = effects.find(({ kind, verdict }) => kind !== "deliver" && objectIn(verdict)["reason"] === word);
  return effect === undefined ? ` (${word})` : ` for the ${effect["kind"] === "reply" ? "auto-reply" : "forward"} (${word})`;
}

/** Each warning once, with its sentence, its word and where it is. */
function warningTexts(courses: readonly Fields[]): readonly string[] {
  const warnings = courses.flatMap(({ warnings: list }) => objectsIn(list));
  return [...new Set(warnings.map(warningText))];
}

function warningText(warning: Fields): string {
  const kind = textIn(warning["kind"]);
  const defect = textIn(warning["defect"]);
  const word = defect || kind;
  const why = defect === "" ? whyOf(warningSentences, kind) : whyOf(defectSentences, defect);
  const table = kind === "rule-invalid" && warning["table"] === "rules" ? "rules" : "blocklist";
  const row = textIn(warning["key"]) === "" ? "" : `: ${textIn(warning["key"])} in the ${table}: ${textIn(warning["text"])}`;
  return `${why === "" ? "warning" : why} (${word})${row}`;
}

/** The sentence for a word; "" for a word of another version. */
function whyOf(sentences: Readonly<Record<string, Readonly<{ why: string }>>>, word: string): string {
  return Object.hasOwn(sentences, word) ? (sentences[word]?.why ?? "") : "";
}
