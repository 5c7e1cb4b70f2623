// System: AWS and a mail server on the loopback, each as far away as it is told to be, and a worker on them: ours from
// source, or the naive one. One run: mails lie in the queue, the worker starts, and the clock runs from its first receive
// to its last delete. What it did is looked up at the ends: at the mail server, and at the stored objects.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { type SinkServer, sinkServer } from "../tests/smtp/sink-server.ts";
import { bucketOf, Cloud, type Incoming } from "../tests/system/cloud.ts";
import { WorkerProcess } from "../tests/system/worker.ts";
import { type Far, far, farEndpoint } from "./far.ts";
import { digestOf } from "./letters.ts";
import { startTables, type Tables } from "./tables.ts";

const domain = "example.com";
const runMs = 60_000;

export type Program = "ours" | "naive" | "naive at once";

/** What became of the mails: `recipient digest` of each copy that the server got, and how each object ended. */
export type Ends = Readonly<{ arrived: readonly string[]; objects: readonly string[] }>;

export type Run = Readonly<{ ms: number; callsPerMail: number; peakBytes: number; ends: Ends }>;

export type SystemOptions = Readonly<{
  /** Round trips in ms. */
  awsMs: number;
  mailServerMs: number;
  sink?: Parameters<typeof sinkServer>[0];
  env?: Readonly<Record<string, string>>;
}>;

export class System {
  readonly tables: Tables;
  readonly #cloud: Cloud;
  readonly #sink: SinkServer;
  readonly #relays: readonly Far[];
  readonly #env: Readonly<Record<string, string>>;
  /** Calls to AWS, as they come in. */
  readonly #calls: Call[];
  #runs = 0;

  private constructor(
    cloud: Cloud,
    tables: Tables,
    sink: SinkServer,
    relays: readonly Far[],
    env: Readonly<Record<string, string>>,
    calls: Call[],
  ) {
    this.#cloud = cloud;
    this.tables = tables;
    this.#calls = calls;
    this.#sink = sink;
    this.#relays = relays;
    this.#env = env;
  }

  static async start({ awsMs, mailServerMs, sink: sinkOptions, env }: SystemOptions): Promise<System> {
    const calls: Call[] = [];
    const hear = (name: string) => {
      calls.push({ name, at: performance.now() });
      return null;
    };
    const [cloud, tables, sink] = await Promise.all([Cloud.start({ domains: [domain] }), startTables(hear), sinkServer(sinkOptions)]);
    for (const proxy of Object.values(cloud.proxies)) proxy.fault = hear;
    const server = await far(sink.port, mailServerMs);
    const near = { ...cloud.env, AWS_ENDPOINT_URL_DYNAMODB: tables.endpoint };
    const names = Object.entries(near).filter(([name]) => name.startsWith("AWS_ENDPOINT_URL_"));
    const moved = await Promise.all(names.map(async ([name, endpoint]) => [name, await farEndpoint(endpoint, awsMs)] as const));
    const endpoints = Object.fromEntries(moved.map(([name, { endpoint }]) => [name, endpoint]));
    const smtp = { SMTP_HOST: "127.0.0.1", SMTP_PORT: String(server.port), SMTP_NAME: "worker.example.com", SMTP_TLS: "off" };
    const all = { ...cloud.env, ...endpoints, ...smtp, WAIT_SECONDS: "1", ...env };
    return new System(cloud, tables, sink, [server, ...moved.map(([, relay]) => relay)], all, calls);
  }

  /** Brings these mails to their end. */
  async run(program: Program, samples: readonly Omit<Incoming, "domain">[]): Promise<Run> {
    const run = `run${++this.#runs}`;
    const mails = samples.map((sample) => ({ ...sample, domain, key: `${run}-${sample.key}` }));
    await inTurns(mails, (mail) => this.#cloud.receive(mail));
    this.#sink.mails.length = 0;
    this.#calls.length = 0;
    const worker = await startWorker(program, this.#env);
    await this.#untilEmpty(worker);
    const peakBytes = peakOf(worker.pid);
    await worker.stop();
    const first = this.#calls.findIndex(({ name }) => name === "ReceiveMessage");
    const inWork = this.#calls.slice(first, this.#calls.findLastIndex(isDelete) + 1);
    const ms = (inWork.at(-1)?.at ?? Number.NaN) - (inWork[0]?.at ?? Number.NaN);
    return { ms, callsPerMail: inWork.length / mails.length, peakBytes, ends: await this.#ends(mails) };
  }

  async stop(): Promise<void> {
    for (const relay of this.#relays) relay.close();
    this.#sink.close();
    this.tables.close();
    await this.#cloud.stop();
  }

  async #untilEmpty(worker: WorkerProcess): Promise<void> {
    const deadline = performance.now() + runMs;
    while ((await this.#cloud.queued(domain)) > 0) {
      if (performance.now() > deadline) throw new Error(`entries are left after ${runMs} ms: ${lastWords(worker)}`);
      await Bun.sleep(50);
    }
  }

  async #ends(mails: readonly Incoming[]): Promise<Ends> {
    const arrived = this.#sink.mails.flatMap(({ recipients, data }) => recipients.map((to) => `${to} ${digestOf(data)}`));
    const objects: string[] = [];
    await inTurns(mails, async ({ key }) => {
      const question = new HeadObjectCommand({ Bucket: bucketOf(domain), Key: key });
      const answer = await this.#cloud.clients.s3.send(question).catch(() => null);
      objects.push(`${key.replace(/^run\d+-/, "")} ${answer === null ? "gone" : (answer.Metadata?.["status"] ?? "unmarked")}`);
    });
    return { arrived: arrived.sort(), objects: objects.sort() };
  }
}

type Call = Readonly<{ name: string; at: number }>;

const isDelete = ({ name }: Call) => name === "DeleteMessage" || name === "DeleteMessageBatch";

function lastWords({ other, lines }: WorkerProcess): string {
  return [...other, ...lines.slice(-3).map((line) => JSON.stringify(line))].join("\n");
}

function startWorker(program: Program, env: Readonly<Record<string, string>>): Promise<WorkerProcess> {
  if (program === "ours") return WorkerProcess.start(env);
  const atOnce = program === "naive at once" ? { NAIVE_AT_ONCE: "1" } : {};
  return WorkerProcess.start({ ...env, ...atOnce }, [process.execPath, join(import.meta.dir, "naive.ts")]);
}

/** The most memory that a process has had in use; 0 where the system does not tell. */
function peakOf(pid: number): number {
  if (process.platform !== "linux") return 0;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
