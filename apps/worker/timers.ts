// Timers: every timer of the worker is set here or through `Timers`. Classes that wait take `Timers` as an option, so that
// tests can use a fake clock.

import { type Timers, wallTimers } from "@sesame/smtp";

export { type Timers, wallTimers };

/** Resolves after `ms` milliseconds. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls `run` every `ms` milliseconds, and does not keep the process alive for it. Returns a function that stops it. */
export function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  timer.unref();
  return () => clearInterval(timer);
}

/** Waits for `work`, at most `seconds`; "timeout" when it takes longer. It does not stop the work. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T | "timeout"> {
  let cancel = () => {};
  const timeout = new Promise<"timeout">((resolve) => {
    cancel = wallTimers.after(seconds * 1000, () => resolve("timeout"));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    cancel();
  }
}

/** Milliseconds of an hour. */
export const hourMs = 3_600_000;
