// Timer group: timers of one owner that end with it, and are cancelled together.

import type { Stop } from "@sesame/core";
import type { Timers } from "./timers.ts";

export class TimerGroup {
  readonly #timers: Timers;
  readonly #cancels = new Set<() => void>();
  readonly #stop: Stop;

  /** No timer is set any more when `stop` is raised. */
  constructor(timers: Timers, stop: Stop) {
    this.#timers = timers;
    this.#stop = stop;
  }

  /** Calls `run` once after `ms` milliseconds. */
  after(ms: number, run: () => void): void {
    if (this.#stop.stopped) return;
    const cancel = this.#timers.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  /** Calls `run` every `ms` milliseconds. */
  every(ms: number, run: () => void): void {
    this.after(ms, () => {
      run();
      this.every(ms, run);
    });
  }

  /** Cancels all timers. */
  cancel(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
