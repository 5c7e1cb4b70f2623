// Heartbeat: extends the visibility timeout of the entries of one poller, and the leases of their mails, while they are in
// work. All entries share one timer, so that a queue can batch the extensions. An entry or lease that is lost to another
// worker stops its mail before the next effect.

import { type Journal, type Lease, type Ledger, type MailQueue, type QueueEntry, type Stop, thrownEvent } from "@sesame/core";
import type { Timers } from "./timers.ts";

/** One entry in work. `lost`: another worker has the entry or its lease. `stopped`: it is lost, or the worker stops. */
export type EntryInWork = Stop & Readonly<{ lost: boolean; onLease(lease: Lease): void; end(): Promise<void> }>;

export type HeartbeatOptions = Readonly<{
  queue: MailQueue;
  ledger: Ledger;
  journal: Journal;
  visibilitySeconds: number;
  timers: Timers;
}>;

type Extended = { entry: QueueEntry; lease: Lease | null; extendedAt: number; lost: boolean; running: Promise<void> | null };

/** The entries in work of one poller. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #entries = new Set<Extended>();
  #cancel: (() => void) | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** The number of entries in work. */
  get size(): number {
    return this.#entries.size;
  }

  /** Extends an entry until `end`. `end` waits for a running extension, which must not arrive after the ack or the return. */
  start(entry: QueueEntry, stop: Stop): EntryInWork {
    const one: Extended = { entry, lease: null, extendedAt: this.#options.timers.now(), lost: false, running: null };
    this.#entries.add(one);
    this.#checkLater();
    return {
      get lost() {
        return one.lost;
      },
      get stopped() {
        return one.lost || stop.stopped;
      },
      onLease: (lease) => {
        one.lease = lease; // an entry may hold several mails, one after another: only the lease of the current one is extended
      },
      end: async () => {
        this.#entries.delete(one);
        if (this.#entries.size === 0) this.#stop();
        await one.running;
      },
    };
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** Checks every twelfth of the timeout and extends after a quarter, so at the latest after a third. */
  #checkLater(): void {
    this.#cancel ??= this.#options.timers.after((this.#options.visibilitySeconds * 1000) / 12, () => {
      this.#cancel = null;
      const due = this.#options.timers.now() - (this.#options.visibilitySeconds * 1000) / 4;
      for (const one of this.#entries) if (one.extendedAt <= due && one.running === null) this.#extend(one);
      if (this.#entries.size > 0) this.#checkLater();
    });
  }

  #extend(one: Extended): void {
    const { queue, ledger, journal, visibilitySeconds, timers } = this.#options;
    one.extendedAt = timers.now();
    const asked = [queue.extend(one.entry, visibilitySeconds), ...(one.lease ? [ledger.extend(one.lease, visibilitySeconds)] : [])];
    // Waits for all answers, even if one fails: no extension may arrive after the ack or the return.
    const answered = Promise.allSettled(asked).then((answers) => {
      for (const answer of answers) {
        if (answer.status === "fulfilled") one.lost ||= answer.value === "lost";
        else journal.note(thrownEvent(answer.reason, null));
      }
      if (answers.some(({ status }) => status === "rejected")) one.extendedAt = Number.NEGATIVE_INFINITY; // the next check tries again
    });
    one.running = answered.finally(() => {
      one.running = null;
    });
  }
}
