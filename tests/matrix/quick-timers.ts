// Quick timers: time that runs so many times faster than the wall's, so that a real worker against real sockets need not
// be waited for. Deadlines of adapters are the wall's and do not change.

import { performance } from "node:perf_hooks";
import type { Timers } from "@sesame/smtp";

export class QuickTimers implements Timers {
  readonly #factor: number;

  constructor(factor: number) {
    this.#factor = factor;
  }

  now(): number {
    return performance.now() * this.#factor;
  }

  after(ms: number, act: () => void): () => void {
    const timer = setTimeout(act, ms / this.#factor);
    return () => clearTimeout(timer);
  }

  /** Bound, so that it can be handed on as a function. */
  readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms / this.#factor));
}
