// Long: what only many mails or many domains show, and what TLS costs: the slope of memory over 100,000 mails, 50 and 200 domains,
// and TLS to AWS. TLS to the mail server is in the bench `delivery`.

import { figure } from "../columns.ts";
import { selfSigned } from "../mail-sinks.ts";
import type { Program } from "../processes/program.ts";
import type { Figure, Goal, Part } from "./goal.ts";
import { hotRun, pythonCommand, stubShare, wide, wideText } from "./hot.ts";
import { run } from "./run.ts";
import { startWorld, type World } from "./world.ts";

const many = [50, 200] as const;
const more = { unit: "×", better: "more", wanted: null } as const;

const goals: readonly Goal[] = [
  {
    id: "slope",
    what: "memory per 10,000 mails, of 100,000",
    settings: `${wideText}, 1 domain, mails of 10 kB, no latency; a line through the least memory of each second of the last 80,000`,
    unit: "MB",
    better: "less",
    wanted: 1,
  },
  ...many.map((count) => ({
    id: `domains-${count}`,
    what: `mails/s of ${count} domains ÷ Python`,
    settings: `defaults, mails of 10 kB, latency model; Python with ${count} threads`,
    ...more,
  })),
  {
    id: "tls-cpu",
    what: "CPU of one mail, TLS to AWS",
    settings: `${wideText}, 1 domain, mails of 10 kB, no latency`,
    unit: "ms",
    better: "less",
    wanted: null,
  },
  {
    id: "tls-handshakes",
    what: "TLS connections to AWS per 100 mails",
    settings: "CONCURRENCY=128, SMTP_POOL_SIZE=64, 1 domain, latency model; those of the start are among them",
    unit: "",
    better: "less",
    wanted: null,
  },
];

export const long: Part = {
  name: "long",
  about: "100,000 mails, 50 and 200 domains, TLS to AWS",
  goals,
  measure: async (world) => ({
    slope: await slope(world),
    "domains-50": await domainsOf(world, 50),
    "domains-200": await domainsOf(world, 200),
    ...(await overTls(world)),
  }),
};

async function slope(world: World): Promise<Figure | string> {
  const mails = world.scale === "tiny" ? 200 : 100_000;
  const samples: Point[] = [];
  const note = (octets: number) => {
    if (Number.isFinite(octets)) samples.push([performance.now(), octets]); // not once the worker has ended
  };
  let timer: Timer | undefined;
  const warmed = (program: Program) => {
    timer = setInterval(() => note(program.memory().now), world.scale === "tiny" ? 1 : 50);
  };
  const shipment = { domains: ["example.com"], mails, size: 10_000, warmUp: mails * 0.2, perSecond: null };
  try {
    const order = { command: world.sesame, env: wide, latency: false, sink: world.sink, shipment, warmed };
    const { mailsPerSecond, peak } = await run(world, order);
    if (samples.length < 10) return "the run was over too soon";
    const lowest = world.scale === "tiny" ? samples : lowestOfEach(1000, samples);
    if (lowest.length < 10) return "the run was over too soon";
    const megabytes = (slopeOf(lowest) * 1000 * 10_000) / mailsPerSecond / 1e6;
    return { value: megabytes, beside: `${figure(mailsPerSecond)} mails/s; at most ${figure(peak / 1e6)} MB` };
  } finally {
    clearInterval(timer);
  }
}

type Point = readonly [at: number, octets: number];

/**
 * The lowest point of each stretch of so many milliseconds. Between two collections of garbage memory rises and falls by 60 MB, which
 * says nothing of what stays.
 */
export function lowestOfEach(ms: number, points: readonly Point[]): readonly Point[] {
  const lowest = new Map<number, Point>();
  for (const point of points) {
    const stretch = Math.floor(point[0] / ms);
    const known = lowest.get(stretch);
    if (known === undefined || point[1] < known[1]) lowest.set(stretch, point);
  }
  return [...lowest.values()];
}

/** Of the line with the least squares. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const [above, below] = [points.map(([at, value]) => (at - x) * (value - y)), points.map(([at]) => (at - x) ** 2)];
  return mean(above) / mean(below);
}

async function domainsOf(world: World, count: number): Promise<Figure | string> {
  const domains = Array.from({ length: count }, (_, n) => `domain-${n}.test`);
  const mails = count * (world.scale === "tiny" ? 1 : 40);
  const shipment = { domains, mails, size: 10_000, warmUp: Math.floor(mails / 5), perSecond: null };
  const common = { latency: true, sink: world.slowSink, shipment };
  const ours = await run(world, { command: world.sesame, ...common });
  const command = pythonCommand(world);
  if (typeof command === "string") return command;
  const python = await run(world, { command, ...common });
  const beside = `${figure(ours.mailsPerSecond)} mails/s, ${figure(ours.cpuMsPerMail)} ms; Python ${figure(python.mailsPerSecond)}`;
  return { value: ours.mailsPerSecond / python.mailsPerSecond, beside: `${beside}; ${stubShare(ours)}` };
}

/** In a world of its own, whose AWS speaks TLS alone. */
async function overTls({ scale, env }: World): Promise<Readonly<Record<string, Figure | string>>> {
  const certificate = selfSigned();
  if (certificate === null) return { "tls-cpu": "there is no openssl", "tls-handshakes": "there is no openssl" };
  const world = await startWorld(scale, { certificate, set: env });
  try {
    const [count, settings] = [scale === "tiny" ? 40 : 12_000, { CONCURRENCY: "128", SMTP_POOL_SIZE: "64" }];
    const raw = await hotRun(world, world.sesame, Math.min(count, 3000), false, wide);
    const model = await hotRun(world, world.sesame, count, true, settings);
    const connections = model.connections;
    return {
      "tls-cpu": { value: raw.cpuMsPerMail, beside: `${figure(raw.mailsPerSecond)} mails/s; ${stubShare(raw)}` },
      "tls-handshakes": {
        value: (connections * 100) / model.total,
        beside: `${connections} connections for ${model.total} mails, which needed ${figure(model.callsPerMail * model.total)} calls`,
      },
    };
  } finally {
    world.close();
  }
}
