// Run: one run of a worker in the world: mails lie in the queue or arrive, the worker starts, and when the last entry is deleted
// its costs are read. A run whose mails did not all end well gives no figure.

import { join } from "node:path";
import { freePorts } from "../../tests/mailserver/free-port.ts";
import type { Account, Shipment } from "../aws/traffic.ts";
import { Program } from "../processes/program.ts";
import type { Taken } from "../processes/sink-process.ts";
import type { Sink, World } from "./world.ts";

export type Order = Readonly<{
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Whether the latency model is on. */
  latency: boolean;
  sink: Sink;
  shipment: Shipment;
  /** Told when the warm-up is over. */
  warmed?(program: Program): void;
}>;

export type Run = Account &
  Readonly<{
    mailsPerSecond: number;
    cpuMsPerMail: number;
    /** The most memory that the worker has had, in octets. */
    peak: number;
  }>;

const runMs = 300_000;

/** All mails of one run, one after the other or in many sessions, as the worker likes. */
export async function run(world: World, order: Order): Promise<Run> {
  const { aws } = world;
  const { shipment } = order;
  await order.sink.taken(); // what an earlier run has left
  await clear(world, shipment.domains, order.latency);
  await send(world, shipment);
  const program = await start(world, order, shipment.domains);
  try {
    const warm = aws.next("warm", runMs).then(() => {
      order.warmed?.(program);
      return program.cpuMs();
    });
    const [cpuAtWarm] = await orEnd(Promise.all([warm, aws.next("empty", runMs)]), program);
    const [cpuMs, { peak }] = [program.cpuMs() - cpuAtWarm, program.memory()];
    const account = await accountOf(world, order.sink);
    return { ...account, mailsPerSecond: (account.mails * 1000) / account.ms, cpuMsPerMail: cpuMs / account.mails, peak };
  } finally {
    await program.stop();
  }
}

export async function clear({ aws }: World, domains: readonly string[], latency: boolean): Promise<void> {
  aws.tell({ kind: "clear", domains, latency });
  await aws.next("done");
}

export async function send({ aws }: World, shipment: Shipment): Promise<void> {
  aws.tell({ kind: "send", shipment });
  await aws.next("done");
}

/** Throws if a mail did not end as it must, or if the mail server has got other octets than SES. */
export async function accountOf({ aws }: World, sink: Sink): Promise<Account> {
  aws.tell({ kind: "account" });
  const { account } = await aws.next("account");
  const taken = await sink.taken();
  const wrong = account.wrong ?? (taken === null ? null : difference(taken, account));
  if (wrong !== null) throw new Error(`Cannot use the figures of a run: all mails must be delivered once, but ${wrong}`);
  return account;
}

/** What the mail server got besides the right mails, or missed; `null`: nothing. */
export function difference(taken: Taken, { checksum, total }: Pick<Account, "checksum" | "total">): string | null {
  const { [checksum]: right = 0, ...others } = taken;
  const wrong = Object.values(others).reduce((sum, count) => sum + count, 0);
  return right === total && wrong === 0 ? null : `the mail server has got ${right} of ${total} mails, and ${wrong} that are altered`;
}

/** Starts a worker on the AWS and the mail server of the world. */
export async function start(
  world: World,
  { command, env = {}, sink }: Pick<Order, "command" | "env" | "sink">,
  domains: readonly string[],
): Promise<Program> {
  const [healthPort, metricsPort] = await freePorts(2);
  const own = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
    AWS_ENDPOINT_URL: world.endpoint,
    DOMAINS: domains.join(","),
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(sink.port),
    SMTP_NAME: "worker.example.com",
    SMTP_TLS: "off",
    WAIT_SECONDS: "1", // a stop waits for the long poll
    HTTP_HOST: "127.0.0.1",
    HEALTH_PORT: String(healthPort),
    METRICS_PORT: String(metricsPort),
    ...world.env,
  };
  return new Program(command, { ...own, ...env }, join(world.folder, "output"));
}

/** Rejects if the worker ends before. */
export function orEnd<T>(found: Promise<T>, program: Program): Promise<T> {
  const ended = program.exited.then((code) => {
    throw new Error(`Cannot measure a worker: it must run to the end, ended with ${code}: ${program.lastWords()}`);
  });
  return Promise.race([found, ended]);
}
