// sesame local: the whole system in one process and one folder, without an account. SMTP comes in where SES would take
// it, mail is kept as files, queue and tables in SQLite; mail goes out into Maildirs and an outbox folder. Everything
// listens on the loopback only.

import { join, resolve } from "node:path";
import { ok, type Result } from "@sesame/core";
import { shellWord } from "@sesame/core/explain";
import type { Logger } from "pino";
import { type Config, decodeConfig } from "../config.ts";
import { lockData } from "../local/data-lock.ts";
import { openFrontDoor } from "../local/front-door.ts";
import { clock, openLocalPorts } from "../local/ports.ts";
import { makeLogger } from "../log.ts";
import { redactor } from "../secrets.ts";
import { endAt, openService, type Service } from "../service.ts";
import { exitSoon, signalled } from "../signals.ts";
import { version } from "../version.ts";

export type LocalOptions = Readonly<{ data: string; port: number }>;

const defaults = { DOMAINS: "example.com", HTTP_HOST: "127.0.0.1" };
const isCompiled = Bun.main.includes("$bunfs"); // where the executable keeps its own files
const portTries = 20; // a machine for trying things out often has another service on 8080

/** Runs until a signal. Returns the exit code, which means what it means for `sesame run`. */
export async function runLocal(options: LocalOptions): Promise<number> {
  const config = decodeConfig(process.env, defaults);
  if (!config.ok) return fail(config.error);
  const ending = signalled();
  const folder = resolve(options.data);
  const lock = await lockData(folder);
  if (!lock.ok) return fail(lock.error);
  let code = 2;
  try {
    code = await carry(config.value, folder, options.port, ending);
  } finally {
    // Mails that are still in work write until the process ends, and the lock of a dead process is taken over.
    if (code !== 1) lock.value.release();
  }
  return exitSoon(code);
}

async function carry(config: Config, folder: string, port: number, ending: Promise<string>): Promise<number> {
  const logger = makeLogger(config.LOG_LEVEL, redactor(process.env));
  const started = await startLocal(config, folder, port, logger);
  if (!started.ok) return fail(started.error);
  process.stdout.write(welcome(started.value, folder, config));
  return endAt(ending, started.value, config, logger);
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

type Started = Readonly<{ smtpPort: number; healthPort: number; metricsPort: number; end: Service["end"] }>;

async function startLocal(config: Config, folder: string, port: number, logger: Logger): Promise<Result<Started>> {
  const ports = await openLocalPorts(config, folder);
  const { database, store, queues } = ports;
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
  const end = async (graceSeconds: number) => {
    await door.value.close();
    return service.value.end(graceSeconds);
  };
  return ok({ smtpPort: door.value.port, healthPort, metricsPort, end });
}

function welcome(started: Started, folder: string, config: Config): string {
  const { smtpPort, healthPort, metricsPort } = started;
  const [domain = "example.com"] = config.domains;
  const run = isCompiled ? shellWord(process.execPath) : "npm run --silent sesame --";
  const data = `--data ${shellWord(folder)}`;
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
