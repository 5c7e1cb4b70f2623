// Memory mail queue: MailQueue as SQS's standard queue behaves (visibility timeout, receive counts, newest receipt only),
// without its long poll: an empty receive answers after one turn of the event loop.

import type { Clock, MailQueue, QueueEntry, Stop } from "@sesame/core";
import type { QueueSize } from "../../packages/core/journey/ports.ts";

type Held = { id: string; body: string; sentAt: number; visibleAt: number; receiveCount: number; receipt: string | null };

export type MemoryMailQueueOptions = Readonly<{
  clock: Clock;
  /** Default 120. */
  visibilitySeconds?: number;
  /** An entry that was received so often moves to `deadLetters` instead of being received again. Default: never. */
  maxReceiveCount?: number;
}>;

/** One queue in memory. */
export class MemoryMailQueue implements MailQueue {
  readonly #clock: Clock;
  readonly #visibilityMs: number;
  readonly #maxReceiveCount: number;
  #entries: Held[] = [];
  #serial = 0;
  /** Bodies that went to the dead-letter queue. */
  readonly deadLetters: string[] = [];

  constructor({ clock, visibilitySeconds = 120, maxReceiveCount = Number.POSITIVE_INFINITY }: MemoryMailQueueOptions) {
    this.#clock = clock;
    this.#visibilityMs = visibilitySeconds * 1000;
    this.#maxReceiveCount = maxReceiveCount;
  }

  /** Puts an entry, to be seen after `delaySeconds`; gives its id. */
  put(body: string, delaySeconds: number = 0): string {
    const now = this.#clock.now();
    const id = `entry-${++this.#serial}`;
    this.#entries.push({ id, body, sentAt: now, visibleAt: now + delaySeconds * 1000, receiveCount: 0, receipt: null });
    return id;
  }

  /** Bodies of all entries that are not acknowledged, seen or unseen. */
  get bodies(): readonly string[] {
    return this.#entries.map((entry) => entry.body);
  }

  async receive(limit: number, stop: Stop): Promise<readonly QueueEntry[]> {
    this.#redrive();
    const visible = stop.stopped ? [] : this.#entries.filter((entry) => entry.visibleAt <= this.#clock.now()).slice(0, limit);
    // A turn of the event loop, or else a poller of an empty queue would starve everybody.
    if (visible.length === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    return visible.map((entry) => this.#hand(entry));
  }

  async extend(entry: QueueEntry, seconds: number): Promise<"kept" | "lost"> {
    const held = this.#owned(entry);
    if (!held) return "lost";
    held.visibleAt = this.#clock.now() + seconds * 1000;
    return "kept";
  }

  async ack(entries: readonly QueueEntry[]): Promise<void> {
    const receipts = new Set(entries.map((entry) => entry.receiptHandle));
    this.#entries = this.#entries.filter((held) => held.receipt === null || !receipts.has(held.receipt));
  }

  async retryLater(entry: QueueEntry, afterSeconds: number): Promise<void> {
    const held = this.#owned(entry);
    if (held) held.visibleAt = this.#clock.now() + afterSeconds * 1000;
  }

  async size(): Promise<QueueSize> {
    const hidden = this.#entries.filter((entry) => entry.visibleAt > this.#clock.now());
    const inFlight = hidden.filter((entry) => entry.receipt !== null).length;
    return { visible: this.#entries.length - hidden.length, inFlight, delayed: hidden.length - inFlight };
  }

  #hand(entry: Held): QueueEntry {
    entry.receiveCount++;
    entry.visibleAt = this.#clock.now() + this.#visibilityMs;
    entry.receipt = `receipt-${++this.#serial}`;
    const { id, body, receiveCount } = entry;
    return { id, receiptHandle: entry.receipt, receiveCount, sentAt: entry.sentAt as QueueEntry["sentAt"], body };
  }

  #owned(entry: QueueEntry): Held | undefined {
    return this.#entries.find((held) => held.receipt === entry.receiptHandle && held.visibleAt > this.#clock.now());
  }

  #redrive(): void {
    const spent = this.#entries.filter((entry) => entry.receiveCount >= this.#maxReceiveCount && entry.visibleAt <= this.#clock.now());
    this.deadLetters.push(...spent.map((entry) => entry.body));
    this.#entries = this.#entries.filter((entry) => !spent.includes(entry));
  }
}
