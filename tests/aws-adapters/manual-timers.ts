// Manual timers: time for sends that moves when a test says so, and by every sleep, which ends at once.

import type { SendTimers } from "@sesame/aws-adapters";

export class ManualTimers implements SendTimers {
  /** How long was slept, in the order of falling asleep. */
  readonly slept: number[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.#now += ms;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
