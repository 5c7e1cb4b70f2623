// Local ports: all that a mail needs on its way, on one data folder, and a real mail server where one is configured.
// The folder must be locked before it is opened: what its last process held is given back here.

import type { Database } from "bun:sqlite";
import type { Clock, Courier, Domain, EpochMs, MailId, Route } from "@sesame/core";
import { SmtpCourier } from "@sesame/smtp";
import type { Config } from "../config.ts";
import { mailObjects } from "../mail-objects.ts";
import type { PollerOptions } from "../poller.ts";
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
export type LocalPorts = Readonly<{
  database: Database;
  store: FileMailStore;
  ledger: SqliteLedger;
  queues: ReadonlyMap<Domain, SqliteMailQueue>;
  way: Omit<PollerOptions["way"], "worker">;
  close(): Promise<void>;
}>;

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
  const server = mailServer(config);
  const way = {
    store,
    ledger,
    clock,
    courier: couriers(config, folder, server),
    directory: new SqliteDirectory({ database }),
    outbound: new SqliteOutbound({ database }),
    domains: config.domains,
    policy: config.policy,
    blockedMail: config.BLOCKED_MAIL,
    leaseSeconds: config.VISIBILITY_SECONDS,
    inWork: new Set<MailId>(),
    mayOpen: mailObjects(config.MAIL_OBJECTS, config.domains),
  };
  const close = async () => {
    await server?.close();
    database.close();
  };
  return { database, store, ledger, queues, way, close };
}

/** Mail for SES goes to the outbox; other mail to the server if there is one, else into Maildirs. */
function couriers({ domains }: Config, folder: string, server: SmtpCourier | null): Courier {
  const maildir = new MaildirCourier({ folder });
  const outbox = new OutboxCourier({ folder, domains, maildir });
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server ?? maildir, internal: server ?? outbox, ses: outbox };
  return { send: (route, consignment) => byRoute[route].send(route, consignment) };
}

function mailServer(config: Config): SmtpCourier | null {
  const { SMTP_HOST: host, DELIVERY: protocol, SMTP_TLS: tls, SMTP_USER: user, SMTP_PASSWORD: password } = config;
  if (host === undefined) return null;
  const port = config.SMTP_PORT ?? (protocol === "lmtp" ? 24 : 25);
  const targets = { mailbox: { host, port, protocol }, internal: { host, port: config.INTERNAL_SMTP_PORT, protocol: "smtp" as const } };
  const credentials = user !== undefined && password !== undefined ? { user, password } : null;
  const name = config.SMTP_NAME === undefined ? {} : { name: config.SMTP_NAME };
  return new SmtpCourier(targets, { tls, credentials, poolSize: config.SMTP_POOL_SIZE, ...name });
}
