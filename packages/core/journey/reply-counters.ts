// Reply counters: what an auto-reply is counted in before it is sent, so that nobody can make us answer without end: the replies of a
// mailbox within an hour, and the replies to one sender, from all mailboxes, within a day (UTC). It keeps no count; a Ledger does.
// The time is that of the notice: an attempt in the next hour counts in the same counters, and so a mail counts once.

import { derivedId } from "../derived-id.ts";
import { dayMs, type EpochMs, hourMs } from "../time.ts";
import type { ReplyCount } from "./ports.ts";

/** One counter. `entry` names the auto-reply in it, and is counted once however often it is added. */
export type ReplyCounter = Readonly<{ id: string; entry: string; limit: number; expiresAt: EpochMs }>;

// An auto-reply is given up a day after its mail; its counters are kept for another day.
const keptMs = 2 * dayMs;

/**
 * Returns the counters of an auto-reply, in the order in which they must be asked: a reply that the sender's counter refuses
 * takes nothing from the mailbox. A limit of 0 has no counter.
 */
export function replyCounters({ mailId, effect, mailbox, sender, receivedAt, perHour, perDay }: ReplyCount): readonly ReplyCounter[] {
  const entry = derivedId("reply count", mailId, effect).slice(0, 16);
  const counter = (who: string, windowMs: number, length: number, limit: number): ReplyCounter => {
    const begin = receivedAt - (receivedAt % windowMs);
    const id = `replies#${who}#${new Date(begin).toISOString().slice(0, length)}`;
    return { id, entry, limit, expiresAt: (begin + windowMs + keptMs) as EpochMs };
  };
  // 2026-01-05 names a day, and 2026-01-05T12 an hour: an address that is both has two counters.
  return [counter(sender, dayMs, 10, perDay), counter(mailbox, hourMs, 13, perHour)].filter(({ limit }) => limit > 0);
}
