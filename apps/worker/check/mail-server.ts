// Mail server findings: both ports answer, take mails of SES's size, and take mail for a served domain from us.

import { randomUUID } from "node:crypto";
import type { Domain } from "@sesame/core";
import { askRelay, defaultEhloName, type SmtpCourier, type SmtpTarget } from "@sesame/smtp";
import type { Config } from "../config.ts";
import { targetsOf } from "../mail-server.ts";
import { type Finding, fine, trouble, warning } from "./finding.ts";

const atOnce = 5;
const sesLimit = 40 * 1024 * 1024; // SES Developer Guide, "Service quotas"

type Port = Readonly<{ route: "mailbox" | "internal"; target: SmtpTarget }>;

export function portsOf(config: Config): readonly Port[] {
  const { mailbox, internal } = targetsOf(config, config.SMTP_HOST ?? "localhost");
  return [
    { route: "mailbox", target: mailbox },
    { route: "internal", target: internal },
  ];
}

export async function checkPort({ route, target }: Port, config: Config, courier: SmtpCourier): Promise<readonly Finding[]> {
  const subject = `mail server ${target.host}:${target.port} (${route === "mailbox" ? target.protocol : "internal"})`;
  const reached = await courier.probe(route);
  if (reached.kind === "unreachable") {
    const said = "detail" in reached.verdict ? reached.verdict.detail : reached.verdict.action;
    const mend =
      route === "mailbox"
        ? "see SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USER"
        : "see INTERNAL_SMTP_PORT and docs/docker-mailserver/user-patches.sh";
    return [trouble(subject, said, mend)];
  }
  const { sizeLimit, secure } = reached.capabilities;
  const findings: Finding[] = [];
  if (sizeLimit !== null && sizeLimit < sesLimit) {
    const text = `takes mails of ${sizeLimit} octets, and SES brings ${sesLimit}: larger ones fail for good`;
    findings.push(warning(subject, text, "Postfix: message_size_limit = 52428800; docker-mailserver: POSTFIX_MESSAGE_SIZE_LIMIT"));
  }
  findings.push(...(await checkRelay(subject, target, config)));
  return findings.length > 0
    ? findings
    : [fine(subject, `answers${secure ? ", encrypted" : ""}, takes mail for ${config.domains.join(", ")}`)];
}

/** A few domains at a time: a server takes only so many connections of one client. */
async function checkRelay(subject: string, target: SmtpTarget, config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (let at = 0; at < config.domains.length; at += atOnce) {
    const some = config.domains.slice(at, at + atOnce);
    findings.push(...(await Promise.all(some.map((domain) => checkDomain(subject, target, domain, config)))).flat());
  }
  return findings;
}

async function checkDomain(subject: string, target: SmtpTarget, domain: Domain, config: Config): Promise<readonly Finding[]> {
  const recipient = `sesame-check-${randomUUID().slice(0, 8)}@${domain}`;
  const answer = await askRelay({ target, name: config.SMTP_NAME ?? defaultEhloName(), recipient, timeoutMs: 30_000 });
  if (answer.kind === "takes") return [];
  if (answer.kind === "unasked")
    return [
      warning(
        subject,
        `cannot be asked whether it takes mail for ${domain}: ${answer.detail}`,
        "nothing, where it wants TLS or a login first",
      ),
    ];
  return [
    trouble(
      subject,
      `refuses mail for ${domain}: ${answer.line}`,
      "add the domain to the mail server, and this machine's network to mynetworks",
    ),
  ];
}
