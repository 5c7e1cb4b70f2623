// sesame local: the whole system in one process and one folder, without an account. SMTP comes in where SES would take
// it, mail is kept as files, queue and tables in SQLite; mail goes out into Maildirs and an outbox folder. Everything
// listens on the loopback only.

import { join, resolve } from "node:path";
import { ok, type Result } from "@sesame/core";
import { type Config, decodeConfig } from "../config.ts";
import { type DataLock, lockData } from "../local/data-lock.ts";
import { openFrontDoor } from "../local/front-door.ts";
import { clock, openLocalPorts } from "../local/ports.ts";
import { makeLogger } from "../log.ts";
import { redactor } from "../secrets.ts";
import { openService } from "../service.ts";
import { signalled } from "../signals.ts";
import { version } from "../version.ts";

export type LocalOptions = Readonly<{ data: string; port: number }>;

const defaults = { DOMAINS: "example.com", HTTP_HOST: "127.0.0.1" };
const portTries = 20; // a machine for trying things out often has another service on 8080

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
    const ending = signalled();
    process.stdout.write(welcome(started.value, folder, config.value));
    await ending;
    if (await started.value.end()) return 0;
    return process.exit(fail(`Cannot finish all mails as SHUTDOWN_SECONDS are over: current value is ${config.value.SHUTDOWN_SECONDS}`));
  } finally {
    (lock.value satisfies DataLock).release();
  }
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

type Started = Readonly<{ smtpPort: number; healthPort: number; metricsPort: number; end(): Promise<boolean> }>;

async function startLocal(config: Config, folder: string, port: number): Promise<Result<Started>> {
  const ports = await openLocalPorts(config, folder);
  const { database, store, queues } = ports;
  const logger = makeLogger(config.LOG_LEVEL, redactor(process.env));
  const onTrouble = (error: Error) => logger.error({ event: "front-door", text: error.message }, "front door");
  const door = await openFrontDoor({ folder, database, store, queues, clock, port, onTrouble });
  if (!door.ok) {
    await ports.close();
    return door;
  }
  const service = await openService(config, ports, logger, portTries);
  if (!service.ok) {
    await door.value.close();
    return service;
  }
  const { healthPort, metricsPort } = service.value;
  const end = async () => {
    await door.value.close();
    return service.value.end(config.SHUTDOWN_SECONDS);
  };
  return ok({ smtpPort: door.value.port, healthPort, metricsPort, end });
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
