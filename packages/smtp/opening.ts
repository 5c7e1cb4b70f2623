// Opening: from a target to a session that is ready for MAIL, or why there is none. Connects, hears the greeting, says
// EHLO or LHLO (HELO to a server that knows no better), starts TLS as far as the mode asks for it, and logs in.
// RFC 5321 §3.1, §3.2, RFC 3207, RFC 4954. nodemailer does these steps; this file watches over them.

import SMTPConnection from "nodemailer/lib/smtp-connection";
import { Deadline, type Timers } from "./deadline.ts";
import type { SmtpOptions, SmtpTarget } from "./options.ts";
import { type Reply, replyOf } from "./reply.ts";
import { type Capabilities, SmtpSession } from "./session.ts";

/** Why there is no session. `tls`: encryption failed, not the server. `login`: our credentials were not taken. */
export type OpeningFailure = Readonly<{
  stage: "connection" | "tls" | "login";
  /** The answer that refused us, where there was one. */
  reply: Reply | null;
  detail: string;
}>;

export type Opening =
  | { readonly kind: "open"; readonly session: SmtpSession }
  | { readonly kind: "failed"; readonly failure: OpeningFailure };

type LogEntry = { readonly tnx?: string; readonly remoteAddress?: string };
type NodemailerFault = Error & { readonly response?: string | undefined; readonly code?: string | undefined };

/**
 * Opens a session. Opportunistic TLS whose handshake fails is given up on a fresh connection, unless that would send
 * credentials where anybody can read them. `signal` gives up an opening that is under way.
 */
export async function openSession(target: SmtpTarget, options: SmtpOptions, timers: Timers, signal?: AbortSignal): Promise<Opening> {
  if (signal?.aborted) return { kind: "failed", failure: givenUp };
  const first = await new Attempt(target, options, timers, options.tls).open(signal);
  const mayFallBack = options.tls === "opportunistic" && options.credentials === null && !signal?.aborted;
  if (first.kind === "open" || first.failure.stage !== "tls" || !mayFallBack) return first;
  return new Attempt(target, options, timers, "off").open(signal);
}

const givenUp: OpeningFailure = { stage: "connection", reply: null, detail: "given up by us" };

/** One connection on its way to a session. */
class Attempt {
  readonly #target: SmtpTarget;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  readonly #connection: SMTPConnection;
  readonly #deadline: Deadline;
  #settle: (failure: OpeningFailure | null) => void = () => {};
  #command = "";
  #extensions: readonly string[] = [];
  #over = false;
  #opened: SmtpSession | null = null;

  constructor(target: SmtpTarget, options: SmtpOptions, timers: Timers, tls: SmtpOptions["tls"]) {
    this.#target = target;
    this.#options = options;
    this.#timers = timers;
    this.#deadline = new Deadline(timers, (detail) => this.#fail(new Error(detail)));
    this.#connection = new SMTPConnection({ ...connectionOptions(target, options, tls), logger: this.#logger() });
  }

