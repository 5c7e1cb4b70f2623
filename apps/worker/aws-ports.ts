// AWS ports: the journey ports on SQS, S3, DynamoDB and SES, and the mail server.

import {
  type AwsClients,
  awsClients,
  CachedDirectory,
  DynamoDirectory,
  DynamoLedger,
  DynamoOutbound,
  JoinedDirectory,
  S3MailStore,
  SesCourier,
  SqsMailQueue,
} from "@sesame/aws-adapters";
import {
  blocklistCache,
  type Courier,
  type Directory,
  type Domain,
  err,
  type Ledger,
  type MailId,
  type MailQueue,
  ok,
  quote,
  type Result,
  type Route,
  type Stop,
} from "@sesame/core";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import type { Logger } from "pino";
import { type Config, honourMarksOf, queueNamesOf } from "./config.ts";
import { fetchExchange } from "./exchange.ts";
import { knownMailboxes } from "./known-mailboxes.ts";
import { openMemoryDatabase } from "./local/database.ts";
import { SqliteLedger } from "./local/sqlite-ledger.ts";
import { mailObjects } from "./mail-objects.ts";
import { mailServerOf, probeMailServer } from "./mail-server.ts";
import type { ServicePorts } from "./service.ts";
import { every, hourMs } from "./timers.ts";
import { blocklistCacheOctets, pauseEachTurn } from "./turn-taking.ts";
import { version } from "./version.ts";

/** The AWS clients for this configuration. The SDK finds region, endpoint and credentials. */
export function clientsOf(config: Config): AwsClients {
  const queues = new Set(queueNamesOf(config).values()).size;
  const exchange = config.AWS_CLIENT === "fast" ? fetchExchange() : undefined;
  return awsClients({ version, queues, mailsInWork: config.CONCURRENCY, ...(exchange && { exchange }) });
}

/** Opens the ports, and logs which features are off because their table is missing. A missing ledger table is an error. */
export async function openAwsPorts(
  config: Config,
  clients: AwsClients,
  logger: Logger,
  smtp: Pick<SmtpOptions, "onPhase"> = {},
): Promise<Result<ServicePorts>> {
  const { clock, hot } = clients;
  const dynamo = { client: clients.dynamo, clock, hot };
  const directory = new DynamoDirectory({ ...dynamo, tables: { rules: config.RULES_TABLE, blocked: config.BLOCKED_TABLE } });
  const outbound = new DynamoOutbound({ ...dynamo, table: config.OUTBOUND_TABLE, rememberDays: config.LEDGER_DAYS });
  const ledger = openLedger(config, clients, logger);
  const probed = await probeTables(config, directory, outbound, ledger, logger);
  if (!probed.ok) return probed;
  const server = mailServerOf(config, config.SMTP_HOST ?? "localhost", smtp);
  const stop = { stopped: false };
  const ses = sesCourier(config, clients, stop);
  return ok({
    queues: queuesOf(config, clients),
    courier: couriers(server, ses),
    stop,
    probe: () => probeMailServer(server),
    smtpSessions: () => ({ ...server.gauge, limit: server.sessionLimit }),
    abort: () => {
      ses.abort();
      return server.abort();
    },
    close: async () => {
      await server.close();
      clients.close();
    },
    journeyPorts: {
      store: new S3MailStore({ s3: clients.s3, clock, hot }),
      ledger,
      clock,
      directory: withCache(new JoinedDirectory({ directory }), config.TABLE_CACHE_SECONDS),
      outbound,
      domains: config.domains,
      policy: config.policy,
      blockedMail: config.BLOCKED_MAIL,
      auditMarks: config.AUDIT_MARK,
      honourMarks: honourMarksOf(config),
      leaseSeconds: config.VISIBILITY_SECONDS,
      inWork: new Set<MailId>(),
      mailboxes: knownMailboxes({ clock, graceSeconds: config.MAILBOX_GRACE_SECONDS }),
      pause: pauseEachTurn(),
      blocklists: blocklistCache({ maxOctets: blocklistCacheOctets }),
      mayOpen: mailObjects(config.MAIL_OBJECTS, queueNamesOf(config)),
    },
  });
}

