// Erase blocked: a mail that all its recipients block is deleted on a later visit of its entry. Another receipt rule may have
// announced the same object for others, and their notice must find it. So the entry rests, and the object goes when no such
// notice can be left; it is kept, and counted, where that cannot be known for 12 hours.

import type { Notice } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";
import { eraseMail } from "./audit-trail.ts";
import type { KeptReason } from "./events.ts";
import type { Gathered } from "./gather.ts";
import type { EntryOutcome } from "./outcome.ts";
import type { JourneyPorts, QueueEntry } from "./ports.ts";
import { eraseDelayMs, nextEraseDelayMs } from "./retry-delay.ts";

type ErasePorts = Pick<JourneyPorts, "ledger" | "store" | "clock" | "journal" | "resting" | "leaseSeconds">;
type Closed = Extract<Gathered, { readonly kind: "closed" }>;

const toleranceMs = 5000; // between the clock of the queue and ours

/** Whether this visit comes before its time: the last one ended before the entry was told to rest. */
export function comesEarly(eraseAfter: EpochMs, { clock }: Pick<JourneyPorts, "clock">): boolean {
  return clock.now() < eraseAfter - toleranceMs;
}

/** A later visit: erases the mail, lets its entry rest again, or keeps the mail for good. */
export async function eraseWhenQuiet(
  notice: Notice,
  { answers, nonce, eraseAfter }: Pick<Closed, "answers" | "nonce"> & Readonly<{ eraseAfter: EpochMs }>,
  entry: QueueEntry,
  ports: ErasePorts,
): Promise<EntryOutcome> {
  if (answers?.stored === "missing") return { kind: "ack" }; // it is erased already
  if (comesEarly(eraseAfter, ports)) return letRest(notice, entry, eraseAfter - ports.clock.now(), ports);
  const closedAt = (eraseAfter - eraseDelayMs) as EpochMs;
  if (answers !== null && ports.resting.quietSince(lastHidden(closedAt, ports))) {
    if ((await ports.ledger.keepClosed(notice.mailId, { nonce })) === "kept") await eraseMail(notice, answers.stored, ports);
    return { kind: "ack" };
  }
  const delayMs = nextEraseDelayMs(ports.clock.now() - closedAt);
  return delayMs === null ? keep(notice, "queues-never-quiet", ports) : letRest(notice, entry, delayMs, ports);
}

/**
 * Until then another notice may have been out of sight: it waited for this mail's lease, or for the work on it in its own worker.
 * An empty queue proved nothing before.
 */
function lastHidden(closedAt: EpochMs, { leaseSeconds }: Pick<JourneyPorts, "leaseSeconds">): EpochMs {
  return (closedAt + Math.max(leaseSeconds, 60) * 1000) as EpochMs;
}

/** Lets the entry rest, so that the mail can be erased later. */
export function letRest(notice: Notice, entry: QueueEntry, delayMs: number, ports: Pick<ErasePorts, "journal" | "resting">): EntryOutcome {
  const afterSeconds = Math.ceil(delayMs / 1000);
  if (!ports.resting.admit(entry.id, afterSeconds)) return keep(notice, "too-many-wait", ports);
  ports.journal.note({ kind: "erase-waits", mailId: notice.mailId, afterSeconds });
  return { kind: "retry", afterSeconds };
}

function keep({ mailId }: Notice, reason: KeptReason, { journal }: Pick<ErasePorts, "journal">): EntryOutcome {
  journal.note({ kind: "blocked-kept", mailId, reason });
  return { kind: "ack" };
}
