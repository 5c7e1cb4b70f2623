// Stretches: how long a computation works between two of its pauses, in processor time of this process. Nothing else runs
// meanwhile: no other mail, no health page. One run may be slowed by the compiler or the collector, so the best of several counts.

import type { Pause } from "@sesame/core";
import { busyTime } from "./busy-time.ts";

/** The longest stretch that is allowed, in milliseconds. */
export const maxStretchMs = 20;

/** What was seen: the number of pauses, and the longest stretch. */
export type Stretches = Readonly<{ pauses: number; longestMs: number }>;

/** Runs a computation with a pause that waits for a turn of the event loop each time. */
export async function stretchesOf(compute: (pause: Pause) => unknown): Promise<Stretches> {
  let [pauses, longestMs, busyMs] = [0, 0, busyTime()];
  const end = () => {
    longestMs = Math.max(longestMs, busyMs());
  };
  await compute(async () => {
    end();
    pauses++;
    await new Promise((resolve) => setImmediate(resolve));
    busyMs = busyTime();
  });
  end();
  return { pauses, longestMs };
}

/** The longest stretch of the best run. It stops at the first run without a stretch that is too long. */
export async function longestStretch(compute: (pause: Pause) => unknown, runs = 6): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs && best >= maxStretchMs; run++) best = Math.min(best, (await stretchesOf(compute)).longestMs);
  return best;
}
