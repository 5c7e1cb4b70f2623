// Hot: one hot domain, whose mails all lie in the queue. How many mails in a second, the processor time of one, and the calls to
// AWS, with the latency model and without; against the sequential worker in Python, and against `smtp-source`, which has its mails
// ready and does nothing but SMTP.

import { join } from "node:path";
import type { Account } from "../aws/traffic.ts";
import { figure } from "../columns.ts";
import type { Figure, Goal, Part } from "./goal.ts";
import { type Run, run } from "./run.ts";
import { rawRate } from "./smtp-source.ts";
import type { World } from "./world.ts";

const size = 10_000; // octets of a mail
const domains = ["example.com"];

/** The large settings: a window of 256 mails and 64 sessions. */
export const wide: Readonly<Record<string, string>> = { CONCURRENCY: "256", SMTP_POOL_SIZE: "64" };
export const wideText = "CONCURRENCY=256, SMTP_POOL_SIZE=64";
const sizeText = `1 domain, mails of ${size / 1000} kB`;
const model = "latency model";

const speed = { unit: "×", better: "more" } as const;
const cost = { unit: "ms", better: "less" } as const;
const calls = { unit: "calls", better: "less" } as const;

const goals: readonly Goal[] = [
  { id: "hot", what: "mails/s of one hot domain ÷ Python", settings: `${wideText}, ${sizeText}, ${model}`, ...speed, wanted: 200 },
  { id: "hot-default", what: "the same at the defaults", settings: `defaults, ${sizeText}, ${model}`, ...speed, wanted: null },
  { id: "share", what: "share of smtp-source's raw rate", settings: `${wideText}, ${sizeText}, no latency`, ...speed, wanted: 0.15 },
  { id: "cpu", what: "CPU of one mail", settings: `${wideText}, ${sizeText}, no latency`, ...cost, wanted: 0.5 },
  { id: "cpu-default", what: "the same at the defaults", settings: `defaults, ${sizeText}, no latency`, ...cost, wanted: null },
  { id: "calls", what: "AWS calls of one mail, busy queue", settings: `${wideText}, ${sizeText}, ${model}`, ...calls, wanted: 4.4 },
  {
    id: "calls-cache",
    what: "the same with the table cache",
    settings: `TABLE_CACHE_SECONDS=60, ${wideText}, ${sizeText}, no latency`,
    ...calls,
    wanted: 4.2,
  },
];

type Counts = Readonly<{ model: number; modelDefault: number; raw: number; python: number; pythonRaw: number; smtpSource: number }>;

const full: Counts = { model: 3000, modelDefault: 2000, raw: 2000, python: 150, pythonRaw: 1000, smtpSource: 20_000 };
const tiny: Counts = { model: 60, modelDefault: 60, raw: 60, python: 12, pythonRaw: 24, smtpSource: 200 };

export const hot: Part = {
  name: "hot",
  about: "one hot domain: mails/s, CPU and AWS calls of a mail, against Python and smtp-source",
  goals,
  measure: async (world) => {
    const counts = world.scale === "tiny" ? tiny : full;
    const ours = (mails: number, latency: boolean, env: Readonly<Record<string, string>>) =>
      hotRun(world, world.sesame, mails, latency, env);
    const python = await pythonRun(world, counts.python, true);
    const model = await ours(counts.model, true, wide);
    const modelDefault = await ours(counts.modelDefault, true, {});
    const pythonRaw = await pythonRun(world, counts.pythonRaw, false);
    const raw = await ours(counts.raw, false, wide);
    const smtpSource = await rawRate(world, { sessions: 64, mails: counts.smtpSource, size });
    const rawDefault = await ours(counts.raw, false, {});
    const cached = await ours(counts.raw, false, { ...wide, TABLE_CACHE_SECONDS: "60" });
    return {
      hot: perPython(model, python),
      "hot-default": perPython(modelDefault, python),
      share: shareOf(raw, pythonRaw, smtpSource),
      cpu: cpuOf(raw, pythonRaw),
      "cpu-default": cpuOf(rawDefault, pythonRaw),
      calls: callsOf(model, python),
      "calls-cache": callsOf(cached, null),
    };
  },
};

/** A worker on one queue that is full. A fifth of the mails is its warm-up. */
export function hotRun(
  world: World,
  command: readonly string[],
  mails: number,
  latency: boolean,
  env: Readonly<Record<string, string>>,
): Promise<Run> {
  const shipment = { domains, mails, size, warmUp: Math.floor(mails / 5), perSecond: null };
  return run(world, { command, env, latency, sink: latency ? world.slowSink : world.sink, shipment });
}

async function pythonRun(world: World, mails: number, latency: boolean): Promise<Run | string> {
  const command = pythonCommand(world);
  return typeof command === "string" ? command : hotRun(world, command, mails, latency, {});
}

/** The sequential worker in Python, or the reason why there is none. */
export function pythonCommand({ python }: World): readonly string[] | string {
  return python === null
    ? "Python with boto3 is not installed (Debian: python3-boto3)"
    : [python.path, join(import.meta.dir, "../python/worker.py")];
}

function perPython(ours: Run, python: Run | string): Figure | string {
  if (typeof python === "string") return `${python}; ours: ${figure(ours.mailsPerSecond)} mails/s`;
  const spans = `receive to delete p50 ${figure(ours.p50)}, p99 ${figure(ours.p99)} ms`;
  const beside = `${figure(ours.mailsPerSecond)} mails/s; Python ${figure(python.mailsPerSecond)}; ${spans}; ${stubShare(ours)}`;
  return { value: ours.mailsPerSecond / python.mailsPerSecond, beside };
}

function shareOf(ours: Run, python: Run | string, raw: number | string): Figure | string {
  if (typeof raw === "string") return raw;
  const other = typeof python === "string" ? "" : `; Python ${figure(python.mailsPerSecond)} (${figure(python.mailsPerSecond / raw)})`;
  const beside = `${figure(ours.mailsPerSecond)} mails/s; smtp-source ${figure(raw)}${other}; ${stubShare(ours)}`;
  return { value: ours.mailsPerSecond / raw, beside };
}

function cpuOf(ours: Run, python: Run | string): Figure {
  const other = typeof python === "string" ? python : `Python ${figure(python.cpuMsPerMail)} ms`;
  return { value: ours.cpuMsPerMail, beside: `${figure(ours.mailsPerSecond)} mails/s; ${other}; ${stubShare(ours)}` };
}

function callsOf(ours: Run, python: Run | string | null): Figure {
  const names = Object.entries(ours.calls).map(([name, count]) => `${name} ${(count / ours.total).toFixed(2)}`);
  const other = python === null || typeof python === "string" ? "" : `; Python ${figure(python.callsPerMail)}`;
  return { value: ours.callsPerMail, beside: `${names.join(", ")}${other}` };
}

export function stubShare({ ownShare }: Account): string {
  return `the AWS of the bench used ${Math.round(ownShare * 100)} % of a processor`;
}