  async open(signal?: AbortSignal): Promise<Opening> {
    const { credentials } = this.#options;
    const giveUp = () => this.#fail(new Error(givenUp.detail));
    signal?.addEventListener("abort", giveUp);
    const failure = (await this.#step((done) => this.#connect(done))) ?? (credentials && (await this.#login(credentials)));
    signal?.removeEventListener("abort", giveUp);
    this.#over = true;
    this.#deadline.disarm();
    if (failure) {
      this.#connection.close();
      return { kind: "failed", failure };
    }
    this.#opened = this.#session();
    return { kind: "open", session: this.#opened };
  }

  #session(): SmtpSession {
    const capabilities = capabilitiesOf(this.#extensions, this.#connection.secure);
    return new SmtpSession(this.#connection, this.#target.protocol, capabilities, this.#options, this.#timers);
  }

  #step(begin: (done: (error?: NodemailerFault | null) => void) => void): Promise<OpeningFailure | null> {
    return new Promise((settle) => {
      this.#settle = settle;
      begin((error) => (error ? this.#fail(error) : settle(null)));
    });
  }

  #connect(done: (error?: NodemailerFault) => void): void {
    this.#connection.on("error", (error: NodemailerFault) => this.#fail(error));
    this.#connection.on("end", () => this.#fail(new Error("the connection ended")));
    this.#deadline.arm(this.#options.connectTimeoutMs, "connection");
    this.#connection.connect(done);
  }

  async #login(credentials: { user: string; password: string }): Promise<OpeningFailure | null> {
    // nodemailer takes a server that knows HELO only for one that has AUTH, which nothing but EHLO can tell (RFC 4954).
    const isOffered = this.#connection.allowsAuth && this.#command !== "HELO";
    if (!isOffered) return { stage: "login", reply: null, detail: "the server offers no AUTH on this connection" };
    return this.#step((done) => this.#connection.login({ user: credentials.user, pass: credentials.password }, done));
  }

  #fail(error: NodemailerFault): void {
    if (this.#over) return; // the session hears of it, and from close() here it would hear less
    const reply = error.response ? replyOf(error.response.split(/\r?\n/)) : null;
    // nodemailer: `upgrading` stays set when the handshake failed; a refused STARTTLS has the code ETLS.
    const isTls = this.#connection.upgrading || error.code === "ETLS";
    this.#settle({ stage: isTls ? "tls" : error.code === "EAUTH" ? "login" : "connection", reply, detail: error.message });
    this.#connection.close();
  }

  /** nodemailer's log is the only place where it tells what was said before the connection was ready. */
  #logger(): Record<string, (entry: LogEntry, line: string) => void> {
    const take = (entry: LogEntry, line: string) => this.#overhear(entry, line);
    return { trace: take, debug: take, info: take, warn: take, error: take, fatal: take };
  }

  #overhear(entry: LogEntry, line: string): void {
    if (entry.tnx === "client") this.#opened?.said();
    if (this.#over) return;
    if (entry.tnx === "network" && entry.remoteAddress) this.#connected();
    if (entry.tnx === "client") this.#said(line);
    if (entry.tnx === "server") this.#heard(line.split("\n"));
  }

  #connected(): void {
    this.#deadline.arm(this.#options.greetingTimeoutMs, "greeting");
    // For nodemailer the greeting and TLS belong to the time of the connection.
    Reflect.set(this.#connection, "_connectionDeadline", Number.POSITIVE_INFINITY);
  }

  #said(line: string): void {
    this.#command = line.split(" ", 1)[0] ?? "";
    this.#deadline.arm(this.#options.commandTimeoutMs, `answer to ${this.#command}`);
  }

  #heard(lines: readonly string[]): void {
    const reply = replyOf(lines);
    if (reply.code === 0) this.#fail(Object.assign(new Error(`not a reply: ${reply.line}`), { response: lines.join("\n") }));
    else if (this.#command === "HELO") this.#extensions = [];
    else if (/^[EL]HLO$/.test(this.#command)) this.#extensions = lines.slice(1).map((line) => line.slice(4).trim());
  }
}

/** nodemailer's own time-outs are set aside or come late: ours come first, and one place holds them. */
function connectionOptions(target: SmtpTarget, options: SmtpOptions, tls: SmtpOptions["tls"]): SMTPConnection.Options {
  const never = 2 ** 31 - 1;
  return {
    host: target.host,
    port: target.port,
    lmtp: target.protocol === "lmtp",
    name: options.name,
    secure: target.port === 465 && tls !== "off", // RFC 8314 §3
    ignoreTLS: tls === "off",
    requireTLS: tls === "required",
    opportunisticTLS: tls === "opportunistic",
    tls: { rejectUnauthorized: tls === "required" && options.tlsVerify },
    // Divided among the addresses of the host: one that is silent must not take the time of the others.
    connectionTimeout: options.connectTimeoutMs + 100,
    greetingTimeout: never,
    socketTimeout: never,
    dnsTimeout: options.connectTimeoutMs,
    socketCloseTimeout: 0,
    maxResponseSize: options.maxReplySize,
    transactionLog: true,
  };
}

function capabilitiesOf(extensions: readonly string[], secure: boolean): Capabilities {
  const size = extensions.map((line) => /^SIZE\s+(\d+)/i.exec(line)?.[1]).find((octets) => octets !== undefined);
  return {
    smtpUtf8: extensions.some((line) => /^SMTPUTF8\b/i.test(line)),
    // 0 means that there is no fixed limit (RFC 1870 §4).
    sizeLimit: Number(size ?? 0) || null,
    secure,
  };
}
