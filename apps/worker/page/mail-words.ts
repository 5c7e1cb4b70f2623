// Mail words: a kept mail in one row: its mark and word, and what became of it, with the reason or the server's answer below. The
// reasons are the words of the log, in brackets behind a sentence.

import { delaySentences, discardSentences, failSentences, refuseSentences, skipSentences, withheldSentences } from "@sesame/core/explain";
import { type ActRecord, endedAt, type MailRecord, type Outcome, type RecipientRecord } from "./mail-record.ts";
import type { Shape } from "./parts.tsx";
import type { Tone } from "./verdict.ts";
import { ageText, spanText } from "./words.ts";

export type OutcomeWord = Readonly<{ word: string; shape: Shape; tone: Tone | "blocked"; filter: Filter }>;
export type Filter = "delivered" | "blocked" | "waiting" | "not-delivered" | "partly";

/** How each outcome is shown. */
export const outcomeWords: Readonly<Record<Outcome, OutcomeWord>> = {
  delivered: { word: "Delivered", shape: "tick", tone: "ok", filter: "delivered" },
  partial: { word: "Partly", shape: "half", tone: "wait", filter: "partly" },
  blocked: { word: "Blocked", shape: "stop", tone: "blocked", filter: "blocked" },
  discard: { word: "Dropped", shape: "stop", tone: "blocked", filter: "blocked" },
  rejected: { word: "Not delivered", shape: "cross", tone: "bad", filter: "not-delivered" },
  all_invalid: { word: "Not delivered", shape: "cross", tone: "bad", filter: "not-delivered" },
  retry: { word: "Waiting", shape: "again", tone: "wait", filter: "waiting" },
};

/** What became of a mail, and the reason or the answer. */
export type Became = Readonly<{ main: string; below: string }>;

/** The row of a mail. `now`: for the time until the next try. */
export function becameOf(record: MailRecord, now: number): Became {
  switch (record.outcome) {
    case "retry":
      return waiting(record, now);
    case "discard":
      return { main: `dropped (${record.discard ?? ""})`, below: sentenceOf(discardSentences, record.discard ?? "") };
    case "blocked":
      return blocked(record);
    case "rejected":
    case "all_invalid":
      return { main: troubles(record).join("; ") || "nobody got it", below: answerOf(record) };
    case "delivered":
    case "partial":
      return reached(record);
    default:
      return record.outcome satisfies never;
  }
}

type Serving = Extract<RecipientRecord, { readonly kind: "serve" }>;
const servingIn = ({ recipients }: MailRecord): readonly Serving[] => recipients.filter((each) => each.kind === "serve");
const deliveryOf = ({ acts }: Serving): ActRecord | undefined => acts.find(({ kind }) => kind === "deliver");

function blocked(record: MailRecord): Became {
  const [first] = record.recipients.filter((each) => each.kind === "block");
  if (first === undefined) return { main: "its recipients block the sender", below: "" };
  return { main: `matches "${first.pattern}"`, below: `row ${first.row} of the blocklist` };
}

function waiting(record: MailRecord, now: number): Became {
  const again = record.tries.at(-1)?.again;
  const seconds = again ? (endedAt(record) - now) / 1000 + again.afterSeconds : 0;
  const when = seconds <= 0 ? "next try now" : `next try in ${ageText(seconds)}`;
  const waits = servingIn(record).flatMap(({ acts }) => acts.filter(({ action }) => action === "delayed"));
  const [first] = waits;
  const reason = first?.reason ?? again?.reason ?? "";
  return { main: `${when}: ${sentenceOf(delaySentences, reason)} (${reason})`, below: first?.detail ?? "" };
}

function reached(record: MailRecord): Became {
  const serving = servingIn(record);
  const inMailbox = serving.filter((each) => deliveryOf(each)?.action === "delivered");
  const latest = Math.max(...inMailbox.map((each) => deliveryOf(each)?.at ?? 0));
  const took = spanText((latest - record.receivedAt) / 1000);
  const many = inMailbox.length === 1 ? "in the mailbox" : `in ${inMailbox.length} mailboxes`;
  const where =
    inMailbox.length === 0
      ? []
      : [record.outcome === "partial" ? `${inMailbox.length} ${inMailbox.length === 1 ? "has" : "have"} it` : `${many} after ${took}`];
  const bounce = record.bounceOf.length === 0 ? [] : [`as a bounce of your mail to ${record.bounceOf.join(", ")}`];
  const sent = serving.flatMap(({ acts }) => acts.flatMap(sentText));
  const blockers = record.recipients.flatMap((each) => (each.kind === "block" ? [`${each.recipient} blocks the sender`] : []));
  const main = [...where, ...bounce, ...sent, ...blockers, ...troubles(record)].join(", ");
  return { main, below: record.outcome === "partial" ? answerOf(record) : withheldText(serving) };
}

/** What left for others. */
function sentText(act: ActRecord): readonly string[] {
  if (act.action !== "relayed") return [];
  if (act.kind === "reply") return [`reply sent to ${act.to}`];
  return [act.standIn === null ? `forwarded to ${act.to}` : `a stand-in sent to ${act.to} (${act.standIn})`];
}

function withheldText(serving: readonly Serving[]): string {
  const all = serving.flatMap(({ withheld }) => withheld);
  const texts = all.map(({ kind, to, reason }) => (kind === "reply" ? `no reply (${reason})` : `not forwarded to ${to} (${reason})`));
  const late = serving.flatMap((each) => ((deliveryOf(each)?.earlier.length ?? 0) > 0 ? [`${each.recipient} at a later try`] : []));
  return [...texts, ...late].join(", ");
}

/** For whom it failed, and why. */
function troubles(record: MailRecord): readonly string[] {
  const many = record.recipients.length > 1;
  return record.recipients.flatMap((each) => {
    const who = many ? `${each.recipient}: ` : "";
    if (each.kind === "refuse") return [`${who}${sentenceOf(refuseSentences, each.reason)} (${each.reason})`];
    const delivery = each.kind === "serve" ? deliveryOf(each) : undefined;
    if (delivery?.action !== "failed") return [];
    return [`${who}${sentenceOf(failSentences, delivery.reason ?? "")} (${delivery.reason})`];
  });
}

function answerOf(record: MailRecord): string {
  const acts = servingIn(record).flatMap(({ acts }) => acts);
  return acts.find(({ action }) => action === "failed")?.detail ?? acts.find(({ action }) => action === "delayed")?.detail ?? "";
}

/** The sentence of a reason word; the word itself if it has none. */
export function sentenceOf(table: Readonly<Record<string, string | Readonly<{ why: string }>>>, word: string): string {
  const found = Object.hasOwn(table, word) ? table[word] : undefined;
  return found === undefined ? word : typeof found === "string" ? found : found.why;
}

/** The sentence of a verdict that is no success. */
export function verdictSentence({ action, reason }: Pick<ActRecord, "action" | "reason">): string {
  if (action === "failed") return sentenceOf(failSentences, reason ?? "");
  if (action === "skipped") return sentenceOf(skipSentences, reason ?? "");
  return action === "delayed" ? sentenceOf(delaySentences, reason ?? "") : "it was not started";
}

/** The sentence of a withheld act, how to change it, and the fields that show it. */
export function withheldSentence(reason: string): (typeof withheldSentences)[keyof typeof withheldSentences] | null {
  return Object.hasOwn(withheldSentences, reason) ? withheldSentences[reason as keyof typeof withheldSentences] : null;
}
