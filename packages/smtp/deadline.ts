// Deadline: the one timer of a session. nodemailer's own socket time-out is no help here: under Bun it does not fire
// while a write is stuck, so every wait for the server or for the source of a mail has a deadline of ours.

import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

/** Time as sessions and pools know it; a fake in tests. */
export interface Timers {
  /** Milliseconds that only go forward, so that a clock set back leaves no session stuck. */
  now(): number;
  /** Runs `act` after so many milliseconds, and returns what calls that off. */
  after(ms: number, act: () => void): () => void;
}

export const wallTimers: Timers = {
  now: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** At most one wait at a time; arming it again ends the wait before. */
export class Deadline {
  readonly #timers: Timers;
  readonly #missed: (detail: string) => void;
  #cancel: (() => void) | null = null;

  constructor(timers: Timers, missed: (detail: string) => void) {
    this.#timers = timers;
    this.#missed = missed;
  }

  /** Waits `ms` for `what`, which stands in the detail of the verdict. */
  arm(ms: number, what: string): void {
    this.disarm();
    this.#cancel = this.#timers.after(ms, () => {
      this.#cancel = null;
      this.#missed(`no ${what} within ${ms} ms`);
    });
  }

  disarm(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
