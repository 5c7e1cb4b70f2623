// Mail server: makes the SMTP or LMTP courier from the configuration, and probes whether the server accepts mail.

import { SmtpCourier, type SmtpOptions, type SmtpTarget } from "@sesame/smtp";
import type { Config } from "./config.ts";

/** The two ports of the mail server: mailboxes and internal. The internal port has no login: it knows the network of the worker. */
export function targetsOf(config: Config, host: string): Readonly<Record<"mailbox" | "internal", SmtpTarget>> {
  const { DELIVERY: protocol, SMTP_PORT: port = protocol === "lmtp" ? 24 : 25, INTERNAL_SMTP_PORT, INTERNAL_SMTP_TLS: tls } = config;
  const security = { tls, credentials: null };
  return { mailbox: { host, port, protocol }, internal: { host, port: INTERNAL_SMTP_PORT, protocol: "smtp", security } };
}

/** Makes the courier. It opens connections later, when it needs them. */
export function mailServerOf(config: Config, host: string, more: Pick<SmtpOptions, "onPhase"> = {}): SmtpCourier {
  const { SMTP_TLS: tls, SMTP_TLS_VERIFY, SMTP_USER: user, SMTP_PASSWORD: password, SMTP_POOL_SIZE: poolSize } = config;
  const tlsVerify = SMTP_TLS_VERIFY === "true";
  const credentials = user !== undefined && password !== undefined ? { user, password } : null;
  const name = config.SMTP_NAME === undefined ? {} : { name: config.SMTP_NAME };
  return new SmtpCourier(targetsOf(config, host), { tls, tlsVerify, credentials, poolSize, ...name, ...more });
}

/** `null` if a session to the mailbox port can be opened; else the answer of the server, or the network error. */
export async function probeMailServer(server: SmtpCourier): Promise<string | null> {
  const reached = await server.probe("mailbox");
  if (reached.kind === "reachable") return null;
  return "detail" in reached.verdict ? reached.verdict.detail : reached.verdict.action;
}
