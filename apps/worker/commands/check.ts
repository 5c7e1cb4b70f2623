// sesame check: checks everything that `sesame run` needs, with the same configuration, and prints one finding per item with
// its fix. It changes nothing, except for a test object that it writes and deletes.

import { type AwsClients, awsClients } from "@sesame/aws-adapters";
import { awsOptions } from "../aws-options.ts";
import {
  checkBucket,
  checkClock,
  checkCredentials,
  checkMailObjects,
  checkQueue,
  checkSesAccount,
  checkSesIdentity,
  checkTable,
  tablesOf,
} from "../check/aws.ts";
import { type Finding, warning } from "../check/finding.ts";
import { checkPort, portsOf } from "../check/mail-server.ts";
import { type Config, decodeConfig } from "../config.ts";
import { mailServerOf } from "../mail-server.ts";
import { redactor } from "../redact.ts";

/** `workers`: how many workers there are; their number decides how many receives a queue must allow. */
export type CheckOptions = Readonly<{ json?: boolean; workers?: number }>;

/** Returns the exit code: 0 without findings, 1 with warnings, 2 with errors. */
export async function checkAll(options: CheckOptions): Promise<number> {
  const config = decodeConfig(process.env);
  if (!config.ok) {
    const findings = config.error
      .split("\n")
      .map((text): Finding => ({ level: "error", subject: "configuration", text, mend: "see docs/configuration.md" }));
    return print(findings, options);
  }
  return print(await findingsOf(config.value, options.workers ?? 1), options);
}

async function findingsOf(config: Config, workers: number): Promise<readonly Finding[]> {
  const clients = awsClients(awsOptions(config));
  const server = mailServerOf(config, config.SMTP_HOST ?? "localhost");
  try {
    const credentials = await checkCredentials(clients);
    const hasCredentials = credentials.every(({ level }) => level === "ok");
    const checks = await Promise.all([
      ...(hasCredentials ? awsChecks(config, clients, workers) : [[notChecked]]),
      ...portsOf(config).map((port) => checkPort(port, config, server)),
    ]);
    return [...credentials, ...checks.flat(), ...(hasCredentials ? checkClock(clients) : [])];
  } finally {
    await server.close();
    clients.close();
  }
}

const notChecked = warning("AWS", "not checked", "fix the errors above");

function awsChecks(config: Config, clients: AwsClients, workers: number): readonly Promise<readonly Finding[]>[] {
  const { domains } = config;
  return [
    ...domains.map((domain) => checkQueue(domain, config, clients, workers)),
    ...domains.map((domain) => checkBucket(domain, config, clients)),
    Promise.resolve(checkMailObjects(config)),
    ...tablesOf(config).map((table) => checkTable(table, clients)),
    checkSesAccount(clients),
    ...domains.map((domain) => checkSesIdentity(domain, clients)),
  ];
}

function print(findings: readonly Finding[], { json = false }: Readonly<{ json?: boolean }>): number {
  const lines = json ? [JSON.stringify(findings, null, 2)] : findings.map(lineOf);
  process.stdout.write(`${redactor(process.env)(lines.join("\n"))}\n`);
  if (findings.some(({ level }) => level === "error")) return 2;
  return findings.some(({ level }) => level === "warning") ? 1 : 0;
}

function lineOf({ level, subject, text, mend }: Finding): string {
  return `${level.padEnd(8)} ${subject}: ${text}${mend === null ? "" : `\n         ↳ ${mend}`}`;
}
