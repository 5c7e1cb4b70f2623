// Waiting: a wait that a timer ends, or a wake-up before it. It serves one who waits at a time; a wake-up while nobody waits
// does nothing.

import type { Timers } from "./timers.ts";

/** Waits are no longer than this, so that each looks often whether the worker must stop. */
export const stopCheckMs = 250;

export class Waiting {
  readonly #timers: Timers;
  #end: () => void = () => {};

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves after `ms` milliseconds, or with the next wake-up. */
  atMost(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }

  /** Ends the wait, if there is one. */
  wake(): void {
    this.#end();
  }
}
