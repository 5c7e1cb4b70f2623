// Options: the server, and all deadlines and limits of a session and its pool, with their defaults. The deadlines follow
// RFC 5321 §4.5.3.2, but are shorter because the server is near. Only the final dot keeps its ten minutes: a client that
// gives up earlier causes duplicates (RFC 1047).

import { isIP } from "node:net";
import { hostname } from "node:os";
import { quote } from "@sesame/core";

/** One server and the protocol that it speaks on this port. */
export type SmtpTarget = Readonly<{
  host: string;
  port: number;
  protocol: "smtp" | "lmtp";
  /** What differs on this port from the options of the courier. */
  security?: Partial<Pick<SmtpOptions, "tls" | "tlsVerify" | "credentials">>;
}>;

/** How a session is encrypted. Credentials are sent over an encrypted connection only, and within this machine (RFC 4954 §4). */
export type TlsMode =
  | "off" // plaintext even where STARTTLS is offered
  | "opportunistic" // STARTTLS where it is offered, any certificate; plaintext where it is not offered or fails
  | "required"; // never plaintext: without TLS the mail is delayed

export type SmtpCredentials = Readonly<{ user: string; password: string }>;

/** How far a transaction is: session open; reply to MAIL, RCPT or DATA read; final dot sent; reply to the final dot read. */
export type SessionPhase = "connect" | "mail" | "rcpt" | "data" | "dot-sent" | "answer-read";

export type SmtpOptions = Readonly<{
  /** Name in EHLO or LHLO: a fully qualified domain name or an address literal (RFC 5321 §4.1.1.1). */
  name: string;
  tls: TlsMode;
  /** With `tls: "required"`: whether the certificate must be valid for the host. */
  tlsVerify: boolean;
  credentials: SmtpCredentials | null;
  /** For DNS and TCP. */
  connectTimeoutMs: number;
  /** From the connection to the greeting. postscreen delays the greeting on purpose. */
  greetingTimeoutMs: number;
  /** For each reply to EHLO, STARTTLS (with its handshake), AUTH, MAIL, RCPT and RSET. */
  commandTimeoutMs: number;
  /** For the reply to DATA (RFC 5321 §4.5.3.2.4). */
  dataTimeoutMs: number;
  /** For 64 KiB of the mail to be read from the store, or to be sent (RFC 5321 §4.5.3.2.5). */
  chunkTimeoutMs: number;
  /** For each reply after the final dot (RFC 5321 §4.5.3.2.6). */
  dotTimeoutMs: number;
  /** For the reply to the RSET that probes an idle session. */
  probeTimeoutMs: number;
  /** For the reply to QUIT. */
  quitTimeoutMs: number;
  /** Largest number of sessions for each host and port. */
  poolSize: number;
  /** The number of sessions that a server always gets, also when it is overloaded. A larger one than `poolSize` means `poolSize`. */
  minPoolSize: number;
  /** A session that was idle for longer is probed with RSET before it is used. */
  probeAfterMs: number;
  /** A session that was idle for longer is closed. Servers close an idle session after 300 s, or after 10 s under load. */
  idleLimitMs: number;
  /** Number of transactions after which a session is closed. */
  maxTransactions: number;
  /** Number of refusals after which a session is closed, before the server ends it because of them. */
  maxRefusals: number;
  /** Octets of one reply. Stops a server that never ends its line. */
  maxReplySize: number;
  /** Called at each phase. For tests that end a process during a transaction. Must not throw. */
  onPhase?: (phase: SessionPhase) => void;
}>;

/** The EHLO name of this machine: its host name if it is fully qualified, otherwise the literal of the loopback address. */
export function defaultEhloName(machine: string = hostname()): string {
  return isEhloName(machine) ? machine : "[127.0.0.1]";
}

/** Whether a server accepts the name. Servers refuse a bare host name, such as a container id (RFC 5321 §4.1.1.1, §4.1.3). */
export function isEhloName(name: string): boolean {
  if (/^\[[0-9A-Za-z.:-]+\]$/.test(name)) return true;
  const labels = name.split(".");
  return labels.length > 1 && labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) && isIP(name) === 0;
}

export const smtpDefaults: SmtpOptions = {
  name: defaultEhloName(),
  tls: "opportunistic",
  tlsVerify: true,
  credentials: null,
  connectTimeoutMs: 10_000,
  greetingTimeoutMs: 60_000,
  commandTimeoutMs: 120_000,
  dataTimeoutMs: 120_000,
  chunkTimeoutMs: 180_000,
  dotTimeoutMs: 600_000,
  probeTimeoutMs: 10_000,
  quitTimeoutMs: 2_000,
  poolSize: 32,
  minPoolSize: 4,
  probeAfterMs: 30_000,
  idleLimitMs: 60_000,
  maxTransactions: 500,
  maxRefusals: 5,
  maxReplySize: 64 * 1024,
};

/** Adds the defaults. Throws `TypeError` if an option is invalid. */
export function smtpOptions(given: Partial<SmtpOptions> = {}): SmtpOptions {
  const options = { ...smtpDefaults, ...given };
  if (!isEhloName(options.name)) {
    throw new TypeError(`Cannot greet a server: the EHLO name must be fully qualified or an address literal, is ${quote(options.name)}`);
  }
  if (options.poolSize < 1) throw new TypeError(`Cannot pool sessions: poolSize must be at least 1, is ${options.poolSize}`);
  if (options.minPoolSize < 1) throw new TypeError(`Cannot pool sessions: minPoolSize must be at least 1, is ${options.minPoolSize}`);
  return options;
}

/** Whether octets to this address stay in this machine: 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const ipv4 = address.toLowerCase().replace(/^::ffff:/, "");
  return address === "::1" || (isIP(ipv4) === 4 && ipv4.startsWith("127."));
}

/** LMTP on port 25 is refused: a client that speaks SMTP there would take a relayed mail for a final delivery (RFC 2033 §5). */
export function checkTarget(target: SmtpTarget): SmtpTarget {
  if (target.protocol === "lmtp" && target.port === 25) {
    throw new TypeError(`Cannot use LMTP with ${quote(`${target.host}:${target.port}`)}: port 25 belongs to SMTP. Use another port`);
  }
  return target;
}
