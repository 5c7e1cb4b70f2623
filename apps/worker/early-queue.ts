// Early queue: a queue whose first receive begins while the rest of the worker is still loaded, because both take time. Its poller
// gets that receive as the answer to its own first one. If no poller asks, the entries become visible again, as after a crash.

import type { MailQueue, QueueEntry, Stop } from "@sesame/core";
import { batchSize } from "./window.ts";

export class EarlyQueue implements MailQueue {
  readonly #queue: MailQueue;
  #early: Promise<readonly QueueEntry[]> | null = null;
  #ready: Promise<unknown> = Promise.resolve();

  constructor(queue: MailQueue) {
    this.#queue = queue;
  }

  /** Receives for the poller. The caller knows that the window has permits for a full batch. */
  begin(stop: Stop, wait: "long" | "none"): void {
    this.#early = this.#queue.receive(batchSize, stop, wait);
    this.#early.catch(() => {}); // the poller hears of it
  }

  /** Nobody gets an entry before this has ended, well or not. */
  after(ready: Promise<unknown>): void {
    this.#ready = ready.catch(() => {});
  }

  async receive(...[limit, stop, wait]: Parameters<MailQueue["receive"]>): Promise<readonly QueueEntry[]> {
    const early = this.#early;
    this.#early = null;
    const entries = await (early ?? this.#queue.receive(limit, stop, wait));
    await this.#ready;
    return entries;
  }

  ack(entries: readonly QueueEntry[]): Promise<void> {
    return this.#queue.ack(entries);
  }

  extend(entry: QueueEntry, seconds: number): Promise<"kept" | "lost"> {
    return this.#queue.extend(entry, seconds);
  }

  retryLater(entry: QueueEntry, afterSeconds: number): Promise<void> {
    return this.#queue.retryLater(entry, afterSeconds);
  }

  async deadLetterCount(): Promise<number | null> {
    return (await this.#queue.deadLetterCount?.()) ?? null;
  }

  size(): ReturnType<MailQueue["size"]> {
    return this.#queue.size();
  }
}
