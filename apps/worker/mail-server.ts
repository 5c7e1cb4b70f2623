// Mail server: the SMTP or LMTP courier as the configuration describes it, and the question whether the server takes mail.

import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import type { Config } from "./config.ts";

/** Opens no connection yet. */
export function mailServerOf(config: Config, host: string, more: Pick<SmtpOptions, "onPhase"> = {}): SmtpCourier {
  const { DELIVERY: protocol, SMTP_TLS: tls, SMTP_USER: user, SMTP_PASSWORD: password } = config;
  const port = config.SMTP_PORT ?? (protocol === "lmtp" ? 24 : 25);
  const targets = { mailbox: { host, port, protocol }, internal: { host, port: config.INTERNAL_SMTP_PORT, protocol: "smtp" as const } };
  const credentials = user !== undefined && password !== undefined ? { user, password } : null;
  const name = config.SMTP_NAME === undefined ? {} : { name: config.SMTP_NAME };
  return new SmtpCourier(targets, { tls, credentials, poolSize: config.SMTP_POOL_SIZE, ...name, ...more });
}

/** `null` where a session to the port of the mailboxes can be opened; else what the server or the network said. */
export async function probeMailServer(server: SmtpCourier): Promise<string | null> {
  const reached = await server.probe("mailbox");
  if (reached.kind === "reachable") return null;
  return "detail" in reached.verdict ? reached.verdict.detail : reached.verdict.action;
}
