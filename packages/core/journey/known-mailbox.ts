// Known mailbox: what becomes of the answer "no such mailbox" for a mailbox that exists by all that we know. While a mail
// server restarts, its table of users may be empty, and it then refuses everybody. Such a refusal is believed only if the
// server repeats it ten minutes later. For a mailbox that nobody knows it is final at once.

import type { Address } from "../mail/address.ts";
import type { EffectKey } from "../plan/types.ts";
import { type Delayed, delayed, type Final, type Verdict } from "../plan/verdict.ts";
import type { EpochMs } from "../time.ts";

/** What this process knows of mailboxes. */
export interface Mailboxes {
  /** Whether a mailbox probably exists: it took mail, or nobody can tell yet. */
  mayExist(mailbox: Address): boolean;
  /** Told when a mailbox took a mail. */
  tookMail(mailbox: Address): void;
}

/** Knows no mailbox. For callers whose mail server never loses its list of users. */
export const noKnownMailboxes: Mailboxes = { mayExist: () => false, tookMail: () => {} };

/** When the server first refused known mailboxes of a mail, by the key of the delivery. */
export type FirstRefusals = ReadonlyMap<EffectKey, EpochMs>;

/** Seconds after which a known mailbox is tried again. */
export const secondTrySeconds: number = 600;

/** The verdict for a known mailbox until its second try. */
export const awaitsSecondTry: Delayed = delayed(
  "known-mailbox-refused",
  "recipient",
  "the mail server says that there is no such mailbox; it is asked once more",
  { status: "4.1.1" },
);

/** Whether a refusal must be repeated before it counts. `row`: the key of the rule row that applies, or `null`. */
export function needsSecondTry(verdict: Verdict, mailbox: Address, row: string | null, mailboxes: Mailboxes): verdict is Final {
  if (verdict.action !== "failed" || verdict.reason !== "no-such-mailbox") return false;
  const hasOwnRow = row !== null && !row.startsWith("*@");
  return hasOwnRow || mailboxes.mayExist(mailbox);
}

/** Whether the second try is not due yet. `refusedAt`: when the mailbox was refused first; `undefined`: it was not. */
export function isTooEarly(refusedAt: EpochMs | undefined, now: EpochMs): boolean {
  return refusedAt !== undefined && now < refusedAt + secondTrySeconds * 1000;
}

/** A first refusal, as it stands in the ledger among the finals of the mail: under a key of its own, with the answer of the server. */
export function firstRefusal(delivery: EffectKey, at: EpochMs, answer: Final): readonly [EffectKey, Final] {
  return [`first-refusal ${at} ${delivery}` as EffectKey, answer];
}

/** Takes the first refusals out of what the ledger keeps of a mail. */
export function splitFirstRefusals(
  recorded: ReadonlyMap<EffectKey, Final>,
): Readonly<{ finals: ReadonlyMap<EffectKey, Final>; firstRefusals: FirstRefusals }> {
  const finals = new Map<EffectKey, Final>();
  const firstRefusals = new Map<EffectKey, EpochMs>();
  for (const [key, final] of recorded) {
    const [, at, delivery] = /^first-refusal (\d{1,15}) (.+)$/s.exec(key) ?? [];
    if (delivery === undefined) finals.set(key, final);
    else if (!firstRefusals.has(delivery as EffectKey)) firstRefusals.set(delivery as EffectKey, Number(at) as EpochMs);
  }
  return { finals, firstRefusals };
}
