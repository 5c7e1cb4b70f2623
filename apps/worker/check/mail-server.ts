// Mail server checks of `sesame check`: both ports answer, accept mail of the largest SES size, accept mail for each domain, and
// follow no route to another host in a local part.

import { randomUUID } from "node:crypto";
import type { Domain } from "@sesame/core";
import { acceptedRecipients, askRelay, defaultEhloName, type SmtpCourier, type SmtpTarget } from "@sesame/smtp";
import type { Config } from "../config.ts";
import { targetsOf } from "../mail-server.ts";
import { type Finding, failure, fine, warning } from "./finding.ts";

const domainsAtOnce = 5;
const foreignHost = "amazon.com"; // one that exists, or some servers refuse it for that reason
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
        ? "check SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_TLS_VERIFY and SMTP_USER"
        : "check INTERNAL_SMTP_PORT and INTERNAL_SMTP_TLS; docs/docker-mailserver/user-patches.sh opens this port";
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
  // A server that takes an unknown mailbox takes every recipient at RCPT, so RCPT does not tell what becomes of their mail.
  if (answer.kind === "accepts") return answer.line.startsWith("2") ? [] : checkSourceRoutes(subject, target, domain, config);
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

/**
 * Whether the server follows a route to another host in a local part: it refuses an unknown mailbox, but accepts one whose
 * local part names a foreign host (RFC 5321 §2.3.11, Appendix C). Nothing is sent.
 */
async function checkSourceRoutes(subject: string, target: SmtpTarget, domain: Domain, config: Config): Promise<readonly Finding[]> {
  const user = `sesame-check-${randomUUID().slice(0, 8)}`;
  const routes = [`${user}%${foreignHost}@${domain}`, `"${user}@${foreignHost}"@${domain}`, `${foreignHost}!${user}@${domain}`];
  const name = config.SMTP_NAME ?? defaultEhloName();
  const accepted = await acceptedRecipients({ target, name, recipients: routes, timeoutMs: 30_000 });
  if (accepted.length === 0) return [];
  return [
    warning(
      subject,
      `accepts mail for ${accepted.join(", ")}, which it sends on to ${foreignHost}; Sesame refuses such recipients, other programs in mynetworks may not`,
      "Postfix: allow_percent_hack = no, swap_bangpath = no, resolve_dequoted_address = no; or list the domain in virtual_mailbox_domains, not in mydestination",
    ),
  ];
}
