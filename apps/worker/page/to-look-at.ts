// To look at: what an administrator should mend before it hurts, for a day, each thing once. It takes a situation and gives data.

import type { Notable } from "./notables.ts";
import type { Situation } from "./situation.ts";
import { countText, type Words } from "./words.ts";

export type Thing = Readonly<{
  tone: "bad" | "wait";
  text: Words;
  /** What to do. */
  advice: Words;
  /** The section of docs/operations.md. */
  help: string | null;
  /** Since when, or how often. */
  since: Readonly<{ at: number }> | Readonly<{ count: number }>;
}>;

/** The things, worst first. */
export function thingsToLookAt({ deadLetters, notables }: Situation): readonly Thing[] {
  const letters = deadLetters.filter(({ entries }) => entries > 0).map(deadLetterThing);
  const others = notables.flatMap((notable) => thingOf(notable) ?? []);
  return [...letters, ...others].sort((one, other) => Number(one.tone === "wait") - Number(other.tone === "wait"));
}

function deadLetterThing({ label, entries, since }: Situation["deadLetters"][number]): Thing {
  return {
    tone: "bad",
    text: [{ strong: countText(entries, "mail") }, ` ${entries === 1 ? "is" : "are"} in the dead-letter queue of ${label}.`],
    advice: ["Look at them, mend the cause, then move them back: what was done is not done again."],
    help: "the-dead-letter-queue",
    since: { at: since },
  };
}

function thingOf(notable: Notable): Thing | null {
  const { label, text, count, last } = notable;
  const many = { count } as const;
  switch (notable.kind) {
    case "rule-invalid":
      return { tone: "wait", text: ruleText(notable), advice: [text], help: "rule-invalid", since: many };
    case "possible-duplicate":
      return {
        tone: "wait",
        text: [`A mail of ${label} may have been delivered twice (`, { code: text }, ")."],
        advice: ["Occasional ones are normal."],
        help: "possible-duplicates",
        since: many,
      };
    case "refused-us":
      return {
        tone: "bad",
        text: ["The server refused something of ours."],
        advice: [{ code: text }],
        help: "refused-us",
        since: { at: last },
      };
    case "throttled":
      return {
        tone: "wait",
        text: ["SES limited the sending rate."],
        advice: ["Forwards and replies waited."],
        help: "throttled",
        since: many,
      };
    case "audit-failed":
      return {
        tone: "wait",
        text: ["The audit mark could not be written. The mail is done."],
        advice: ["Allow s3:PutObject and s3:DeleteObject."],
        help: "port-error",
        since: many,
      };
    case "clock":
      return {
        tone: "bad",
        text: ["The clock of this machine is wrong."],
        advice: ["Set up time synchronisation."],
        help: "port-error",
        since: { at: last },
      };
    case "set-aside":
    case "object-missing":
      return { tone: "bad", text: aboutMail(notable), advice: [text], help: notable.kind, since: { at: last } };
    case "entry-undecodable":
      return {
        tone: "bad",
        text: [`An entry of ${label} is not a notice of SES.`],
        advice: [text],
        help: "the-dead-letter-queue",
        since: { at: last },
      };
    case "loop":
      return {
        tone: "wait",
        text: [`A poll loop of ${label} was replaced.`],
        advice: ["This is a bug in Sesame: please report the line of the log."],
        help: null,
        since: { at: last },
      };
    default:
      return notable.kind satisfies never;
  }
}

function ruleText({ subject }: Notable): Words {
  const [table = "", ...key] = subject.split(" ");
  if (key.length === 0) return ["A row of a user cannot be read in part, so a rule is off."];
  return [`The ${table === "blocked" ? "blocklist" : "rule"} row `, { code: key.join(" ") }, " cannot be read in part, so a rule is off."];
}

function aboutMail({ kind, subject }: Notable): Words {
  const why = kind === "set-aside" ? "was set aside, because workers crashed" : "is not in S3";
  return subject === "" ? [`A mail ${why}.`] : ["The mail ", { code: subject }, ` ${why}.`];
}
