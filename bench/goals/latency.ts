// Latency: mails that arrive one after the other, at a rate that leaves the worker time. How long a mail takes from the queue to
// its deletion, against the critical path of the latency model, and the longest time that the worker's one thread did nothing else.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { modelLatency } from "../aws/aws.ts";
import { figure } from "../columns.ts";
import type { Stalls } from "../processes/stall-probe.ts";
import type { Part } from "./goal.ts";
import { wide, wideText } from "./hot.ts";
import { run } from "./run.ts";
import { smtpMs } from "./world.ts";

const perSecond = 50;
const { get, write, copy, delete: remove } = modelLatency;
/** The claim and the tables are asked while the mail is read. */
const criticalMs = get + smtpMs + write + copy + remove;
const settings = `${wideText}, from source, ${perSecond} mails/s of 10 kB, latency model`;

export const latency: Part = {
  name: "latency",
  about: "mails that arrive one after the other: p99 against the critical path, the longest stall",
  goals: [
    {
      id: "p99",
      what: "p99 from receive to delete ÷ critical path",
      settings: `${settings} (get ${get} + SMTP ${smtpMs} + record ${write} + copy ${copy} + delete ${remove} = ${criticalMs} ms)`,
      unit: "×",
      better: "less",
      wanted: 1.6,
    },
    { id: "stall", what: "longest stall, ordinary mail", settings, unit: "ms", better: "less", wanted: 20 },
  ],
  measure: async (world) => {
    const [mails, warmUp] = world.scale === "tiny" ? [30, 10] : [800, 150];
    const file = join(world.folder, "stalls.json");
    rmSync(file, { force: true });
    const [bun = "", main = ""] = world.source;
    const command = [bun, "--preload", join(import.meta.dir, "../processes/stall-probe.ts"), main, "run"];
    const shipment = { domains: ["example.com"], mails, size: 10_000, warmUp, perSecond };
    const env = { ...wide, BENCH_STALLS: file };
    const warmed = (program: { signal(name: NodeJS.Signals): void }) => program.signal("SIGUSR2");
    const { p50, p99 } = await run(world, { command, env, latency: true, sink: world.slowSink, shipment, warmed });
    const { longestMs, ownMs, over20 } = JSON.parse(readFileSync(file, "utf8")) as Stalls;
    return {
      p99: { value: p99 / criticalMs, beside: `p50 ${figure(p50)} ms, p99 ${figure(p99)} ms` },
      stall: {
        value: ownMs,
        beside: `processor time of the worker within a stall; by the clock ${figure(longestMs)} ms, as other programs run too; ${over20} stalls of more than 20 ms`,
      },
    };
  },
};
