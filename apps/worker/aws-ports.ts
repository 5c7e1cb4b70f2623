// AWS ports: all that a mail needs on its way, on SQS, S3, DynamoDB and SES, with the mail server at the end.

import {
  type AwsClients,
  awsClients,
  DynamoDirectory,
  DynamoLedger,
  DynamoOutbound,
  S3MailStore,
  SesCourier,
  SqsMailQueue,
} from "@sesame/aws-adapters";
import { type Courier, err, type Ledger, type MailId, ok, quote, type Result, type Route, type Stop } from "@sesame/core";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import type { Logger } from "pino";
import { type Config, forDomain } from "./config.ts";
import { openMemoryDatabase } from "./local/database.ts";
import { SqliteLedger } from "./local/sqlite-ledger.ts";
import { mailObjects } from "./mail-objects.ts";
import { mailServerOf, probeMailServer } from "./mail-server.ts";
import type { ServicePorts } from "./service.ts";
import { version } from "./version.ts";

const hourMs = 3_600_000;

/** The clients for this configuration; region, endpoint and credentials are the SDK's affair. */
export function clientsOf(config: Config): AwsClients {
  return awsClients({ version, queues: config.domains.length, mailsInWork: config.CONCURRENCY * config.domains.length });
}

/** Opens the ports, and says aloud which features are off for want of a table. Without the ledger's nothing can be done. */
export async function openAwsPorts(
  config: Config,
  clients: AwsClients,
  logger: Logger,
  smtp: Pick<SmtpOptions, "onPhase"> = {},
): Promise<Result<ServicePorts>> {
  const { clock } = clients;
  const dynamo = { client: clients.dynamo, clock };
  const directory = new DynamoDirectory({ ...dynamo, tables: { rules: config.RULES_TABLE, blocked: config.BLOCKED_TABLE } });
  const outbound = new DynamoOutbound({ ...dynamo, table: config.OUTBOUND_TABLE, rememberDays: config.LEDGER_DAYS });
  const ledger = openLedger(config, clients, logger);
  const probed = await probeTables(config, directory, outbound, ledger, logger);
  if (!probed.ok) return probed;
  const server = mailServerOf(config, config.SMTP_HOST ?? "localhost", smtp);
  const stop = { stopped: false };
  const ses = sesCourier(config, clients, stop);
  const queues = new Map(
    config.domains.map((domain) => {
      const name = forDomain(config.QUEUE_NAME, domain);
      const { VISIBILITY_SECONDS: visibilitySeconds, WAIT_SECONDS: waitSeconds } = config;
      return [domain, new SqsMailQueue({ sqs: clients.sqs, sqsPoll: clients.sqsPoll, clock, name, visibilitySeconds, waitSeconds })];
    }),
  );
  return ok({
    queues,
    ledger,
    courier: couriers(server, ses),
    stop,
    probe: () => probeMailServer(server),
    smtpSessions: () => server.gauge,
    abort: () => {
      ses.abort();
      return server.abort();
    },
    close: async () => {
      await server.close();
      clients.close();
    },
    way: {
      store: new S3MailStore({ s3: clients.s3, clock }),
      ledger,
      clock,
      directory,
      outbound,
      domains: config.domains,
      policy: config.policy,
      blockedMail: config.BLOCKED_MAIL,
      leaseSeconds: config.VISIBILITY_SECONDS,
      inWork: new Set<MailId>(),
      mayOpen: mailObjects(config.MAIL_OBJECTS, config.domains),
    },
  });
}

/** A table that is missing at the start switches its feature off; one that cannot be asked for is no missing one. */
async function probeTables(
  config: Config,
  directory: DynamoDirectory,
  outbound: DynamoOutbound,
  ledger: Ledger,
  logger: Logger,
): Promise<Result<null>> {
  const off = (feature: string, table: string) =>
    logger.error({ event: "feature-off", feature, table }, `there is no table ${table}: ${feature} are off until the next start`);
  try {
    const asked = ledger instanceof DynamoLedger ? ledger.probe() : "present";
    const [tables, sent, claims] = await Promise.all([directory.probe(), outbound.probe(), asked]);
    if (claims === "missing")
      return err(`Cannot start: the table LEDGER_TABLE must exist, is ${quote(config.LEDGER_TABLE)}, see sesame check`);
    if (tables.rules === "missing") off("replies and forwards", config.RULES_TABLE);
    if (tables.blocked === "missing") off("blocklists", config.BLOCKED_TABLE);
    if (sent === "missing") off("rewritten bounces", config.OUTBOUND_TABLE);
  } catch (error) {
    logger.error({ event: "probe-failed", text: error instanceof Error ? error.message : String(error) }, "the tables could not be probed");
  }
  return ok(null);
}

function openLedger(config: Config, { dynamo, clock }: AwsClients, logger: Logger): Ledger {
  const owner = crypto.randomUUID();
  const loopKey = config.LOOP_KEY === undefined ? {} : { loopKey: new TextEncoder().encode(config.LOOP_KEY) };
  const rememberDays = config.LEDGER_DAYS;
  if (config.LEDGER === "table")
    return new DynamoLedger({ client: dynamo, clock, owner, table: config.LEDGER_TABLE, rememberDays, ...loopKey });
  logger.warn(
    { event: "ledger-in-memory" },
    "LEDGER=memory: a restart forgets what was delivered and answered, and two workers do not know of each other",
  );
  const ledger = new SqliteLedger({ database: openMemoryDatabase(), owner, clock, rememberDays, ...loopKey });
  setInterval(() => ledger.forget(), hourMs).unref();
  return ledger;
}

function sesCourier(config: Config, clients: AwsClients, stop: Stop): SesCourier {
  const rate = config.SES_MAX_RATE === undefined ? {} : { maxRate: config.SES_MAX_RATE };
  return new SesCourier({ ...clients, ...rate, stop });
}

function couriers(server: SmtpCourier, ses: SesCourier): Courier {
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server, internal: server, ses };
  return { send: (route, consignment) => byRoute[route].send(route, consignment) };
}
