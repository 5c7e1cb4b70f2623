// Ledger book: what the ledger remembers of mails, for people who look for one. It claims nothing. Workers do not use it.

import type { EffectKey } from "../plan/types.ts";
import type { Final } from "../plan/verdict.ts";
import type { MailId } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";

/** The end of one effect, and when it was recorded; `null` in rows of earlier versions. */
export type LedgerEnd = Readonly<{ key: EffectKey; final: Final; at: EpochMs | null }>;

/** "closed": done for all. "held": a worker has a lease. "open": recipients wait, and no worker has the mail. */
export type LedgerState = "closed" | "held" | "open";

/** What the ledger remembers of one mail. */
export type LedgerEntry = Readonly<{
  mailId: MailId;
  state: LedgerState;
  /** Until when the lease lasts; `null` if there is none. */
  until: EpochMs | null;
  /** When a worker first took the mail; `null` in rows of earlier versions. */
  since: EpochMs | null;
  /** Until when the mail is remembered. */
  expires: EpochMs | null;
  crashes: number;
  /** How many recipients are not done. */
  waiting: number;
  ends: readonly LedgerEnd[];
}>;

/** By what mails are searched: hashes of `trace-hashes.ts`. `mailbox`: of the recipient without its tag. */
export type LedgerQuestion =
  | { readonly kind: "message"; readonly hash: string }
  | { readonly kind: "recipient"; readonly hash: string; readonly mailbox: string };

/** `most`: mails that are wanted. `pages`: how much is read if there is no index, in the units of the store. */
export type LedgerLimits = Readonly<{ most: number; pages: number; onLooked?: (rows: number) => void }>;

/**
 * Mails that were found, the newest first where that is known. `by`: "first" asked an index in which only the first recipient of
 * a mail stands, "index" one in which all stand. `looked`: rows that were read, of about so many (`null`: not known). `complete`:
 * false if there may be more.
 */
export type LedgerFound = Readonly<{
  mails: readonly MailId[];
  by: "index" | "first" | "scan";
  looked: number;
  of: number | null;
  complete: boolean;
}>;

/** Reads the ledger, and takes back what failed. A method may throw, as those of the ports do. */
export interface LedgerBook {
  read(mailId: MailId): Promise<LedgerEntry | null>;
  /** The states of those that are remembered. */
  states(mailIds: readonly MailId[]): Promise<ReadonlyMap<MailId, LedgerState>>;
  search(question: LedgerQuestion, limits: LedgerLimits): Promise<LedgerFound>;
  /**
   * Takes back failed deliveries of a closed mail: the next notice that names these recipients opens the mail for them. All other ends
   * stand. "changed": the mail is not closed, or has no such ends, or was opened meanwhile.
   */
  takeBack(mailId: MailId, failed: readonly EffectKey[]): Promise<"taken-back" | "changed">;
  /** The key of the hashes, if there is one. Unlike a worker, this makes none. */
  key(): Promise<Uint8Array | null>;
}
