// Timers: all timers of this package, with the types under which tests replace them.

import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";
import { DeadlineError } from "./trouble.ts";

/** Calls `run` once after `ms` milliseconds. */
export type After = (ms: number, run: () => void) => void;

/** Resolves after `ms` milliseconds. */
export type Sleep = (ms: number) => Promise<void>;

/** The time source of sending through SES. */
export type SendTimers = Readonly<{
  /** Monotonic clock, in milliseconds. */
  now(): number;
  sleep: Sleep;
}>;

export const realAfter: After = (ms, run) => void setTimeout(run, ms);

export const realSleep: Sleep = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));

export const wallTimers: SendTimers = { now: () => performance.now(), sleep: realSleep };

/** Like `realAfter`, but does not keep the process alive. */
export const afterUnlessExit: After = (ms, run) => void setTimeout(run, ms).unref();

/**
 * The result of `work`, or a rejection with `DeadlineError` after `deadlineMs` milliseconds. Then `late` is called, if given.
 * An error of `work` after the deadline is ignored.
 */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, late?: (error: DeadlineError) => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        const error = new DeadlineError(deadlineMs);
        reject(error); // before `late`: an abort makes the SDK throw an error that says less
        late?.(error);
      },
      Math.max(deadlineMs, 0),
    );
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
