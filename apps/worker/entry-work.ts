// Entry work: runs the journey of one entry, with a share of the memory, a courier and a ledger of its own. Errors that a
// journey throws are caught here only: the entry stays queued. Its permit and its end in the queue are for the poller.

import { type EntryOutcome, handleEntry, type Journal, type JourneyPorts, type QueueEntry, thrownEvent } from "@sesame/core";
import { awayDelay, backOff, NoRoom, noRoomDelay } from "@sesame/core/journey";
import { type BudgetedCourier, budgetedCourier } from "./budgeted-courier.ts";
import { type BudgetScope, type ByteBudget, budgetedStore } from "./byte-budget.ts";
import { CircuitOpen } from "./circuits.ts";
import type { EntryInWork } from "./heartbeat.ts";
import { lastingLedger } from "./lasting-ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { SendPlaces } from "./send-places.ts";
import type { Slot } from "./slot.ts";
import type { Timers } from "./timers.ts";

export type EntryWorkOptions = Readonly<{
  /** The label of the queue in metrics. */
  domain: string;
  journal: Journal;
  metrics: Metrics;
  /** The ports of the journey, without those that differ for each entry. */
  ports: Omit<JourneyPorts, "stop" | "onLease" | "onRecorded" | "journal" | "budget">;
  budget: ByteBudget;
  /** Places for sends through SES. */
  places: SendPlaces;
  /** How long the records of one mail are tried while the ledger throttles or does not answer. */
  recordMs: number;
  /** Whether the time for a stop is over: nothing is waited for any more. */
  givesUp(): boolean;
  timers: Timers;
}>;

const longestUnreadSeconds = 120; // how long an entry that failed keeps blocked mails from being deleted

/** The slot returns its permit early if the mail only waits for SES, and when its end is recorded. */
export async function workOn(entry: QueueEntry, inWork: EntryInWork, slot: Slot, options: EntryWorkOptions): Promise<EntryOutcome> {
  const { ports, places, budget } = options;
  const scope = budget.scope();
  const courier = budgetedCourier(ports.courier, scope, places, () => slot.giveBack());
  const outcome = await caught(entry, options, async () => {
    if (!(await scope.take(entry.body.length))) throw new NoRoom("entry", entry.body.length);
    return handleEntry(entry, portsFor(inWork, slot, scope, courier, options));
  });
  courier.end();
  scope.end();
  return outcome;
}

/** The outcome of an entry that may be unknown to the ledger. It may name others of a blocked mail. */
export function retryUnread(afterSeconds: number, { resting }: Pick<JourneyPorts, "resting">): EntryOutcome {
  resting.hides(Math.min(afterSeconds, longestUnreadSeconds));
  return { kind: "retry", afterSeconds };
}

function portsFor(inWork: EntryInWork, slot: Slot, scope: BudgetScope, courier: BudgetedCourier, options: EntryWorkOptions): JourneyPorts {
  const { ports, timers, journal, recordMs, givesUp } = options;
  return {
    ...ports,
    ledger: lastingLedger(ports.ledger, { timers, longestMs: recordMs, givesUp: () => inWork.lost || givesUp() }),
    store: budgetedStore(ports.store, scope),
    courier,
    journal,
    stop: inWork,
    onLease: inWork.onLease,
    onRecorded: () => slot.recorded(),
    budget: scope,
  };
}

async function caught(entry: QueueEntry, options: EntryWorkOptions, run: () => Promise<EntryOutcome>): Promise<EntryOutcome> {
  try {
    return await run();
  } catch (error) {
    const { journal, metrics, domain, ports } = options;
    journal.note(thrownEvent(error, null));
    metrics.retries.inc({ domain, reason: error instanceof NoRoom ? "no-room" : "port-error" });
    return retryUnread(delayAfter(error, entry), ports);
  }
}

function delayAfter(error: unknown, { id, receiveCount }: QueueEntry): number {
  if (error instanceof NoRoom) return noRoomDelay(id, receiveCount);
  return error instanceof CircuitOpen ? awayDelay(id, receiveCount) : backOff(id, receiveCount);
}
