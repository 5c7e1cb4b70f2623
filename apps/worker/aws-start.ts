// AWS start: what a worker asks of AWS at once, while the rest of it is loaded: the URLs of its queues, whether its ledger exists,
// and then the first entries. Nothing is received without the ledger: each receive would bring a mail closer to the dead-letter queue.

import { type AwsBase, awsBase } from "@sesame/aws-adapters/base";
import { DynamoLedger, dynamoClient, tableCalls } from "@sesame/aws-adapters/dynamo";
import { queueCalls, type SqsClients, SqsMailQueue, sqsClients } from "@sesame/aws-adapters/sqs";
import { type Domain, err, type Ledger, ok, quote, type Result, type Stop } from "@sesame/core";
import type { Logger } from "pino";
import { awsOptions } from "./aws-options.ts";
import { type Config, queueNamesOf } from "./config.ts";
import { EarlyQueue } from "./early-queue.ts";
import { batchSize } from "./window.ts";

const headStartMs = 5; // to sign and send takes turns of the event loop, which the loading of code would keep for itself

/** What has been asked, and over what. */
export type AwsStart = Readonly<{
  base: AwsBase;
  queues: ReadonlyMap<Domain, EarlyQueue>;
  dynamo: Readonly<{ client: ReturnType<typeof dynamoClient>; hot: ReturnType<typeof tableCalls> }>;
  ledger: Ledger;
  /** Raised when the worker stops. */
  stop: { stopped: boolean };
  /** Whether the worker may start: not without the table of the ledger. */
  ready: Promise<Result<null>>;
  /** Begins the first receives, and resolves when their requests have left. The pollers must be started then. */
  receive(): Promise<void>;
  /** Closes the connections. No call may be running. */
  close(): void;
}>;

/** Asks at once. */
export async function startAws(config: Config, logger: Logger): Promise<AwsStart> {
  const base = awsBase(awsOptions(config));
  const clients = sqsClients(base);
  const client = dynamoClient(base);
  const dynamo = { client, hot: tableCalls(client, base) };
  const queues = queuesOf(config, base, clients);
  const ledger = await openLedger(config, base, dynamo, logger);
  const stop = { stopped: false };
  const close = () => {
    for (const each of [clients.sqs, clients.sqsPoll, client]) each.destroy();
  };
  const receive = () => receiveEarly(new Set(queues.values()), config, stop);
  return { base, queues, dynamo, ledger, stop, ready: findLedger(config, ledger, logger), receive, close };
}

/** One object for each name: without a placeholder in QUEUE_NAME all domains share a queue, and so a poller. */
function queuesOf(config: Config, { clock, lane }: AwsBase, clients: SqsClients): ReadonlyMap<Domain, EarlyQueue> {
  const { VISIBILITY_SECONDS: visibilitySeconds, WAIT_SECONDS: waitSeconds } = config;
  const hot = queueCalls(clients, { lane });
  const byName = new Map<string, EarlyQueue>();
  const queueOf = (name: string) => {
    const known = byName.get(name);
    if (known !== undefined) return known;
    const queue = new SqsMailQueue({ ...clients, clock, hot, name, visibilitySeconds, waitSeconds });
    queue.locate();
    const early = new EarlyQueue(queue);
    byName.set(name, early);
    return early;
  };
  return new Map([...queueNamesOf(config)].map(([domain, name]) => [domain, queueOf(name)]));
}

/** Where the window has no permits for a full batch of each queue, the pollers share them out. */
async function receiveEarly(queues: ReadonlySet<EarlyQueue>, { CONCURRENCY }: Config, stop: Stop): Promise<void> {
  if (queues.size * batchSize > CONCURRENCY) return;
  for (const queue of queues) queue.begin(stop, queues.size > 1 ? "none" : "long");
  await new Promise((resolve) => setTimeout(resolve, headStartMs));
}

async function openLedger(config: Config, { clock }: AwsBase, dynamo: AwsStart["dynamo"], logger: Logger): Promise<Ledger> {
  const loopKey = config.LOOP_KEY === undefined ? {} : { loopKey: new TextEncoder().encode(config.LOOP_KEY) };
  const common = { owner: crypto.randomUUID(), clock, rememberDays: config.LEDGER_DAYS, ...loopKey };
  if (config.LEDGER === "table") return new DynamoLedger({ ...dynamo, ...common, table: config.LEDGER_TABLE });
  logger.warn(
    { event: "ledger-in-memory" },
    "LEDGER=memory: a restart loses the record of deliveries and auto-replies; run one worker only",
  );
  const { openMemoryLedger } = await import("./memory-ledger.ts");
  return openMemoryLedger(common);
}

/** A table that cannot be checked may exist. */
async function findLedger({ LEDGER_TABLE }: Config, ledger: Ledger, logger: Logger): Promise<Result<null>> {
  try {
    if (!(ledger instanceof DynamoLedger) || (await ledger.probe()) === "present") return ok(null);
  } catch (error) {
    logProbeFailure(logger, error);
    return ok(null);
  }
  return err(`Cannot start: the table LEDGER_TABLE must exist, is ${quote(LEDGER_TABLE)}; create it with the command of sesame check`);
}

export function logProbeFailure(logger: Logger, error: unknown): void {
  logger.error(
    { event: "probe-failed", text: error instanceof Error ? error.message : String(error) },
    "cannot check whether the tables exist: the worker goes on and retries each call",
  );
}
