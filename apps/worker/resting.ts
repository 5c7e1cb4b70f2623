// Resting: what the worker knows of its queues for mails that all recipients block, which wait some time before they are
// deleted. It notes when a queue was received empty, and counts the entries that wait. Both are of this process; a restart
// forgets them, which only makes such a mail wait longer.

import type { Clock, EpochMs, MailQueue } from "@sesame/core";
import type { Resting } from "@sesame/core/journey";

export type RestingQueuesOptions = Readonly<{
  /** The names of all queues that are polled. */
  queues: readonly string[];
  clock: Clock;
  /** While a circuit is open, an empty queue proves nothing: entries may be hidden that wait for the circuit. */
  circuitOpen(): boolean;
  /** The most entries of one queue that wait. SQS returns no entry at all when it hides some 120,000 of a queue. */
  most?: number;
}>;

export class RestingQueues {
  readonly #options: Required<RestingQueuesOptions>;
  /** When the last poll began that found the queue empty. */
  readonly #emptyAt = new Map<string, number>();
  /** Until when an entry is out of sight whose mail nobody has looked at. */
  readonly #hiddenUntil = new Map<string, number>();
  /** The entries that rest, by queue, each with the time when its rest ends. */
  readonly #resting = new Map<string, Map<string, number>>();

  constructor(options: RestingQueuesOptions) {
    this.#options = { most: 10_000, ...options };
  }

  /** The same queue; polls that find it empty are noted. A poll that a stop ended early is not. */
  watch(name: string, queue: MailQueue): MailQueue {
    const receive: MailQueue["receive"] = async (limit, stop, wait) => {
      const beganAt = this.#options.clock.now();
      const entries = await queue.receive(limit, stop, wait);
      const proves = !stop.stopped && !this.#options.circuitOpen() && (this.#hiddenUntil.get(name) ?? 0) <= beganAt;
      if (entries.length === 0 && proves) this.#emptyAt.set(name, beganAt);
      return entries;
    };
    return {
      receive,
      extend: (entry, seconds) => queue.extend(entry, seconds),
      ack: (entries) => queue.ack(entries),
      retryLater: (entry, afterSeconds) => queue.retryLater(entry, afterSeconds),
      size: () => queue.size(),
    };
  }

  /** The port for the mails of one queue. */
  of(name: string): Resting {
    return {
      quietSince: (instant) => this.#quietSince(instant),
      hides: (seconds) => {
        const until = this.#options.clock.now() + seconds * 1000;
        this.#hiddenUntil.set(name, Math.max(this.#hiddenUntil.get(name) ?? 0, until));
      },
      admit: (entryId, seconds) => this.#admit(name, entryId, seconds),
    };
  }

  #quietSince(instant: EpochMs): boolean {
    return this.#options.queues.every((name) => (this.#emptyAt.get(name) ?? Number.NEGATIVE_INFINITY) >= instant);
  }

  #admit(name: string, entryId: string, seconds: number): boolean {
    const { clock, most } = this.#options;
    const now = clock.now();
    const entries = this.#resting.get(name) ?? new Map<string, number>();
    this.#resting.set(name, entries);
    if (entries.size >= most) for (const [id, until] of entries) if (until <= now) entries.delete(id);
    if (entries.size >= most && !entries.has(entryId)) return false;
    entries.set(entryId, now + seconds * 1000);
    return true;
  }
}
