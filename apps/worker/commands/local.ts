// sesame local: the whole system in one process and one folder, without an account. SMTP comes in where SES would take
// it, mail is kept as files, queue and tables in SQLite; mail goes out into Maildirs and an outbox folder. Everything
// listens on the loopback only.

import { join, resolve } from "node:path";
import { err, type Journal, ok, type Result, type Stop } from "@sesame/core";
import type { Logger } from "pino";
import { type Config, decodeConfig } from "../config.ts";
import { type HealthView, healthApp, metricsApp, serve } from "../http.ts";
import { type DataLock, lockData } from "../local/data-lock.ts";
import { openFrontDoor } from "../local/front-door.ts";
import { clock, type LocalPorts, openLocalPorts } from "../local/ports.ts";
import type { SqliteMailQueue } from "../local/sqlite-mail-queue.ts";
import { logJournal, makeLogger } from "../log.ts";
import { type Metrics, makeMetrics } from "../metrics.ts";
import { poll } from "../poller.ts";
import { version } from "../version.ts";

export type LocalOptions = Readonly<{ data: string; port: number }>;

const defaults = { DOMAINS: "example.com", HTTP_HOST: "127.0.0.1" };

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
    return await stopWithin(config.value.SHUTDOWN_SECONDS, started.value);
  } finally {
    (lock.value satisfies DataLock).release();
  }
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

/** Lets the mails in work finish. Those that take longer are in work no more: the next start takes them up again. */
async function stopWithin(seconds: number, { stop }: Started): Promise<number> {
  const grace = new Promise<"over">((resolve) => setTimeout(() => resolve("over"), seconds * 1000).unref());
  if ((await Promise.race([stop(), grace])) !== "over") return 0;
  return process.exit(fail(`Cannot finish all mails as SHUTDOWN_SECONDS are over: current value is ${seconds}`));
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
  const ports = await openLocalPorts(config, folder);
  const { database, store, queues } = ports;
  const logger = makeLogger(config.LOG_LEVEL);
  const metrics = makeMetrics(version);
  const stop = { stopped: false };
  const loops = startPollers(config, ports, logger, metrics, stop);
  const onTrouble = (error: Error) => logger.error({ event: "front-door", text: error.message }, "front door");
  const door = await openFrontDoor({ folder, database, store, queues, clock, port, onTrouble });
  const health = serve(healthApp(healthView(config, queues, metrics)), config.HTTP_HOST, config.HEALTH_PORT);
  const numbers = serve(metricsApp(metrics), config.HTTP_HOST, config.METRICS_PORT);
  const shutDown = async () => {
    if (door.ok) await door.value.close();
    stop.stopped = true;
    await Promise.all(loops);
    await ports.close();
    await Promise.all([health?.stop(), numbers?.stop()]);
  };
  if (door.ok && health !== null && numbers !== null) {
    return ok({ smtpPort: door.value.port, healthPort: health.port, metricsPort: numbers.port, stop: shutDown });
  }
  await shutDown();
  const taken = `${config.HEALTH_PORT} and ${config.METRICS_PORT}`;
  return err(door.ok ? `Cannot serve health and metrics as a port must be free: current value is ${taken}` : door.error);
}

/** One poller for each domain; gives the promises of their ends. */
function startPollers(
  config: Config,
  { queues, ledger, way }: LocalPorts,
  logger: Logger,
  metrics: Metrics,
  stop: Stop,
): readonly Promise<void>[] {
  return [...queues].map(([domain, queue]) => {
    const journals = [logJournal(logger, domain), metrics.journal(domain)];
    const journal: Journal = {
      note: (event) => {
        for (const each of journals) each.note(event);
      },
    };
    const { CONCURRENCY: concurrency, VISIBILITY_SECONDS: visibilitySeconds } = config;
    return poll(
      { domain, queue, ledger, journal, metrics, way: { ...way, worker: `worker-${domain}` }, concurrency, visibilitySeconds },
      stop,
    );
  });
}

function healthView(config: Config, queues: LocalPorts["queues"], metrics: Metrics): HealthView {
  const one = async ([domain, queue]: readonly [string, SqliteMailQueue]) => ({
    domain,
    pollAgeSeconds: await pollAge(metrics.lastPoll, domain),
    queue: { ...(await queue.size()) },
    inFlight: await valueFor(metrics.inFlight, domain),
  });
  return { version, maxPollAgeSeconds: 2 * config.WAIT_SECONDS + 10, domains: () => Promise.all([...queues].map(one)) };
}

type Gauge = Metrics["lastPoll"];

async function valueFor(gauge: Gauge, domain: string): Promise<number> {
  return (await gauge.get()).values.find(({ labels }) => labels["domain"] === domain)?.value ?? 0;
}

async function pollAge(gauge: Gauge, domain: string): Promise<number | null> {
  const last = await valueFor(gauge, domain);
  return last === 0 ? null : Math.max(0, clock.now() / 1000 - last);
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
