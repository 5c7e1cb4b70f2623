// Mail server checks of `sesame check`: both ports answer, accept mail of the largest SES size, and accept mail for each domain.

import { randomUUID } from "node:crypto";
import type { Domain } from "@sesame/core";
import { askRelay, defaultEhloName, type SmtpCourier, type SmtpTarget } from "@sesame/smtp";
import type { Config } from "../config.ts";
import { targetsOf } from "../mail-server.ts";
import { type Finding, failure, fine, warning } from "./finding.ts";

const domainsAtOnce = 5;
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
    const reason = "detail" in reached.verdict ? reached.verdict.detail : reached.verdict.action;
    const fix =
      route === "mailbox"
        ? "check SMTP_HOST, SMTP_PORT, SMTP_TLS and SMTP_USER"
        : "check INTERNAL_SMTP_PORT; docs/docker-mailserver/user-patches.sh opens this port";
    return [failure(subject, reason, fix)];
  }
  const { sizeLimit, secure } = reached.capabilities;
  const findings: Finding[] = [];
  if (sizeLimit !== null && sizeLimit < sesLimit) {
    const text = `accepts mail of ${sizeLimit} octets at most, but SES accepts ${sesLimit}: the delivery of larger mail fails`;
    findings.push(warning(subject, text, "Postfix: message_size_limit = 52428800; docker-mailserver: POSTFIX_MESSAGE_SIZE_LIMIT"));
  }
  findings.push(...(await checkRelay(subject, target, config)));
  return findings.length > 0
    ? findings
    : [fine(subject, `answers${secure ? " with TLS" : ""}, accepts mail for ${config.domains.join(", ")}`)];
}

/** Checks five domains at a time: servers limit the connections of one client. */
async function checkRelay(subject: string, target: SmtpTarget, config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (let at = 0; at < config.domains.length; at += domainsAtOnce) {
    const batch = config.domains.slice(at, at + domainsAtOnce);
    findings.push(...(await Promise.all(batch.map((domain) => checkDomain(subject, target, domain, config)))).flat());
  }
  return findings;
}

async function checkDomain(subject: string, target: SmtpTarget, domain: Domain, config: Config): Promise<readonly Finding[]> {
  const recipient = `sesame-check-${randomUUID().slice(0, 8)}@${domain}`;
  const answer = await askRelay({ target, name: config.SMTP_NAME ?? defaultEhloName(), recipient, timeoutMs: 30_000 });
  if (answer.kind === "accepts") return [];
  if (answer.kind === "not-asked")
    return [
      warning(
        subject,
        `cannot check whether it accepts mail for ${domain}: ${answer.detail}`,
        "nothing to do if it requires TLS or a login first",
      ),
    ];
  return [
    failure(
      subject,
      `refuses mail for ${domain}: ${answer.line}`,
      "add the domain to the mail server, and the network of this machine to mynetworks",
    ),
  ];
}
