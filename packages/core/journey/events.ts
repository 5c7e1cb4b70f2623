// Journal events: everything that happens to a mail which somebody may want to read in a log or count in a metric, as
// data. Reasons are the very words of the unions that decided. No event holds body text or a secret.

import type { Unforwardable } from "../compose/stand-in.ts";
import type { Effect, EffectKey, Plan, Route } from "../plan/types.ts";
import type { Verdict } from "../plan/verdict.ts";
import type { MailId } from "../ses/notice.ts";
import type { IgnoreReason } from "../ses/queue-entry.ts";
import type { SesVerdicts } from "../ses/ses-verdicts.ts";
import type { EpochMs } from "../time.ts";
import type { ForeignMark } from "./foreign-mark.ts";
import type { Settlement } from "./settle.ts";

/** The stages whose time is told, as the journey names them. */
export type Stage = "decode" | "gather" | "parse" | "look-up" | "plan" | "execute" | "close";

/** Why a mail that all recipients block is not deleted. */
export type KeptReason =
  | "queues-never-quiet" // for 12 hours another notice might still come
  | "too-many-wait"; // 10,000 entries of the queue wait for such mails

/** One thing that happened. docs/logs.md tells of each what its line means. */
export type JournalEvent =
  | { readonly kind: "entry-ignored"; readonly entryId: string; readonly reason: IgnoreReason }
  | { readonly kind: "entry-undecodable"; readonly entryId: string; readonly text: string }
  | { readonly kind: "event-noted"; readonly news: "bounce" | "complaint"; readonly sesId: string }
  | { readonly kind: "already-closed"; readonly mailId: MailId }
  | ({ readonly kind: "mark-honoured"; readonly mailId: MailId } & ForeignMark) // acknowledged, and not delivered by us
  | { readonly kind: "busy-elsewhere"; readonly mailId: MailId; readonly until: EpochMs }
  | { readonly kind: "taken-over"; readonly mailId: MailId; readonly crashes: number } // a possible duplicate
  | { readonly kind: "set-aside"; readonly mailId: MailId; readonly crashes: number }
  | { readonly kind: "object-missing"; readonly mailId: MailId }
  | { readonly kind: "erase-waits"; readonly mailId: MailId; readonly afterSeconds: number } // blocked by all, not deleted yet
  | { readonly kind: "erased"; readonly mailId: MailId }
  | { readonly kind: "blocked-kept"; readonly mailId: MailId; readonly reason: KeptReason }
  | { readonly kind: "unrecorded"; readonly mailId: MailId; readonly keys: readonly EffectKey[] } // a possible duplicate
  /** Another claim has the mail. With keys: what was sent and could not be recorded, a possible duplicate. */
  | { readonly kind: "fenced"; readonly mailId: MailId; readonly keys: readonly EffectKey[] }
  | { readonly kind: "bounce"; readonly mailId: MailId; readonly result: "rewritten" | "unknown" | "awaited" }
  | {
      readonly kind: "deed";
      readonly mailId: MailId;
      readonly effect: Effect["kind"];
      readonly key: EffectKey;
      readonly route: Route;
      readonly verdict: Verdict;
      /** What was sent is a stand-in for a forward, for this reason. */
      readonly standIn?: Unforwardable;
    }
  | { readonly kind: "audit-failed"; readonly mailId: MailId; readonly operation: "mark" | "erase"; readonly text: string }
  | {
      readonly kind: "port-error";
      readonly port: string;
      readonly operation: string;
      readonly text: string;
      readonly mailId: MailId | null;
    }
  /** `mailId` is absent where no mail is known yet. */
  | { readonly kind: "stage"; readonly stage: Stage; readonly seconds: number; readonly mailId?: MailId }
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
      /** What SES found in the mail. */
      readonly sesVerdicts?: SesVerdicts;
      /** Of a bounce that SES made of a mail of ours: the addresses that failed. */
      readonly bounce?: readonly string[];
    };
