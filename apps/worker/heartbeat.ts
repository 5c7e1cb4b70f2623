// Heartbeat: keeps the entries of one poller, and the leases of their mails, alive while they are in work. One beat for
// all of them, so that a queue can answer many extensions in one call. What is lost to another worker begins no act any more.

import { type Journal, type Lease, type Ledger, type MailQueue, type QueueEntry, type Stop, thrownEvent } from "@sesame/core";
import type { Timers } from "@sesame/smtp";

/** One entry in work. `stopped` is raised when it was lost, or when the worker shuts down. */
export type Pulse = Stop & Readonly<{ onLease(lease: Lease): void; end(): Promise<void> }>;

export type HeartbeatOptions = Readonly<{
  queue: MailQueue;
  ledger: Ledger;
  journal: Journal;
  visibilitySeconds: number;
  timers: Timers;
}>;

type Beating = { entry: QueueEntry; lease: Lease | null; extendedAt: number; lost: boolean; running: Promise<void> | null };

/** All entries of a poller. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #beating = new Set<Beating>();
  #cancel: (() => void) | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Entries that are kept alive. */
  get size(): number {
    return this.#beating.size;
  }

  /** Keeps an entry alive until `end`, which waits for an extension that is under way: it must not undo what follows. */
  start(entry: QueueEntry, stop: Stop): Pulse {
    const one: Beating = { entry, lease: null, extendedAt: this.#options.timers.now(), lost: false, running: null };
    this.#beating.add(one);
    this.#beatLater();
    return {
      get stopped() {
        return one.lost || stop.stopped;
      },
      onLease: (lease) => {
        one.lease = lease; // the mails of an entry come one after another, and the lease of one that is done is lost
      },
      end: async () => {
        this.#beating.delete(one);
        if (this.#beating.size === 0) this.#stop();
        await one.running;
      },
    };
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** A twelfth of the visibility between beats, and an extension after a quarter: at the latest after a third. */
  #beatLater(): void {
    this.#cancel ??= this.#options.timers.after((this.#options.visibilitySeconds * 1000) / 12, () => {
      this.#cancel = null;
      const due = this.#options.timers.now() - (this.#options.visibilitySeconds * 1000) / 4;
      for (const one of this.#beating) if (one.extendedAt <= due && one.running === null) this.#extend(one);
      if (this.#beating.size > 0) this.#beatLater();
    });
  }

  #extend(one: Beating): void {
    const { queue, ledger, journal, visibilitySeconds, timers } = this.#options;
    one.extendedAt = timers.now();
    const asked = [queue.extend(one.entry, visibilitySeconds), ...(one.lease ? [ledger.extend(one.lease, visibilitySeconds)] : [])];
    // All of them, also where one fails early: none may come behind what the caller says of the entry next.
    const answered = Promise.allSettled(asked).then((answers) => {
      for (const answer of answers) {
        if (answer.status === "fulfilled") one.lost ||= answer.value === "lost";
        else journal.note(thrownEvent(answer.reason, null));
      }
      if (answers.some(({ status }) => status === "rejected")) one.extendedAt = Number.NEGATIVE_INFINITY; // the next beat tries again
    });
    one.running = answered.finally(() => {
      one.running = null;
    });
  }
}
