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

/**
 * A deadline for one wait at a time. To arm it again ends the wait before. A session has several waits for each mail, so a timer
 * that runs already is kept where it fires early enough: it then waits for the time that is left.
 */
export class Deadline {
  readonly #timers: Timers;
  readonly #missed: (detail: string) => void;
  #cancel: (() => void) | null = null;
  #firesAt = 0;
  /** When the wait of now must be over; `null`: nothing is awaited. */
  #dueAt: number | null = null;
  #ms = 0;
  #what = "";

  constructor(timers: Timers, missed: (detail: string) => void) {
    this.#timers = timers;
    this.#missed = missed;
  }

  /** Waits `ms` milliseconds. `what` names the missing event in the detail of the verdict. */
  arm(ms: number, what: string): void {
    this.#dueAt = this.#timers.now() + ms;
    this.#ms = ms;
    this.#what = what;
    if (this.#cancel === null || this.#firesAt > this.#dueAt) this.#start(ms);
  }

  /** The wait is over, and another one may begin soon. */
  pause(): void {
    this.#dueAt = null;
  }

  /** The last wait is over. */
  disarm(): void {
    this.pause();
    this.#cancel?.();
    this.#cancel = null;
  }

  #start(ms: number): void {
    this.#cancel?.();
    this.#firesAt = this.#timers.now() + ms;
    this.#cancel = this.#timers.after(ms, () => this.#fired());
  }

  #fired(): void {
    this.#cancel = null;
    if (this.#dueAt === null) return;
    const leftMs = this.#dueAt - this.#timers.now();
    if (leftMs > 0) {
      this.#start(leftMs);
      return;
    }
    this.#dueAt = null;
    this.#missed(`no ${this.#what} within ${this.#ms} ms`);
  }
}
