// Garbage collection: runs the collector when the memory of the process has grown by 4 MiB since the last run. Bun does not
// count the octets of large mails as heap and frees them late: a worker with some hundred megabytes of mail in work would
// hold as much again as garbage.

import type { Timers } from "./timers.ts";

export type GarbageCollectionOptions = Readonly<{
  timers: Timers;
  /** Resident memory of the process, in octets. */
  resident(): number;
  collect(): void;
}>;

const checkMs = 100;
const growth = 4 * 1024 * 1024; // octets

/** Checks until the returned function is called. */
export function collectGarbageOnGrowth({ timers, resident, collect }: GarbageCollectionOptions): () => void {
  let floor = measured(resident, 0);
  let cancel = () => {};
  const check = () => {
    const now = measured(resident, floor);
    if (now > floor + growth) {
      collect();
      floor = measured(resident, now);
    } else floor = Math.min(floor, now);
    cancel = timers.after(checkMs, check);
  };
  cancel = timers.after(checkMs, check);
  return () => cancel();
}

/** Measuring needs a file descriptor. If there is none left, the last value is used. */
function measured(resident: () => number, otherwise: number): number {
  try {
    return resident();
  } catch {
    return otherwise;
  }
}
