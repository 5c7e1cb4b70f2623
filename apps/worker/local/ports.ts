// Local ports: all that a mail needs on its way, on one data folder, and a real mail server where one is configured.
// The folder must be locked before it is opened: what its last process held is given back here.

import type { Database } from "bun:sqlite";
import type { Clock, Courier, Domain, EpochMs, MailId, Route } from "@sesame/core";
import type { SmtpCourier } from "@sesame/smtp";
import type { Config } from "../config.ts";
import { mailObjects } from "../mail-objects.ts";
import { mailServerOf, probeMailServer } from "../mail-server.ts";
import type { ServicePorts } from "../service.ts";
import { openDatabase } from "./database.ts";
import { emptyTemporary } from "./durable-file.ts";
import { FileMailStore } from "./file-mail-store.ts";
import { MaildirCourier } from "./maildir-courier.ts";
import { OutboxCourier } from "./outbox-courier.ts";
import { SqliteDirectory } from "./sqlite-directory.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteMailQueue } from "./sqlite-mail-queue.ts";
import { SqliteOutbound } from "./sqlite-outbound.ts";

/** The ports of one data folder. */
export type LocalPorts = ServicePorts &
  Readonly<{ database: Database; store: FileMailStore; queues: ReadonlyMap<Domain, SqliteMailQueue> }>;

/** The clock of this machine. */
export const clock: Clock = { now: () => Date.now() as EpochMs };

/** Opens a data folder and gives back what was held when its last process died. */
export async function openLocalPorts(config: Config, folder: string): Promise<LocalPorts> {
  await emptyTemporary(folder);
  const database = openDatabase(folder);
  const store = new FileMailStore({ folder });
  const ledger = new SqliteLedger({ database, owner: crypto.randomUUID(), clock, rememberDays: config.LEDGER_DAYS });
  const timing = { visibilitySeconds: config.VISIBILITY_SECONDS, waitSeconds: config.WAIT_SECONDS };
  const queues = new Map(config.domains.map((domain) => [domain, new SqliteMailQueue({ database, name: domain, clock, ...timing })]));
  ledger.giveBack();
  ledger.forget();
  for (const queue of queues.values()) queue.giveBack();
  const server = openMailServer(config);
  const way = {
    store,
    ledger,
    clock,
    directory: new SqliteDirectory({ database }),
    outbound: new SqliteOutbound({ database }),
    domains: config.domains,
    policy: config.policy,
    blockedMail: config.BLOCKED_MAIL,
    leaseSeconds: config.VISIBILITY_SECONDS,
    inWork: new Set<MailId>(),
    mayOpen: mailObjects(config.MAIL_OBJECTS, config.domains),
  };
  const forgetting = setInterval(() => forgetQuietly(ledger), hourMs);
  const close = async () => {
    clearInterval(forgetting);
    await server?.close();
    database.close();
  };
  return { database, store, ledger, queues, way, courier: couriers(config, folder, server), ...serverPorts(server), close };
}

const hourMs = 3_600_000;

/** A disk that is full just now is no reason to end: the next hour tries again. */
function forgetQuietly(ledger: SqliteLedger): void {
  try {
    ledger.forget();
  } catch {
    // mails are still carried, and what they need of the ledger says aloud what is wrong
  }
}

const noSessions = { idle: 0, busy: 0 };

/** Maildirs need no probing. */
function serverPorts(server: SmtpCourier | null): Pick<ServicePorts, "probe" | "smtpSessions" | "abort"> {
  if (server === null) return { probe: async () => null, smtpSessions: () => noSessions, abort: async () => {} };
  return { probe: () => probeMailServer(server), smtpSessions: () => server.gauge, abort: () => server.abort() };
}

/** Mail for SES goes to the outbox; other mail to the server if there is one, else into Maildirs. */
function couriers({ domains }: Config, folder: string, server: SmtpCourier | null): Courier {
  const maildir = new MaildirCourier({ folder });
  const outbox = new OutboxCourier({ folder, domains, maildir });
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server ?? maildir, internal: server ?? outbox, ses: outbox };
  return { send: (route, consignment) => byRoute[route].send(route, consignment) };
}

function openMailServer(config: Config): SmtpCourier | null {
  return config.SMTP_HOST === undefined ? null : mailServerOf(config, config.SMTP_HOST);
}
