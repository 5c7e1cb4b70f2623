// Fake clock: time that moves only when a test says so. It also wakes what sleeps by it, so that nothing is ever slept.

import type { Clock, EpochMs } from "@sesame/core";

type Sleeper = Readonly<{ until: number; wake: () => void }>;

/** A clock that stands still until `advance`. */
export class FakeClock implements Clock {
  #now: number;
  #sleepers: readonly Sleeper[] = [];

  constructor(start: string = "2026-01-01T00:00:00Z") {
    this.#now = Date.parse(start);
  }

  now(): EpochMs {
    return this.#now as EpochMs;
  }

  /** Moves time on and wakes whoever has slept long enough. */
  advance(seconds: number): void {
    this.#now += seconds * 1000;
    const due = this.#sleepers.filter((sleeper) => sleeper.until <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.until > this.#now);
    for (const sleeper of due) sleeper.wake();
  }

  /** Resolves when `advance` has passed `ms` milliseconds. Bound, so that it can be handed on as a function. */
  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      if (ms <= 0) wake();
      else this.#sleepers = [...this.#sleepers, { until: this.#now + ms, wake }];
    });

  /** How many sleep now; tells a test that a waiter has come to rest. */
  get sleeping(): number {
    return this.#sleepers.length;
  }
}
