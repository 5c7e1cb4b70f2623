// Options: where mail goes, and every deadline and limit of a session and its pool, with the defaults in one place.
// Deadlines follow RFC 5321 §4.5.3.2, shortened for a server that is near; only the final dot keeps its ten minutes,
// because who gives up earlier makes duplicates (RFC 1047).

import { isIP } from "node:net";
import { hostname } from "node:os";
import { quote } from "@sesame/core";

/** One server and the protocol it speaks there. */
export type SmtpTarget = Readonly<{ host: string; port: number; protocol: "smtp" | "lmtp" }>;

/** How a session is secured. Credentials never follow a STARTTLS that was offered and then failed. */
export type TlsMode =
  | "off" // plaintext even where STARTTLS is offered
  | "opportunistic" // STARTTLS where it is offered, any certificate; plaintext where it is not offered or fails
  | "required"; // never plaintext: what cannot be encrypted is delayed

export type SmtpCredentials = Readonly<{ user: string; password: string }>;

/** How far a session came: it is open; the answer to that command is read; the final dot has left; its answer is read. */
export type SessionPhase = "connect" | "mail" | "rcpt" | "data" | "dot-sent" | "answer-read";

export type SmtpOptions = Readonly<{
  /** Name for EHLO or LHLO: a fully qualified name or an address literal (RFC 5321 §4.1.1.1). */
  name: string;
  tls: TlsMode;
  /** With `tls: "required"`: whether the certificate must be valid for the host. */
  tlsVerify: boolean;
  credentials: SmtpCredentials | null;
  /** DNS and TCP. */
  connectTimeoutMs: number;
  /** From the connection to the greeting; postscreen takes its time on purpose. */
  greetingTimeoutMs: number;
  /** For each answer to EHLO, STARTTLS with its handshake, AUTH, MAIL, RCPT and RSET. */
  commandTimeoutMs: number;
  /** For the answer to DATA (RFC 5321 §4.5.3.2.4). */
  dataTimeoutMs: number;
  /** For 64 KiB of the mail to leave, or to come from where they are stored (RFC 5321 §4.5.3.2.5). */
  chunkTimeoutMs: number;
  /** For each answer after the final dot (RFC 5321 §4.5.3.2.6). */
  dotTimeoutMs: number;
  /** For the answer to the RSET that probes an idle session. */
  probeTimeoutMs: number;
  /** For the goodbye. */
  quitTimeoutMs: number;
  /** Sessions at once for each host and port. */
  poolSize: number;
  /** A session that was idle longer than this is probed before it is used. */
  probeAfterMs: number;
  /** A session that was idle longer than this is closed; servers close them after 300 s, or 10 s when busy. */
  idleLimitMs: number;
  /** A session is closed after so many transactions. */
  maxTransactions: number;
  /** Octets of one reply: stops a server that never ends its line. */
  maxReplySize: number;
  /** Told of each phase at once, for tests that end a process in the midst of a transaction. Must not throw. */
  onPhase?: (phase: SessionPhase) => void;
}>;

/** The name that this machine can give without being refused: its own where that is fully qualified, else a literal. */
export function defaultEhloName(machine: string = hostname()): string {
  return isEhloName(machine) ? machine : "[127.0.0.1]";
}

/** Servers refuse a bare host name, such as the id of a container (RFC 5321 §4.1.1.1, §4.1.3). */
export function isEhloName(name: string): boolean {
  if (/^\[[0-9A-Za-z.:-]+\]$/.test(name)) return true;
  return (
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(name) && isIP(name) === 0
  );
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
  poolSize: 8,
  probeAfterMs: 30_000,
  idleLimitMs: 60_000,
  maxTransactions: 100,
  maxReplySize: 64 * 1024,
};

/** Fills in the defaults. Throws what configuration must never let through. */
export function smtpOptions(given: Partial<SmtpOptions> = {}): SmtpOptions {
  const options = { ...smtpDefaults, ...given };
  if (!isEhloName(options.name)) {
    throw new TypeError(
      `Cannot greet a server as the name must be fully qualified or an address literal: current value is ${quote(options.name)}`,
    );
  }
  if (options.poolSize < 1) throw new TypeError(`Cannot pool sessions as there must be at least 1: current value is ${options.poolSize}`);
  return options;
}

/** LMTP must not be spoken on the port of SMTP, or mail for relay would be taken for final delivery (RFC 2033 §5). */
export function checkTarget(target: SmtpTarget): SmtpTarget {
  if (target.protocol === "lmtp" && target.port === 25) {
    throw new TypeError(`Cannot speak LMTP as port 25 belongs to SMTP: current value is ${quote(`${target.host}:${target.port}`)}`);
  }
  return target;
}
