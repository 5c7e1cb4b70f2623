// Poller: takes entries from one queue and sends each on its journey, as many at once as allowed. It keeps an entry and
// its lease alive while the mail is in work, and acknowledges last. The one place where what a journey throws is caught:
// the entry stays queued.

import {
  backOff,
  type EntryOutcome,
  type Journal,
  type Lease,
  type Ledger,
  type MailId,
  type MailQueue,
  type QueueEntry,
  type Stop,
  thrownEvent,
  travel,
  type Way,
} from "@sesame/core";
import type { Metrics } from "./metrics.ts";

export type PollerOptions = Readonly<{
  domain: string;
  queue: MailQueue;
  ledger: Ledger;
  journal: Journal;
  metrics: Metrics;
  /** What a mail needs on its way, but for what differs with each entry. */
  way: Omit<Way, "stop" | "onLease" | "journal">;
  /** Mails in work at once. */
  concurrency: number;
  /** How long an entry stays out of sight; it is extended every third of that. */
  visibilitySeconds: number;
  sleep?: (ms: number) => Promise<void>;
}>;

const batch = 10; // SQS gives at most ten
const longestPause = 30_000; // ms between polls that fail

/** Polls until stopped, then waits for the mails in work. */
export async function poll(options: PollerOptions, stop: Stop): Promise<void> {
  const { domain, queue, metrics, concurrency, sleep = realSleep } = options;
  const inWork = new Set<Promise<void>>();
  let failures = 0;
  while (!stop.stopped) {
    if (inWork.size >= concurrency) await Promise.race(inWork);
    try {
      const entries = await queue.receive(Math.min(batch, concurrency - inWork.size), stop);
      failures = 0;
      metrics.lastPoll.set({ domain }, options.way.clock.now() / 1000);
      for (const entry of entries) start(entry);
    } catch (error) {
      failures++;
      metrics.pollErrors.inc({ domain });
      options.journal.note(thrownEvent(error, null));
      await sleep(Math.min(500 * 2 ** failures, longestPause));
    }
  }
  await Promise.all(inWork);

  function start(entry: QueueEntry): void {
    const work = workOn(entry, options, stop).finally(() => {
      inWork.delete(work);
      metrics.inFlight.set({ domain }, inWork.size);
    });
    inWork.add(work);
    metrics.inFlight.set({ domain }, inWork.size);
  }
}

const realSleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function workOn(entry: QueueEntry, options: PollerOptions, stop: Stop): Promise<void> {
  const beat = startBeat(entry, options, stop);
  const outcome = await journeyOf(entry, options, beat);
  await beat.end(); // a late extension must not undo what is said below
  try {
    await answer(outcome, entry, options.queue);
  } catch (error) {
    options.journal.note(thrownEvent(error, null)); // the entry comes back, and the ledger knows that it is done
  }
}

async function journeyOf(entry: QueueEntry, options: PollerOptions, beat: Beat): Promise<EntryOutcome> {
  try {
    return await travel(entry, { ...options.way, journal: options.journal, stop: beat, onLease: beat.onLease });
  } catch (error) {
    options.journal.note(thrownEvent(error, null));
    return { kind: "retry", afterSeconds: backOff(entry.id as MailId, entry.receiveCount) };
  }
}

async function answer(outcome: EntryOutcome, entry: QueueEntry, queue: MailQueue): Promise<void> {
  switch (outcome.kind) {
    case "ack":
      return queue.ack([entry]);
    case "retry":
      return queue.retryLater(entry, outcome.afterSeconds);
    case "leave":
      return;
    default:
      outcome satisfies never;
  }
}

type Beat = Stop & Readonly<{ onLease(lease: Lease): void; end(): Promise<void> }>;

/** Extends the entry and its lease while work goes on; when either is lost, no further act is begun. */
function startBeat(entry: QueueEntry, options: PollerOptions, stop: Stop): Beat {
  const { queue, ledger, visibilitySeconds } = options;
  const leases: Lease[] = [];
  let lost = false;
  let running: Promise<void> = Promise.resolve();
  const extend = async () => {
    try {
      const answers = await Promise.all([
        queue.extend(entry, visibilitySeconds),
        ...leases.map((lease) => ledger.extend(lease, visibilitySeconds)),
      ]);
      lost ||= answers.includes("lost");
    } catch (error) {
      options.journal.note(thrownEvent(error, null)); // the next beat tries again; two fit before the visibility ends
    }
  };
  const timer = setInterval(
    () => {
      running = extend();
    },
    (visibilitySeconds * 1000) / 3,
  );
  return {
    get stopped() {
      return lost || stop.stopped;
    },
    onLease: (lease) => void leases.push(lease),
    end: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
