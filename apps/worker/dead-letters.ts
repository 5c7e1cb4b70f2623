// Dead letters: asks the dead-letter queue of each queue how many entries it has, every five minutes and one after another. A queue
// without one, or one that this worker may not look at, has no number: none is better than a wrong one.

import type { MailQueue } from "@sesame/core";
import type { Metrics } from "./metrics.ts";
import type { QueueMember } from "./queue-members.ts";

export type DeadLettersOptions = Readonly<{ members: readonly QueueMember[]; metrics: Metrics; now(): number }>;

/** What a dead-letter queue holds, and since when it has not been empty (milliseconds since 1970). */
export type DeadLetterCount = Readonly<{ label: string; entries: number; since: number }>;

const everyMs = 300_000;
const leastGapMs = 1000;

type Asked = Readonly<{ label: string; ask: NonNullable<MailQueue["deadLetterCount"]> }>;

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #asked: readonly Asked[];
  readonly #known = new Map<string, DeadLetterCount>();
  #next = 0;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.#asked = options.members.flatMap(({ label, queue }) => {
      const ask = queue.deadLetterCount?.bind(queue);
      return ask === undefined ? [] : [{ label, ask }];
    });
  }

  /** How often the next queue shall be asked, in milliseconds; `null` if none can be. */
  get gapMs(): number | null {
    return this.#asked.length === 0 ? null : Math.max(everyMs / this.#asked.length, leastGapMs);
  }

  /** The queues that are not empty. */
  get list(): readonly DeadLetterCount[] {
    return [...this.#known.values()].filter(({ entries }) => entries > 0);
  }

  /** Asks the next queue. */
  async askNext(): Promise<void> {
    const next = this.#asked[this.#next++ % Math.max(1, this.#asked.length)];
    if (next === undefined) return;
    const entries = await next.ask().catch(() => null);
    const { metrics, now } = this.#options;
    if (entries === null) {
      this.#known.delete(next.label);
      metrics.deadLetters.remove({ domain: next.label });
      return;
    }
    const before = this.#known.get(next.label);
    const since = before !== undefined && before.entries > 0 ? before.since : now();
    this.#known.set(next.label, { label: next.label, entries, since });
    metrics.deadLetters.set({ domain: next.label }, entries);
  }
}
