// Progress line: says on standard error how far a long work is, every ten seconds.

import type { Writable } from "node:stream";

/** Told how much is done. */
export type Progress = Readonly<{ at(done: number): void }>;

const everyMs = 10_000;

/** A line such as `Comparing: 8412 mails so far`, no more often than every ten seconds. */
export function progressLine(what: string, noun: string, out: Writable, now: () => number = Date.now): Progress {
  let next = now() + everyMs;
  return {
    at: (done) => {
      if (now() < next) return;
      next = now() + everyMs;
      out.write(`${what}: ${done} ${noun} so far\n`);
    },
  };
}
