// Queue sizes: asks the queues of a fleet for their sizes, one after another: all at once would keep the event loop busy for
// seconds. It says which queue is so full that nothing more may be received from it.

import type { QueueSize } from "@sesame/core/journey";
import type { Logger } from "pino";
import type { Metrics } from "./metrics.ts";
import type { QueueMember } from "./queue-members.ts";

export type QueueSizesOptions = Readonly<{ members: readonly QueueMember[]; metrics: Metrics; logger: Logger }>;

const everyMs = 30_000;
const leastGapMs = 100; // with many queues each is asked more rarely
/** Three quarters of the 120,000 entries that SQS lets be in flight (SQS Developer Guide, "Amazon SQS message quotas"). */
const mostInFlight = 90_000;

export class QueueSizes {
  readonly #options: QueueSizesOptions;
  readonly #known = new Map<string, QueueSize>();
  readonly #full = new Set<string>();
  #next = 0;

  constructor(options: QueueSizesOptions) {
    this.#options = options;
  }

  /** How often the next queue shall be asked, in milliseconds. */
  get gapMs(): number {
    return Math.max(everyMs / this.#options.members.length, leastGapMs);
  }

  /** The size at the last request; `null` before it, or if the queue does not answer. */
  of(label: string): QueueSize | null {
    return this.#known.get(label) ?? null;
  }

  /** Entries that can be received or wait for their time, in all queues whose size is known. */
  get waiting(): number {
    return [...this.#known.values()].reduce((sum, { visible, delayed }) => sum + visible + delayed, 0);
  }

  /** Whether too many entries of a queue are in flight. It stays so while the queue does not answer. */
  isFull(label: string): boolean {
    return this.#full.has(label);
  }

  /** Asks the next queue. */
  async askNext(): Promise<void> {
    const { members } = this.#options;
    const member = members[this.#next++ % members.length];
    if (member === undefined) return;
    const size = await member.queue.size().catch(() => null);
    if (size === null) this.#known.delete(member.label);
    else this.#take(member.label, size);
  }

  #take(label: string, size: QueueSize): void {
    const { metrics, logger } = this.#options;
    this.#known.set(label, size);
    for (const [state, value] of Object.entries(size)) metrics.queueSize.set({ domain: label, state: stateLabel(state) }, value);
    const isFull = size.inFlight >= mostInFlight;
    if (isFull && !this.#full.has(label))
      logger.error(
        { event: "queue-full", domain: label, inFlight: size.inFlight },
        "too many entries of this queue are in flight, which includes entries that wait: receiving stops until there are fewer",
      );
    if (isFull) this.#full.add(label);
    else this.#full.delete(label);
  }
}

function stateLabel(state: string): string {
  return state === "inFlight" ? "in_flight" : state;
}
