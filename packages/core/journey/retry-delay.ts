// Retry delay: how many seconds an entry waits before it comes back. Jitter derives from the id, not from random numbers, so a
// retry is repeatable and entries that began to wait together are spread. settle.ts and journey.ts decide what to wait for.

import { derivedId } from "../derived-id.ts";
import type { Verdict } from "../plan/verdict.ts";
import type { EpochMs } from "../time.ts";
import { secondTrySeconds } from "./known-mailbox.ts";

// In seconds.
const [firstDelay, longestDelay, roomDelay] = [30, 3600, 10];
const [handBackBase, handBackSpread] = [20, 11];
const [firstAway, longestAway] = [300, 39_000]; // with its jitter below the twelve hours that SQS allows
const [sameMailBase, sameMailSpread] = [5, 15];
const rowDelay = 30; // the event that fills the outbound table may be slower than the bounce mail

/** Doubles from 30 s up to an hour, with up to a fifth of jitter. `id`: of the mail, or of the entry where that is unknown. */
export function backOff(id: string, receiveCount: number): number {
  const base = Math.min(firstDelay * 2 ** Math.min(Math.max(receiveCount - 1, 0), 20), longestDelay);
  const jitter = derivedNumber("jitter", id, String(receiveCount)) / 0xffff;
  return Math.round(base * (0.9 + 0.2 * jitter));
}

/**
 * Seconds until a mail with a delayed effect is tried again. An effect that was not begun can begin at once in another worker.
 * Everything else backs off with each receive, also when a whole host is in trouble: the pollers stop while the mail server
 * is unreachable, but not for the internal port, nor for a server that accepts connections and refuses each mail.
 */
export function retryDelay({ reason }: Extract<Verdict, { readonly action: "delayed" }>, id: string, receiveCount: number): number {
  if (reason === "stopped") return 0;
  if (reason === "no-room") return noRoomDelay(id, receiveCount);
  if (reason === "known-mailbox-refused") return secondTrySeconds;
  if (reason === "service-away") return awayDelay(id, receiveCount);
  return backOff(id, receiveCount);
}

/** Seconds until a mail is tried again that found no room in memory: 10 the first time, then longer with each receive. */
export function noRoomDelay(id: string, receiveCount: number): number {
  return receiveCount <= 1 ? roomDelay : backOff(id, receiveCount - 1);
}

/**
 * Seconds until an entry is received again that came while a circuit was open: 20 to 30. With 0 seconds the next worker
 * would receive it at once, and so each worker of a fleet one after another.
 */
export function handBackDelay(entryId: string): number {
  return handBackBase + (derivedNumber("hand-back", entryId) % handBackSpread);
}

/**
 * Seconds until a mail is tried again whose service is away while other mail flows: half a minute, then five minutes, then
 * twice as long each time up to eleven hours. A mail that waits for a day is received about ten times, and one that waits for
 * five days about twenty times, so that it is no dead letter before.
 */
export function awayDelay(id: string, receiveCount: number): number {
  if (receiveCount <= 1) return backOff(id, receiveCount);
  const base = Math.min(firstAway * 2 ** Math.min(receiveCount - 2, 20), longestAway);
  return Math.round(base * (0.9 + 0.2 * (derivedNumber("jitter", id, String(receiveCount)) / 0xffff)));
}

/**
 * Seconds until an entry is tried again whose mail is in work for another entry. Longer with each receive, since that work may
 * wait ten minutes for the mail server (RFC 5321 §4.5.3.2.6), and spread over several entries.
 */
export function sameMailDelay(entryId: string, receiveCount: number): number {
  if (receiveCount > 1) return backOff(entryId, receiveCount - 1);
  return sameMailBase + (derivedNumber("same-mail", entryId) % sameMailSpread);
}

/**
 * Seconds that a bounce waits for its row in the outbound table; 0: it waits no longer. It always waits at the first receive:
 * after an outage the event that fills the row may still be in the queue. Later it waits only until it is 30 s old.
 */
export function outboundRowDelay(receiveCount: number, receivedAt: EpochMs, now: EpochMs): number {
  if (receiveCount <= 1) return rowDelay;
  const age = (now - receivedAt) / 1000;
  return Math.abs(age) < rowDelay ? Math.ceil(rowDelay - Math.max(age, 0)) : 0;
}

/** Milliseconds from the closing of a mail that all recipients block to its deletion. Until then another notice may name others. */
export const eraseDelayMs: number = 15 * 60_000;
const [longestEraseDelayMs, eraseLimitMs] = [240 * 60_000, 12 * 3_600_000];

/**
 * Milliseconds until such a mail is looked at again, `sinceMs` after it was closed, when another notice may still come; `null`: no
 * more, it is kept. 15, 30, 60, 120 and then 240 minutes, 12 hours in all, which is also the most that SQS hides an entry.
 */
export function nextEraseDelayMs(sinceMs: number): number | null {
  const left = eraseLimitMs - sinceMs;
  return left < 60_000 ? null : Math.min(Math.max(sinceMs, 0) + eraseDelayMs, longestEraseDelayMs, left);
}

/** 0 to 65535. */
function derivedNumber(...parts: readonly string[]): number {
  return Number.parseInt(derivedId(...parts).slice(0, 4), 16);
}
