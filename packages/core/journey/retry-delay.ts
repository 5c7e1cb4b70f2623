// Retry delay: how long an entry waits before it comes back, where something must be waited for. Takes data and gives seconds.
// All is derived and nothing is chance, so that a retry is repeatable; and what derives from the id spreads entries that
// began to wait together. What must be waited for is decided in settle.ts and journey.ts.

import { derivedId } from "../derived-id.ts";
import type { Verdict } from "../plan/verdict.ts";
// All in seconds.
import type { EpochMs } from "../time.ts";

const [firstDelay, longestDelay, roomDelay] = [30, 3600, 10];
const [sameMailBase, sameMailSpread] = [5, 15];
const rowDelay = 30; // the event that fills the outbound table may be slower than the bounce mail

/** Doubles from 30 s up to an hour, with up to a fifth of jitter. `id`: of the mail, or of the entry where that is unknown. */
export function backOff(id: string, receiveCount: number): number {
  const base = Math.min(firstDelay * 2 ** Math.min(Math.max(receiveCount - 1, 0), 20), longestDelay);
  const jitter = derivedNumber("jitter", id, String(receiveCount)) / 0xffff;
  return Math.round(base * (0.9 + 0.2 * jitter));
}

/**
 * The delay of a mail with an effect that is delayed. What was not begun can be begun at once elsewhere. All else backs off
 * with every receive, trouble of a whole host too: while the server of the mailboxes is away the pollers receive nothing,
 * so counts stay low and pauses short; but nobody stops them for the internal port, or where a server greets a probe and
 * refuses each mail.
 */
export function retryDelay({ reason }: Extract<Verdict, { readonly action: "delayed" }>, id: string, receiveCount: number): number {
  if (reason === "stopped") return 0;
  if (reason === "no-room") return receiveCount <= 1 ? roomDelay : backOff(id, receiveCount - 1);
  return backOff(id, receiveCount);
}

/**
 * The delay of an entry whose mail another entry has in work. Longer with each receive, since that work may wait ten minutes
 * for a mail server's answer; and not the same for all of them.
 */
export function sameMailDelay(entryId: string, receiveCount: number): number {
  if (receiveCount > 1) return backOff(entryId, receiveCount - 1);
  return sameMailBase + (derivedNumber("same-mail", entryId) % sameMailSpread);
}

/**
 * The delay of a bounce without its row; 0 where it waits no more. At the first receive it waits in any case: after an outage
 * the event that brings the row may stand behind it. Later while it is young: the first receive may have ended before it was read.
 */
export function outboundRowDelay(receiveCount: number, receivedAt: EpochMs, now: EpochMs): number {
  if (receiveCount <= 1) return rowDelay;
  const age = (now - receivedAt) / 1000;
  return Math.abs(age) < rowDelay ? Math.ceil(rowDelay - Math.max(age, 0)) : 0;
}

/** 0 to 65535. */
function derivedNumber(...parts: readonly string[]): number {
  return Number.parseInt(derivedId(...parts).slice(0, 4), 16);
}
