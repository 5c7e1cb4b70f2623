// Timers: all timers of this package. Each wait for the server or for the content of a mail has a deadline here. nodemailer's
// socket time-out is not enough: under Bun it does not fire while a write hangs.

import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

/** The time source of sessions and pools. Tests use a fake one. */
export interface Timers {
  /** Milliseconds of a monotonic clock: setting the system clock back must not block a session. */
  now(): number;
  /** Calls `run` once after `ms` milliseconds. Returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const wallTimers: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** A deadline for one wait at a time. To arm it again cancels the wait before. */
export class Deadline {
  readonly #timers: Timers;
  readonly #missed: (detail: string) => void;
  #cancel: (() => void) | null = null;

  constructor(timers: Timers, missed: (detail: string) => void) {
    this.#timers = timers;
    this.#missed = missed;
  }

  /** Waits `ms` milliseconds. `what` names the missing event in the detail of the verdict. */
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