/** With 0 seconds nothing is kept: a rule acts on the next mail. */
function withCache(directory: Directory, seconds: number): Directory {
  return seconds === 0 ? directory : new CachedDirectory({ directory, seconds });
}

/** One object for each name: without a placeholder in QUEUE_NAME all domains share a queue, and so a poller. */
function queuesOf(config: Config, { sqs, sqsPoll, clock, hot }: AwsClients): ReadonlyMap<Domain, MailQueue> {
  const { VISIBILITY_SECONDS: visibilitySeconds, WAIT_SECONDS: waitSeconds } = config;
  const byName = new Map<string, MailQueue>();
  const queueOf = (name: string) => {
    const queue = byName.get(name) ?? new SqsMailQueue({ sqs, sqsPoll, clock, hot, name, visibilitySeconds, waitSeconds });
    byName.set(name, queue);
    return queue;
  };
  return new Map([...queueNamesOf(config)].map(([domain, name]) => [domain, queueOf(name)]));
}

/** A table that is missing at the start switches its feature off. A table that cannot be checked does not. */
async function probeTables(
  config: Config,
  directory: DynamoDirectory,
  outbound: DynamoOutbound,
  ledger: Ledger,
  logger: Logger,
): Promise<Result<null>> {
  const off = (feature: string, table: string) =>
    logger.error({ event: "feature-off", feature, table }, `the table ${table} does not exist: ${feature} are off until the next start`);
  try {
    const asked = ledger instanceof DynamoLedger ? ledger.probe() : "present";
    const [tables, sent, claims] = await Promise.all([directory.probe(), outbound.probe(), asked]);
    if (claims === "missing")
      return err(
        `Cannot start: the table LEDGER_TABLE must exist, is ${quote(config.LEDGER_TABLE)}; create it with the command of sesame check`,
      );
    if (tables.rules === "missing") off("auto-replies and forwards", config.RULES_TABLE);
    if (tables.blocked === "missing") off("blocklists", config.BLOCKED_TABLE);
    if (sent === "missing") off("rewritten bounces", config.OUTBOUND_TABLE);
  } catch (error) {
    logger.error(
      { event: "probe-failed", text: error instanceof Error ? error.message : String(error) },
      "cannot check whether the tables exist: the worker goes on and retries each call",
    );
  }
  return ok(null);
}

function openLedger(config: Config, { dynamo, clock, hot }: AwsClients, logger: Logger): Ledger {
  const owner = crypto.randomUUID();
  const loopKey = config.LOOP_KEY === undefined ? {} : { loopKey: new TextEncoder().encode(config.LOOP_KEY) };
  const rememberDays = config.LEDGER_DAYS;
  if (config.LEDGER === "table")
    return new DynamoLedger({ client: dynamo, clock, hot, owner, table: config.LEDGER_TABLE, rememberDays, ...loopKey });
  logger.warn(
    { event: "ledger-in-memory" },
    "LEDGER=memory: a restart loses the record of deliveries and auto-replies; run one worker only",
  );
  const ledger = new SqliteLedger({ database: openMemoryDatabase(), owner, clock, rememberDays, ...loopKey });
  every(hourMs, () => ledger.forget());
  return ledger;
}

function sesCourier(config: Config, clients: AwsClients, stop: Stop): SesCourier {
  const rate = config.SES_MAX_RATE === undefined ? {} : { maxRate: config.SES_MAX_RATE };
  return new SesCourier({ ...clients, ...rate, stop });
}

function couriers(server: SmtpCourier, ses: SesCourier): Required<Courier> {
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server, internal: server, ses };
  return {
    turn: async (route) => (await byRoute[route].turn?.(route)) ?? "ready",
    send: (route, transaction) => byRoute[route].send(route, transaction),
  };
}
