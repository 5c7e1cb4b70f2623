// sesame local: the whole system in one process and one folder, without an account. SMTP comes in where SES would take
// it, mail is kept as files, queue and tables in SQLite; mail goes out into Maildirs and an outbox folder. Everything
// listens on the loopback only.

import { join, resolve } from "node:path";
import { type Clock, type Courier, type EpochMs, err, type Journal, type MailId, ok, type Result, type Route } from "@sesame/core";
import { SmtpCourier } from "@sesame/smtp";
import { type Config, decodeConfig } from "../config.ts";
import { healthApp, metricsApp, serve } from "../http.ts";
import { type DataLock, lockData } from "../local/data-lock.ts";
import { openDatabase } from "../local/database.ts";
import { emptyTemporary } from "../local/durable-file.ts";
import { FileMailStore } from "../local/file-mail-store.ts";
import { openFrontDoor } from "../local/front-door.ts";
import { MaildirCourier } from "../local/maildir-courier.ts";
import { OutboxCourier } from "../local/outbox-courier.ts";
import { SqliteDirectory } from "../local/sqlite-directory.ts";
import { SqliteLedger } from "../local/sqlite-ledger.ts";
import { SqliteMailQueue } from "../local/sqlite-mail-queue.ts";
import { SqliteOutbound } from "../local/sqlite-outbound.ts";
import { logJournal, makeLogger } from "../log.ts";
import { mailObjects } from "../mail-objects.ts";
import { makeMetrics } from "../metrics.ts";
import { poll } from "../poller.ts";
import { version } from "../version.ts";

export type LocalOptions = Readonly<{ data: string; port: number }>;

const defaults = { DOMAINS: "example.com", HTTP_HOST: "127.0.0.1" };
const clock: Clock = { now: () => Date.now() as EpochMs };

/** Runs until a signal. Returns the exit code. */
export async function runLocal(options: LocalOptions): Promise<number> {
  const config = decodeConfig(process.env, defaults);
  if (!config.ok) return fail(config.error);
  const folder = resolve(options.data);
  const lock = await lockData(folder);
  if (!lock.ok) return fail(lock.error);
  try {
    const started = await startLocal(config.value, folder, options.port);
    if (!started.ok) return fail(started.error);
    process.stdout.write(welcome(started.value, folder, config.value));
    await signalled();
    await started.value.stop();
    return 0;
  } finally {
    (lock.value satisfies DataLock).release();
  }
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

function signalled(): Promise<void> {
  return new Promise((done) => {
    let again = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (again) process.exit(1); // the second one means it
        again = true;
        done();
      });
    }
  });
}

type Started = Readonly<{ smtpPort: number; healthPort: number; metricsPort: number; stop(): Promise<void> }>;

