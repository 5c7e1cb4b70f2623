// Turn probe: runs inside the worker that is measured (`bun --preload`). It says how long the one thread of the event loop works
// between two turns of the loop, in processor time of this thread alone: what other processes take from the machine, and what
// the collector and the compiler do on threads of their own, does not count. SIGUSR2 begins the count of the next mail.

import { writeFileSync } from "node:fs";

/**
 * The turns of one mail. `ownMs`: the longest work between two of them, in milliseconds; the system counts in steps of up to 4 ms.
 * `wallMs`: the longest time between two of them by the clock, with what other processes did meanwhile.
 */
export type Turns = Readonly<{ count: number; ownMs: number; wallMs: number }>;

const file = process.env["TURN_PROBE"];
const none: Turns = { count: 0, ownMs: 0, wallMs: 0 };
const counts: Turns[] = [none];
let [last, lastOwn] = [performance.now(), ownMs()];

if (file !== undefined) {
  setInterval(look, 1).unref(); // each turn of the loop looks at its timers, so no turn is missed
  process.on("SIGUSR2", () => {
    look();
    counts.push(none);
  });
  process.on("exit", () => writeFileSync(file, JSON.stringify(counts)));
}

function look(): void {
  const [now, own] = [performance.now(), ownMs()];
  const before = counts.pop() ?? none;
  // No thread works longer than the clock says: the rest was counted too late, and belongs to the turn before.
  const worked = Math.min(own - lastOwn, now - last);
  counts.push({
    count: before.count + 1,
    ownMs: Math.max(before.ownMs, worked),
    wallMs: Math.max(before.wallMs, now - last),
  });
  [last, lastOwn] = [now, own];
}

/** Processor time of this thread. */
function ownMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
