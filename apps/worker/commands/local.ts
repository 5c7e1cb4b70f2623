// sesame local: the whole system in one process and one folder, without an AWS account. An SMTP server on the loopback
// replaces SES, files replace S3, SQLite replaces SQS and DynamoDB. Mail goes to Maildirs and to an outbox folder.

import { resolve } from "node:path";
import { ok, type Result } from "@sesame/core";
import type { Logger } from "pino";
import { type Config, decodeConfig } from "../config.ts";
import { defaultData, defaultPort } from "../defaults.ts";
import { exitSoon } from "../exit.ts";
import { lockData } from "../local/data-lock.ts";
import { openFrontDoor } from "../local/front-door.ts";
import { clock, openLocalPorts } from "../local/local-ports.ts";
import { startText } from "../local/start-text.ts";
import { openLog } from "../open-log.ts";
import { programName } from "../page-names.ts";
import { openPages } from "../pages.ts";
import { type Service, startService, stopOnSignal, warnOfSharedWindow } from "../service.ts";
import { stopSignal } from "../signals.ts";
import { warnOfVariables } from "../variable-names.ts";
import { version } from "../version.ts";

export type LocalOptions = Readonly<{ data: string; port: number }>;

const defaults = { DOMAINS: "example.com", HTTP_HOST: "127.0.0.1", PAGE: "full" };
const portTries = 20; // port 8080 is often in use on a developer's machine

/** Runs until a signal. Returns the same exit codes as `sesame run`. */
export async function runLocal(options: LocalOptions): Promise<number> {
  const config = decodeConfig(process.env, defaults);
  if (!config.ok) return fail(config.error);
  const signalled = stopSignal();
  process.umask(0o077); // the data folder holds mail and secrets
  const folder = resolve(options.data);
  const lock = lockData(folder);
  if (!lock.ok) return fail(lock.error);
  let code = 2;
  try {
    code = await runSystem(config.value, folder, options.port, signalled);
  } finally {
    // Mails still in work (code 1) write until the process ends, so the lock stays until then.
    if (code !== 1) lock.value.release();
  }
  return exitSoon(code);
}

async function runSystem(config: Config, folder: string, port: number, signalled: Promise<string>): Promise<number> {
  const logger = await openLog(config, process.env);
  warnOfVariables(process.env, logger);
  warnOfSharedWindow(config, process.env, logger);
  const started = await startLocal(config, folder, port, logger);
  if (!started.ok) return fail(started.error);
  const { smtpPort, healthPort } = started.value;
  process.stdout.write(
    startText({
      version,
      domains: config.domains,
      page: config.PAGE === "off" ? null : `http://127.0.0.1:${healthPort}/`,
      healthPort,
      smtpPort,
      usualSmtpPort: defaultPort,
      mailServer: config.SMTP_HOST ?? null,
      folder,
      here: process.cwd(),
      usualFolder: defaultData,
      command: programName(),
    }),
  );
  return stopOnSignal(signalled, started.value, config, logger);
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}

type Started = Readonly<{ smtpPort: number; healthPort: number; end: Service["end"] }>;

async function startLocal(config: Config, folder: string, port: number, logger: Logger): Promise<Result<Started>> {
  const ports = await openLocalPorts(config, folder);
  const { database, store, queues } = ports;
  const onTrouble = (error: Error) =>
    logger.error({ event: "front-door", text: error.message }, "the front door could not store a mail, or a connection failed");
  const door = await openFrontDoor({ folder, database, store, queues, clock, port, onTrouble });
  if (!door.ok) {
    await ports.close();
    return door;
  }
  const pages = await openPages(config, portTries);
  if (!pages.ok) {
    await door.value.close();
    await ports.close();
    return pages;
  }
  const accept = { folder, database, store, queues, clock };
  const local = async () => {
    const { PageTools } = await import("../local/page-tools.ts"); // at the first look at the page
    const { SqliteRuleBook } = await import("../local/sqlite-rule-book.ts");
    return new PageTools({ book: new SqliteRuleBook({ database }), accept, commands: ports.page.commands, policy: config.policy });
  };
  const service = startService(config, { ...ports, page: { ...ports.page, local } }, logger, pages.value);
  const { healthPort } = service;
  const end = async (graceSeconds: number) => {
    await door.value.close();
    return service.end(graceSeconds);
  };
  return ok({ smtpPort: door.value.port, healthPort, end });
}
