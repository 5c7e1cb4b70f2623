// Tidy: asks for a garbage collection when memory has grown by much since the last one. The pieces of large mails die young,
// but the engine does not see their octets as its own heap and collects them late: a worker with a few hundred megabytes
// in flight would keep as much again as garbage.

import type { Timers } from "@sesame/smtp";

export type TidyOptions = Readonly<{
  timers: Timers;
  /** Resident octets of the process. */
  resident(): number;
  collect(): void;
}>;

const lookMs = 100;
const growth = 16 * 1024 * 1024; // octets

/** Looks until it is told to stop. */
export function keepTidy({ timers, resident, collect }: TidyOptions): () => void {
  let floor = measured(resident, 0);
  let cancel = () => {};
  const look = () => {
    const now = measured(resident, floor);
    if (now > floor + growth) {
      collect();
      floor = measured(resident, now);
    } else floor = Math.min(floor, now);
    cancel = timers.after(lookMs, look);
  };
  cancel = timers.after(lookMs, look);
  return () => cancel();
}

/** To measure takes a file descriptor, and there may be none left: no reason for a worker to end. */
function measured(resident: () => number, otherwise: number): number {
  try {
    return resident();
  } catch {
    return otherwise;
  }
}
