// Answer times: whether a server answers the final dot much more slowly than it does under a light load. One slow mail says
// nothing, and neither does a short stall of this process: most of the latest answers must be slow, and for a second.
// It decides nothing about sessions; session-limit.ts does.

import type { Timers } from "./timers.ts";

const window = 8; // latest answers
const manySlow = 5; // of them
const slowFactor = 4;
const slowFloorMs = 250; // nobody waits for a mail that takes less
const slowForMs = 1_000;

/** The answer times of one server. */
export class AnswerTimes {
  readonly #timers: Pick<Timers, "now">;
  #usualMs: number | null = null;
  #latest: boolean[] = [];
  #slowSince: number | null = null;

  constructor(timers: Pick<Timers, "now">) {
    this.#timers = timers;
  }

  /** The smoothed answer time under a light load, in milliseconds. `null`: no answer yet. */
  get usualMs(): number | null {
    return this.#usualMs;
  }

  /** Whether most of the latest answers were slow. */
  get areSlow(): boolean {
    return this.#slowSince !== null;
  }

  /** Whether this has lasted so long that the server must be overloaded. */
  get areSlowForLong(): boolean {
    return this.#slowSince !== null && this.#timers.now() - this.#slowSince >= slowForMs;
  }

  /**
   * Takes the milliseconds from the final dot to its answer. `isLight`: the server has the least load that this worker may
   * give, so the answer shows how fast it is without us. A server that is always slow, such as one with a virus scanner, thus
   * counts as usual after some answers. Faster answers count under any load.
   */
  note(ms: number, isLight: boolean): void {
    const usualMs = this.#usualMs ?? ms;
    const limitMs = Math.max(slowFloorMs, slowFactor * usualMs);
    this.#usualMs = isLight || ms < usualMs ? usualMs + (Math.min(ms, limitMs) - usualMs) / window : usualMs;
    this.#latest = [...this.#latest.slice(1 - window), ms > limitMs];
    const slow = this.#latest.filter((isSlow) => isSlow).length;
    this.#slowSince = slow < manySlow ? null : (this.#slowSince ?? this.#timers.now());
  }

  /** Forgets the latest answers: they belong to a load that is over. */
  forgetLatest(): void {
    this.#latest = [];
    this.#slowSince = null;
  }
}
