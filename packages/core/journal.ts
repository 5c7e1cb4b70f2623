// Journal events: everything that happens to a mail which somebody may want to read in a log or count in a metric, as
// data. Reasons are the very words of the unions that decided. No event holds body text or a secret.

import type { Plan } from "./course.ts";
import type { Effect, EffectKey, Route, Unforwardable } from "./effect.ts";
import type { EpochMs, IgnoreReason, MailId } from "./notice.ts";
import { type Clock, type Journal, PortError } from "./ports.ts";
import type { Settlement } from "./settle.ts";
import type { Verdict } from "./verdict.ts";

/** The stages whose time is told, as the journey names them. */
export type Stage = "decode" | "gather" | "parse" | "plan" | "execute" | "close";

/** One thing that happened. docs/logs.md tells of each what its line means. */
export type JournalEvent =
  | { readonly kind: "entry-ignored"; readonly entryId: string; readonly reason: IgnoreReason }
  | { readonly kind: "entry-undecodable"; readonly entryId: string; readonly text: string }
  | { readonly kind: "event-noted"; readonly news: "bounce" | "complaint"; readonly sesId: string }
  | { readonly kind: "already-closed"; readonly mailId: MailId }
  | { readonly kind: "busy-elsewhere"; readonly mailId: MailId; readonly until: EpochMs }
  | { readonly kind: "taken-over"; readonly mailId: MailId; readonly crashes: number } // a possible duplicate
  | { readonly kind: "set-aside"; readonly mailId: MailId; readonly crashes: number }
  | { readonly kind: "object-missing"; readonly mailId: MailId }
  | { readonly kind: "unrecorded"; readonly mailId: MailId; readonly keys: readonly EffectKey[] } // a possible duplicate
  | { readonly kind: "fenced"; readonly mailId: MailId }
  | { readonly kind: "bounce"; readonly mailId: MailId; readonly result: "rewritten" | "unknown" | "awaited" }
  | {
      readonly kind: "deed";
      readonly mailId: MailId;
      readonly effect: Effect["kind"];
      readonly key: EffectKey;
      readonly route: Route;
      readonly verdict: Verdict;
      /** What was sent is a notice in the place of a forward, for this reason. */
      readonly notice?: Unforwardable;
    }
  | { readonly kind: "audit-failed"; readonly mailId: MailId; readonly operation: "mark" | "erase"; readonly text: string }
  | {
      readonly kind: "port-error";
      readonly port: string;
      readonly operation: string;
      readonly text: string;
      readonly mailId: MailId | null;
    }
  | { readonly kind: "stage"; readonly stage: Stage; readonly seconds: number }
  /** The closing line of a mail: one for each attempt, and one with a closing settlement for each mail. */
  | {
      readonly kind: "mail";
      readonly mailId: MailId;
      readonly sesId: string;
      readonly from: string | null;
      readonly receivedAt: EpochMs;
      readonly receiveCount: number;
      readonly plan: Plan;
      readonly verdicts: ReadonlyMap<EffectKey, Verdict>;
      readonly settlement: Settlement;
      readonly seconds: number;
    };

/** What was thrown, as an event. Where no port is named, a bug threw it. */
export function thrownEvent(error: unknown, mailId: MailId | null): Extract<JournalEvent, { readonly kind: "port-error" }> {
  const { port, operation } = error instanceof PortError ? error : { port: "unknown", operation: "unknown" };
  return { kind: "port-error", port, operation, text: error instanceof Error ? error.message : String(error), mailId };
}

/** Tells the journal how long each stage took: from the one before it, or from here. */
export function stopwatch(clock: Clock, journal: Journal): (stage: Stage) => void {
  let since = clock.now();
  return (stage) => {
    const now = clock.now();
    journal.note({ kind: "stage", stage, seconds: (now - since) / 1000 });
    since = now;
  };
}
