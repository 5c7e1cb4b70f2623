// Extra receivers: further receives of a hot queue beside those of its poller, because one receive at a time brings ten entries
// for each round trip. They take only permits that nobody waits for, do not wait for entries, and end with the first
// receive that is not full. So a quiet queue has none, and no queue is kept waiting by another one.

import type { MailQueue, QueueEntry, Stop } from "@sesame/core";
import { HeldPermits } from "./held-permits.ts";
import type { Timers } from "./timers.ts";
import { batchSize, type Window } from "./window.ts";

export type ExtraReceiversOptions = Readonly<{
  queue: MailQueue;
  window: Window;
  stop: Stop;
  timers: Timers;
  /** Whether a whole batch may be received now. */
  mayReceive(): boolean;
  begin(entries: readonly QueueEntry[], permits: HeldPermits): Promise<void>;
  failed(error: unknown): void;
}>;

type Running = Readonly<{ permits: HeldPermits; askedAt: number }>;

const most = 3; // four with the poller's own: 2,600 entries a second where a receive takes 15 ms

export class ExtraReceivers {
  readonly #options: ExtraReceiversOptions;
  readonly #loops = new Set<Promise<void>>();
  readonly #receives = new Set<Running>();

  constructor(options: ExtraReceiversOptions) {
    this.#options = options;
  }

  /** Permits of running receives that no mail uses yet. */
  get expected(): number {
    let expected = 0;
    for (const { permits } of this.#receives) expected += permits.left;
    return expected;
  }

  /** When the oldest receive that still runs was asked; infinite if none runs. */
  get oldest(): number {
    return Math.min(...[...this.#receives].map(({ askedAt }) => askedAt));
  }

  /** A receive was full, so there may be more: starts one receiver, if there are not enough. */
  addOne(): void {
    if (this.#loops.size >= most) return;
    const loop = this.#run().finally(() => this.#loops.delete(loop));
    this.#loops.add(loop);
  }

  /** Gives back the permits of receives that hang. */
  giveUnused(): void {
    for (const { permits } of this.#receives) permits.giveUnused();
  }

  /** Resolves when none runs. */
  async ended(): Promise<void> {
    await Promise.all(this.#loops);
  }

  async #run(): Promise<void> {
    const { window, mayReceive } = this.#options;
    while (mayReceive() && window.takeBatch()) if (!(await this.#isFull())) return;
  }

  /** Receives once. Returns whether there may be more. */
  async #isFull(): Promise<boolean> {
    const { queue, window, stop, timers, begin, failed } = this.#options;
    const running: Running = { permits: new HeldPermits(window, batchSize), askedAt: timers.now() };
    this.#receives.add(running);
    try {
      const entries = await queue.receive(batchSize, stop, "none");
      if (entries.length === batchSize) this.addOne();
      await begin(entries, running.permits);
      return entries.length === batchSize;
    } catch (error) {
      failed(error);
      return false;
    } finally {
      running.permits.giveUnused();
      this.#receives.delete(running);
    }
  }
}
