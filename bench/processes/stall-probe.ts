// Stall probe: runs inside the worker that is measured (`bun --preload`). A timer that comes late shows that the one thread did
// something else. Others use the processor too, so the processor time of the worker itself within the delay is what counts; by the
// clock the delay is told as well. SIGUSR2 starts anew: what was before is the warm-up.

import { writeFileSync } from "node:fs";

/** The longest delay in milliseconds: by the clock, and the most that the worker itself worked within one. */
export type Stalls = Readonly<{ longestMs: number; ownMs: number; over20: number }>;

const file = process.env["BENCH_STALLS"];
const everyMs = 5;
let found: Stalls = { longestMs: 0, ownMs: 0, over20: 0 };
let [last, lastCpu] = [performance.now(), process.cpuUsage()];

if (file !== undefined) {
  setInterval(look, everyMs).unref();
  process.on("SIGUSR2", () => {
    found = { longestMs: 0, ownMs: 0, over20: 0 };
  });
  process.on("exit", () => writeFileSync(file, JSON.stringify(found)));
}

function look(): void {
  const now = performance.now();
  const { user, system } = process.cpuUsage(lastCpu);
  const lateMs = now - last - everyMs;
  const ownMs = Math.min(Math.max(lateMs, 0), (user + system) / 1000);
  const { longestMs, over20 } = found;
  found = { longestMs: Math.max(longestMs, lateMs), ownMs: Math.max(found.ownMs, ownMs), over20: over20 + (ownMs > 20 ? 1 : 0) };
  [last, lastCpu] = [now, process.cpuUsage()];
}
