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
  let floor = resident();
  let cancel = () => {};
  const look = () => {
    const now = resident();
    if (now > floor + growth) {
      collect();
      floor = resident();
    } else floor = Math.min(floor, now);
    cancel = timers.after(lookMs, look);
  };
  cancel = timers.after(lookMs, look);
  return () => cancel();
}
