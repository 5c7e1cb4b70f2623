// sesame check: checks everything that `sesame run` needs, with the same configuration, and prints one finding per item with
// its fix. It changes nothing, except for a test object that it writes and deletes.

import { type AwsClients, awsClients } from "@sesame/aws-adapters";
import { openTopics } from "@sesame/aws-adapters/check";
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
import { type ChainTools, checkChain } from "../check/chain.ts";
import { checkText } from "../check/check-text.ts";
import { type Finding, warning } from "../check/finding.ts";
import { checkPort, portsOf } from "../check/mail-server.ts";
import { lookUpMx } from "../check/mx.ts";
import { checkNames } from "../check/names.ts";
import { checkRows } from "../check/rows.ts";
import { type Config, decodeConfig } from "../config.ts";
import { terminalStyle } from "../log-text/text-style.ts";
import { mailServerOf } from "../mail-server.ts";
import { redactor } from "../redact.ts";
import { version } from "../version.ts";

/**
 * `workers`: how many workers there are; their number decides how many receives a queue must allow. `dns`: the name server that is asked
 * for MX records; default: those of this machine. `all`: shows each finding that is well. `strict`: warnings count.
 */
export type CheckOptions = Readonly<{ json?: boolean; all?: boolean; strict?: boolean; workers?: number; dns?: string }>;

/** Returns the exit code: 2 with errors, 1 with warnings if `strict`, else 0. */
export async function checkAll(options: CheckOptions): Promise<number> {
  const config = decodeConfig(process.env);
  if (!config.ok) {
    const findings = config.error
      .split("\n")
      .map((text): Finding => ({ level: "error", subject: "configuration", text, mend: "see docs/configuration.md" }));
    return print(findings, `Sesame ${version} cannot read its configuration`, options);
  }
  const findings = await findingsOf(config.value, options);
  return print(findings, headingOf(config.value, findings), options);
}

async function findingsOf(config: Config, { workers = 1, dns }: CheckOptions): Promise<readonly Finding[]> {
  const lookUp = lookUpMx(dns);
  const clients = awsClients(awsOptions(config));
  const topics = openTopics({ version, clock: clients.clock });
  const server = mailServerOf(config, config.SMTP_HOST ?? "localhost");
  try {
    const credentials = await checkCredentials(clients);
    const hasCredentials = credentials.every(({ level }) => level === "ok");
    const checks = await Promise.all([
      ...(hasCredentials ? awsChecks(config, { clients, topics, lookUp }, workers) : [[notChecked]]),
      ...portsOf(config).map((port) => checkPort(port, config, server)),
    ]);
    return [...credentials, ...checks.flat(), ...(hasCredentials ? checkClock(clients) : [])];
  } finally {
    await server.close();
    clients.close();
    topics.close();
  }
}

const notChecked = warning("AWS", "not checked", "fix the errors above");

function awsChecks(config: Config, tools: ChainTools, workers: number): readonly Promise<readonly Finding[]>[] {
  const { domains } = config;
  const clients: AwsClients = tools.clients;
  const rows = checkRows(config, clients);
  return [
    ...domains.map((domain) => checkQueue(domain, config, clients, workers)),
    ...domains.map((domain) => checkBucket(domain, config, clients)),
    checkChain(config, tools),
    Promise.resolve([...checkMailObjects(config), ...checkNames(config)]),
    ...tablesOf(config).map((table) =>
      checkTable(table, clients, table.users === null ? undefined : rows.then((found) => found[table.users ?? "rules"])),
    ),
    checkSesAccount(clients),
    ...domains.map((domain) => checkSesIdentity(domain, clients)),
  ];
}

function print(findings: readonly Finding[], heading: string, { json = false, all = false, strict = false }: CheckOptions): number {
  const { stdout, env } = process;
  const options = { heading, all, isTerminal: stdout.isTTY === true, style: terminalStyle(stdout, env) };
  stdout.write(redactor(env)(json ? `${JSON.stringify(findings, null, 2)}\n` : checkText(findings, options)));
  if (findings.some(({ level }) => level === "error")) return 2;
  return strict && findings.some(({ level }) => level === "warning") ? 1 : 0;
}

/** `Sesame 0.1.0 looks at example.com in eu-west-1`. */
function headingOf({ domains }: Config, findings: readonly Finding[]): string {
  const region = findings.find(({ subject, level }) => subject === "region" && level === "ok");
  return `Sesame ${version} looks at ${domains.join(", ")}${region === undefined ? "" : ` in ${region.text}`}`;
}
