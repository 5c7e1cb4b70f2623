// Scale: what many workers and many queues do. `npm run scale` runs the model of a drain, which is the same each time.
// `npm run scale -- queues 1 200 1000` runs fleets with so many queues by the wall clock.

import { type DrainOptions, drain } from "./drain.ts";
import { manyQueues } from "./queues.ts";

const [what = "drain", ...counts] = process.argv.slice(2);
const common = { workers: 8, concurrency: 32, mails: 6000, writesPerSecond: 400, seed: 20_261_124 } as const;
const [mailsForEach, idleSeconds] = [20, 30];

if (what === "drain") {
  for (const records of ["once", "lasting"] satisfies DrainOptions["records"][]) {
    const { deliveries, copies, writes, mostReceives, seconds } = await drain({ ...common, records });
    const callsForEach = (writes / common.mails).toFixed(1);
    console.log(
      `records ${records.padEnd(8)} ${deliveries} deliveries of ${common.mails} mails, ${copies} copies, ${callsForEach} writes for each mail, ${mostReceives} receives at most, ${seconds} s`,
    );
  }
} else if (what === "queues") {
  for (const count of (counts.length === 0 ? ["1", "200", "1000"] : counts).map(Number)) {
    const { livezMs, firstMailMs, mostInWork, delivered, seconds } = await manyQueues(count, mailsForEach, idleSeconds);
    console.log(
      `${count} queues: /livez ${livezMs} ms at most, first mail after ${firstMailMs} ms, ${mostInWork} in work at most, ${delivered} mails in ${seconds.toFixed(1)} s`,
    );
  }
} else {
  console.error("npm run scale -- drain, or queues with numbers of queues");
  process.exit(2);
}
process.exit(0);
