// AWS ports: the journey ports on SQS, S3, DynamoDB and SES, and the mail server.

import { CachedDirectory, DynamoDirectory, DynamoOutbound, JoinedDirectory } from "@sesame/aws-adapters/dynamo";
import { objectCalls, S3MailStore, s3Client } from "@sesame/aws-adapters/s3";
import { blocklistCache, type Courier, type Directory, type MailId, type Route } from "@sesame/core";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import type { Logger } from "pino";
import { type AwsStart, logProbeFailure } from "./aws-start.ts";
import { type Config, honourMarksOf, queueNamesOf } from "./config.ts";
import { knownMailboxes } from "./known-mailboxes.ts";
import { LateCourier, type Loaded } from "./late-courier.ts";
import { mailObjects } from "./mail-objects.ts";
import { mailServerOf, probeMailServer } from "./mail-server.ts";
import { commandsNamed, serverName } from "./page-names.ts";
import type { ServicePorts } from "./service.ts";
import { blocklistCacheOctets, pauseEachTurn } from "./turn-taking.ts";

/** Opens the ports. No entry reaches a poller before it is known, and logged, which features are off because their table is missing. */
export function openAwsPorts(config: Config, start: AwsStart, logger: Logger, smtp: Pick<SmtpOptions, "onPhase"> = {}): ServicePorts {
  const { base, queues, ledger, stop } = start;
  const { clock } = base;
  const dynamo = { ...start.dynamo, clock };
  const directory = new DynamoDirectory({ ...dynamo, tables: { rules: config.RULES_TABLE, blocked: config.BLOCKED_TABLE } });
  const outbound = new DynamoOutbound({ ...dynamo, table: config.OUTBOUND_TABLE, rememberDays: config.LEDGER_DAYS });
  const featuresOff: string[] = [];
  const probed = probeFeatures(config, directory, outbound, logger, featuresOff);
  for (const queue of queues.values()) queue.after(probed);
  const s3 = s3Client(base);
  const server = mailServerOf(config, config.SMTP_HOST ?? "localhost", smtp);
  const ses = new LateCourier(() => loadSes(config, start));
  return {
    queues,
    courier: couriers(server, ses),
    stop,
    page: { commands: commandsNamed("sesame", " --aws"), mailServer: serverName(config), featuresOff },
    probe: () => probeMailServer(server),
    smtpSessions: () => ({ ...server.gauge, limit: server.sessionLimit }),
    abort: () => {
      ses.abort();
      return server.abort();
    },
    close: async () => {
      await server.close();
      ses.close();
      s3.destroy();
      start.close();
    },
    journeyPorts: {
      store: new S3MailStore({ s3, clock, hot: objectCalls(s3, base) }),
      ledger,
      clock,
      directory: withCache(new JoinedDirectory({ directory }), config.TABLE_CACHE_SECONDS),
      outbound,
      domains: config.domains,
      policy: config.policy,
      blockedMail: config.BLOCKED_MAIL,
      auditMarks: config.AUDIT_MARK,
      honourMarks: honourMarksOf(config),
      rowSpellings: config.RULE_SPELLINGS,
      leaseSeconds: config.VISIBILITY_SECONDS,
      inWork: new Set<MailId>(),
      mailboxes: knownMailboxes({ clock, graceSeconds: config.MAILBOX_GRACE_SECONDS }),
      pause: pauseEachTurn(),
      blocklists: blocklistCache({ maxOctets: blocklistCacheOctets }),
      mayOpen: mailObjects(config.MAIL_OBJECTS, queueNamesOf(config)),
    },
  };
}

/** With 0 seconds nothing is kept: a rule acts on the next mail. */
function withCache(directory: Directory, seconds: number): Directory {
  return seconds === 0 ? directory : new CachedDirectory({ directory, seconds });
}

/** A table that is missing at the start switches its feature off. A table that cannot be checked does not. Never rejects. */
async function probeFeatures(
  config: Config,
  directory: DynamoDirectory,
  outbound: DynamoOutbound,
  logger: Logger,
  featuresOff: string[],
): Promise<void> {
  const off = (feature: string, table: string) => {
    featuresOff.push(feature);
    logger.error({ event: "feature-off", feature, table }, `the table ${table} does not exist: ${feature} are off until the next start`);
  };
  try {
    const [tables, sent] = await Promise.all([directory.probe(), outbound.probe()]);
    if (tables.rules === "missing") off("auto-replies and forwards", config.RULES_TABLE);
    if (tables.blocked === "missing") off("blocklists", config.BLOCKED_TABLE);
    if (sent === "missing") off("rewritten bounces", config.OUTBOUND_TABLE);
  } catch (error) {
    logProbeFailure(logger, error);
  }
}

async function loadSes(config: Config, { base, stop }: AwsStart): Promise<Loaded> {
  const { SesCourier, sesClients } = await import("@sesame/aws-adapters/ses");
  const clients = sesClients(base);
  const rate = config.SES_MAX_RATE === undefined ? {} : { maxRate: config.SES_MAX_RATE };
  const courier = new SesCourier({ ...clients, clock: base.clock, ...rate, stop });
  return {
    turn: (route) => courier.turn(route),
    send: (route, transaction) => courier.send(route, transaction),
    abort: () => courier.abort(),
    close: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

function couriers(server: SmtpCourier, ses: LateCourier): Required<Courier> {
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server, internal: server, ses };
  return {
    turn: async (route) => (await byRoute[route].turn?.(route)) ?? "ready",
    send: (route, transaction) => byRoute[route].send(route, transaction),
  };
}
