// Local ports: the journey ports on one data folder, with a real mail server if SMTP_HOST is set. The caller must lock the
// folder first: entries and leases of the last process are released here.

import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { blocklistCache, type Clock, type Courier, type Domain, type EpochMs, type MailId, type Route } from "@sesame/core";
import { shellWord } from "@sesame/core/explain";
import type { SmtpCourier } from "@sesame/smtp";
import { type Config, honourMarksOf } from "../config.ts";
import { knownMailboxes } from "../known-mailboxes.ts";
import { mailObjects } from "../mail-objects.ts";
import { mailServerOf, probeMailServer } from "../mail-server.ts";
import { commandsNamed, programName, serverName } from "../page-names.ts";
import type { ServicePorts } from "../service.ts";
import { every, hourMs } from "../timers.ts";
import { blocklistCacheOctets, pauseEachTurn } from "../turn-taking.ts";
import { openDatabase } from "./database.ts";
import { emptyTemporary } from "./durable-file.ts";
import { FileMailStore } from "./file-mail-store.ts";
import { MaildirCourier } from "./maildir-courier.ts";
import { OutboxCourier } from "./outbox-courier.ts";
import { makePrivate, privateFolder } from "./private-file.ts";
import { SqliteDirectory } from "./sqlite-directory.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteMailQueue } from "./sqlite-mail-queue.ts";
import { SqliteOutbound } from "./sqlite-outbound.ts";

/** The ports of one data folder. */
export type LocalPorts = ServicePorts &
  Readonly<{ database: Database; store: FileMailStore; queues: ReadonlyMap<Domain, SqliteMailQueue> }>;

/** The clock of this machine. */
export const clock: Clock = { now: () => Date.now() as EpochMs };

/** Opens a data folder and releases the entries and leases of the last process. */
export async function openLocalPorts(config: Config, folder: string): Promise<LocalPorts> {
  await emptyTemporary(folder);
  for (const name of ["mail", "maildir", "outbox"]) makePrivate(join(folder, name), privateFolder); // of earlier versions
  const database = openDatabase(folder);
  const store = new FileMailStore({ folder });
  const ledger = new SqliteLedger({ database, owner: crypto.randomUUID(), clock, rememberDays: config.LEDGER_DAYS });
  const timing = { visibilitySeconds: config.VISIBILITY_SECONDS, waitSeconds: config.WAIT_SECONDS, firstAtOnce: true };
  const queues = new Map(config.domains.map((domain) => [domain, new SqliteMailQueue({ database, name: domain, clock, ...timing })]));
  ledger.releaseAll();
  ledger.forget();
  for (const queue of queues.values()) queue.releaseAll();
  const server = openMailServer(config);
  const journeyPorts = {
    store,
    ledger,
    clock,
    directory: new SqliteDirectory({ database }),
    outbound: new SqliteOutbound({ database }),
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
    mayOpen: mailObjects(config.MAIL_OBJECTS, new Map(config.domains.map((domain) => [domain, domain]))),
  };
  const stopForgetting = every(hourMs, () => forgetQuietly(ledger));
  const close = async () => {
    stopForgetting();
    await server?.close();
    database.close();
  };
  return {
    database,
    store,
    queues,
    journeyPorts,
    courier: couriers(config, folder, server),
    ...serverPorts(server),
    close,
    page: pagePorts(config, folder),
  };
}

/** What the page names: commands that work on this folder, and where mail goes. */
function pagePorts(config: Config, folder: string): ServicePorts["page"] {
  const mailServer = config.SMTP_HOST === undefined ? "Maildirs in the data folder" : serverName(config);
  return { commands: commandsNamed(programName(), ` --data ${shellWord(folder)}`), mailServer };
}

/** Ignores errors such as a full disk: the next hour tries again. */
function forgetQuietly(ledger: SqliteLedger): void {
  try {
    ledger.forget();
  } catch {
    // calls that a mail needs report the same error
  }
}

const noSessions = { idle: 0, busy: 0, limit: 0 };

/** Maildirs need no probe. */
function serverPorts(server: SmtpCourier | null): Pick<ServicePorts, "probe" | "smtpSessions" | "abort"> {
  if (server === null) return { probe: async () => null, smtpSessions: () => noSessions, abort: async () => {} };
  return {
    probe: () => probeMailServer(server),
    smtpSessions: () => ({ ...server.gauge, limit: server.sessionLimit }),
    abort: () => server.abort(),
  };
}

/** Mail for SES goes to the outbox. Other mail goes to the mail server if there is one, else to Maildirs. */
function couriers({ domains }: Config, folder: string, server: SmtpCourier | null): Required<Courier> {
  const maildir = new MaildirCourier({ folder });
  const outbox = new OutboxCourier({ folder, domains, maildir });
  const byRoute: Readonly<Record<Route, Courier>> = { mailbox: server ?? maildir, internal: server ?? outbox, ses: outbox };
  return {
    turn: async (route) => (await byRoute[route].turn?.(route)) ?? "ready",
    send: (route, transaction) => byRoute[route].send(route, transaction),
  };
}

function openMailServer(config: Config): SmtpCourier | null {
  return config.SMTP_HOST === undefined ? null : mailServerOf(config, config.SMTP_HOST);
}