async function startLocal(config: Config, folder: string, port: number): Promise<Result<Started>> {
  await emptyTemporary(folder);
  const database = openDatabase(folder);
  const store = new FileMailStore({ folder });
  const ledger = new SqliteLedger({ database, owner: crypto.randomUUID(), clock, rememberDays: config.LEDGER_DAYS });
  const timing = { visibilitySeconds: config.VISIBILITY_SECONDS, waitSeconds: config.WAIT_SECONDS };
  const queues = new Map(config.domains.map((domain) => [domain, new SqliteMailQueue({ database, name: domain, clock, ...timing })]));
  // The folder was locked, so whatever is still held was held by a process that is dead.
  ledger.giveBack();
  ledger.forget();
  for (const queue of queues.values()) queue.giveBack();

  const maildir = new MaildirCourier({ folder });
  const outbox = new OutboxCourier({ folder, domains: config.domains, maildir });
  const server = mailServer(config);
  const couriers: Readonly<Record<Route, Courier>> = { mailbox: server ?? maildir, internal: server ?? outbox, ses: outbox };
  const courier: Courier = { send: (route, consignment) => couriers[route].send(route, consignment) };
  const way = {
    store,
    ledger,
    courier,
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
  const logger = makeLogger(config.LOG_LEVEL);
  const metrics = makeMetrics(version);
  const stop = { stopped: false };
  const loops = [...queues].map(([domain, queue]) => {
    const journals = [logJournal(logger, domain), metrics.journal(domain)];
    const journal: Journal = {
      note: (event) => {
        for (const each of journals) each.note(event);
      },
    };
    return poll(
      {
        domain,
        queue,
        ledger,
        journal,
        metrics,
        way: { ...way, worker: `worker-${domain}` },
        concurrency: config.CONCURRENCY,
        visibilitySeconds: config.VISIBILITY_SECONDS,
      },
      stop,
    );
  });

  const door = await openFrontDoor({
    folder,
    database,
    store,
    queues,
    clock,
    port,
    onTrouble: (error) => logger.error({ event: "front-door", text: error.message }, "front door"),
  });
  const view = {
    version,
    maxPollAgeSeconds: 2 * config.WAIT_SECONDS + 10,
    domains: () =>
      Promise.all(
        [...queues].map(async ([domain, queue]) => ({
          domain,
          pollAgeSeconds: await pollAge(metrics.lastPoll, domain),
          queue: { ...(await queue.size()) },
          inFlight: await valueFor(metrics.inFlight, domain),
        })),
      ),
  };
  const health = serve(healthApp(view), config.HTTP_HOST, config.HEALTH_PORT);
  const numbers = serve(metricsApp(metrics), config.HTTP_HOST, config.METRICS_PORT);
  const shutDown = async () => {
    if (door.ok) await door.value.close();
    stop.stopped = true;
    await Promise.all(loops);
    await server?.close();
    await Promise.all([health?.stop(), numbers?.stop()]);
    database.close();
  };
  if (!door.ok || health === null || numbers === null) {
    await shutDown();
    return err(
      door.ok
        ? `Cannot serve health and metrics as a port must be free: current value is ${config.HEALTH_PORT} and ${config.METRICS_PORT}`
        : door.error,
    );
  }
  return ok({ smtpPort: door.value.port, healthPort: health.port, metricsPort: numbers.port, stop: shutDown });
}

/** The real mail server, where one is configured. */
function mailServer(config: Config): SmtpCourier | null {
  const { SMTP_HOST: host, DELIVERY: protocol, SMTP_TLS: tls, SMTP_USER: user, SMTP_PASSWORD: password } = config;
  if (host === undefined) return null;
  const port = config.SMTP_PORT ?? (protocol === "lmtp" ? 24 : 25);
  const targets = { mailbox: { host, port, protocol }, internal: { host, port: config.INTERNAL_SMTP_PORT, protocol: "smtp" as const } };
  const credentials = user !== undefined && password !== undefined ? { user, password } : null;
  return new SmtpCourier(targets, {
    tls,
    credentials,
    poolSize: config.SMTP_POOL_SIZE,
    ...(config.SMTP_NAME !== undefined && { name: config.SMTP_NAME }),
  });
}

type Gauge = ReturnType<typeof makeMetrics>["lastPoll"];

async function valueFor(gauge: Gauge, domain: string): Promise<number> {
  return (await gauge.get()).values.find(({ labels }) => labels["domain"] === domain)?.value ?? 0;
}

async function pollAge(gauge: Gauge, domain: string): Promise<number | null> {
  const last = await valueFor(gauge, domain);
  return last === 0 ? null : Math.max(0, Date.now() / 1000 - last);
}

function welcome(started: Started, folder: string, config: Config): string {
  const { smtpPort, healthPort, metricsPort } = started;
  const [domain = "example.com"] = config.domains;
  const run = "npm run --silent sesame --";
  const data = `--data ${JSON.stringify(folder)}`;
  return `Sesame ${version} serves ${config.domains.join(", ")}

  mail comes in    smtp://127.0.0.1:${smtpPort}
  mailboxes        ${config.SMTP_HOST ?? join(folder, "maildir")}
  outbox           ${join(folder, "outbox")}
  raw mail         ${join(folder, "mail")}
  queue and rules  ${join(folder, "sesame.sqlite")}
  health           http://127.0.0.1:${healthPort}/health
  metrics          http://127.0.0.1:${metricsPort}/metrics

Paste one of these into another terminal:

  ${run} send --port ${smtpPort} --from bob@remote.test --to alice@${domain} --subject Hello
  ${run} rules set alice@${domain} ${data} --ooo "I am away until Monday" --ooo-subject "Away"
  ${run} block set alice@${domain} ${data} "*@spam.test"

`;
}
