// Open session: connects to a target and makes a session that is ready for MAIL, or says why there is none. The steps are
// the greeting, EHLO or LHLO (HELO if the server knows no EHLO), STARTTLS according to the TLS mode, and AUTH.
// RFC 5321 §3.1, §3.2, RFC 3207, RFC 4954. nodemailer does these steps; this file observes them and sets the deadlines.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { Caution } from "./caution.ts";
import { LoopShare } from "./loop-share.ts";
import { isLoopback, type SmtpOptions, type SmtpTarget } from "./options.ts";
import { type Capabilities, type Shared, SmtpSession } from "./session.ts";
import { type Offers, offersOf } from "./smtp-commands.ts";
import { type Reply, replyOf } from "./smtp-reply.ts";
import { Deadline, type Timers } from "./timers.ts";
import { type WireMaker, wireOf } from "./wire.ts";
import { WriteBuffers } from "./write-buffers.ts";

/** Why there is no session. `tls`: the encryption failed. `login`: the server did not accept the credentials. */
export type OpeningFailure = Readonly<{
  stage: "connection" | "tls" | "login";
  /** The reply that refused the session, if there was one. */
  reply: Reply | null;
  detail: string;
}>;

export type Opening =
  | { readonly kind: "open"; readonly session: SmtpSession }
  | { readonly kind: "failed"; readonly failure: OpeningFailure };

/** What the sessions of a courier get from it. */
export type Means = Shared & Readonly<{ wireOf: WireMaker }>;

/** The means of one courier. */
export function meansOf(timers: Timers, maker: WireMaker = wireOf): Means {
  const [share, buffers] = [new LoopShare(timers), new WriteBuffers()];
  return { share, buffers, now: () => timers.now(), caution: new Caution(timers), wireOf: maker };
}

type LogEntry = { readonly tnx?: string; readonly remoteAddress?: string };
type NodemailerFault = Error & { readonly response?: string | undefined; readonly code?: string | undefined };

/**
 * Opens a session. If the TLS handshake fails in the mode "opportunistic", it opens a new connection without TLS, unless
 * there are credentials: they must not be sent in plaintext. `signal` cancels the attempt.
 */
export async function openSession(
  target: SmtpTarget,
  options: SmtpOptions,
  timers: Timers,
  signal?: AbortSignal,
  means: Means = meansOf(timers),
): Promise<Opening> {
  if (signal?.aborted) return { kind: "failed", failure: cancelled };
  const first = await new Attempt(target, options, timers, means, options.tls).open(signal);
  const mayFallBack = options.tls === "opportunistic" && options.credentials === null && !signal?.aborted;
  if (first.kind === "open" || first.failure.stage !== "tls" || !mayFallBack) return first;
  return new Attempt(target, options, timers, means, "off").open(signal);
}

const loginInClear =
  "the connection is not encrypted, so the password is not sent: the server must offer STARTTLS on this port, and SMTP_TLS must not be off; or unset SMTP_USER and SMTP_PASSWORD";

const cancelled: OpeningFailure = { stage: "connection", reply: null, detail: "cancelled by this worker" };

/** One connection until its session is open. */
class Attempt {
  readonly #target: SmtpTarget;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  readonly #means: Means;
  readonly #connection: SMTPConnection;
  readonly #deadline: Deadline;
  #settle: (failure: OpeningFailure | null) => void = () => {};
  #command = "";
  #remoteAddress = "";
  #extensions: readonly string[] = [];
  #over = false;

  constructor(target: SmtpTarget, options: SmtpOptions, timers: Timers, means: Means, tls: SmtpOptions["tls"]) {
    this.#target = target;
    this.#options = options;
    this.#timers = timers;
    this.#means = means;
    this.#deadline = new Deadline(timers, (detail) => this.#fail(new Error(detail)));
    this.#connection = new SMTPConnection({ ...connectionOptions(target, options, tls), logger: this.#logger() });
  }

  async open(signal?: AbortSignal): Promise<Opening> {
    const { credentials } = this.#options;
    const cancel = () => this.#fail(new Error(cancelled.detail));
    signal?.addEventListener("abort", cancel);
    const failure = (await this.#step((done) => this.#connect(done))) ?? (credentials && (await this.#login(credentials)));
    signal?.removeEventListener("abort", cancel);
    this.#over = true;
    this.#deadline.disarm();
    const socket = this.#connection._socket;
    if (!failure && socket) return { kind: "open", session: this.#session(socket) };
    this.#connection.close();
    return { kind: "failed", failure: failure ?? { stage: "connection", reply: null, detail: "the connection ended" } };
  }

  /** From here on the session alone reads from the socket and writes to it. nodemailer closes it, and says how it ended. */
  #session(socket: Socket): SmtpSession {
    const offers = offersOf(this.#extensions);
    const capabilities = capabilitiesOf(this.#extensions, offers, this.#connection.secure);
    const greeted = {
      connection: this.#connection,
      wire: this.#means.wireOf(socket),
      protocol: this.#target.protocol,
      capabilities,
      offers,
    };
    const session = new SmtpSession(greeted, this.#options, this.#timers, this.#means);
    const surplus = unread(this.#connection);
    if (surplus.length > 0) session.receive(surplus);
    return session;
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
    if (!this.#connection.secure && !isLoopback(this.#remoteAddress)) return { stage: "login", reply: null, detail: loginInClear };
    // If a server knows only HELO, nodemailer assumes AUTH; but only EHLO can announce AUTH (RFC 4954).
    const isOffered = this.#connection.allowsAuth && this.#command !== "HELO";
    if (!isOffered) return { stage: "login", reply: null, detail: "the server offers no AUTH on this connection" };
    return this.#step((done) => this.#connection.login({ user: credentials.user, pass: credentials.password }, done));
  }

  #fail(error: NodemailerFault): void {
    if (this.#over) return; // the session handles it from here; to close the connection here would hide the cause from it
    const reply = error.response ? replyOf(error.response.split(/\r?\n/)) : null;
    // nodemailer: `upgrading` stays set when the handshake failed. A refused STARTTLS has the code ETLS.
    const isTls = this.#connection.upgrading || error.code === "ETLS";
    this.#settle({ stage: isTls ? "tls" : error.code === "EAUTH" ? "login" : "connection", reply, detail: error.message });
    this.#connection.close();
  }

  /** Only nodemailer's log shows the replies and commands before the connection is ready. */
  #logger(): Record<string, (entry: LogEntry, line: string) => void> {
    const take = (entry: LogEntry, line: string) => this.#readLog(entry, line);
    return { trace: take, debug: take, info: take, warn: take, error: take, fatal: take };
  }

  #readLog(entry: LogEntry, line: string): void {
    if (this.#over) return;
    if (entry.tnx === "network" && entry.remoteAddress) this.#connected(entry.remoteAddress);
    if (entry.tnx === "client") this.#commandSent(line);
    if (entry.tnx === "server") this.#replyReceived(line.split("\n"));
  }

  #connected(remoteAddress: string): void {
    this.#remoteAddress = remoteAddress;
    this.#deadline.arm(this.#options.greetingTimeoutMs, "greeting");
    // nodemailer counts the greeting and TLS as part of the connection time.
    Reflect.set(this.#connection, "_connectionDeadline", Number.POSITIVE_INFINITY);
  }

  #commandSent(line: string): void {
    this.#command = line.split(" ", 1)[0] ?? "";
    this.#deadline.arm(this.#options.commandTimeoutMs, `answer to ${this.#command}`);
  }

  #replyReceived(lines: readonly string[]): void {
    const reply = replyOf(lines);
    if (reply.code === 0) this.#fail(Object.assign(new Error(`invalid SMTP reply: ${reply.line}`), { response: lines.join("\n") }));
    else if (this.#command === "HELO") this.#extensions = [];
    else if (/^[EL]HLO$/.test(this.#command)) this.#extensions = lines.slice(1).map((line) => line.slice(4).trim());
  }
}

/** nodemailer's own time-outs are off or longer than the deadlines of `SmtpOptions`, so that only those count. */
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
    // nodemailer divides it among the addresses of the host, so that one silent address does not use up the time.
    connectionTimeout: options.connectTimeoutMs + 100,
    greetingTimeout: never,
    socketTimeout: never,
    dnsTimeout: options.connectTimeoutMs,
    socketCloseTimeout: 0,
    maxResponseSize: options.maxReplySize,
    transactionLog: true,
  };
}

/** Takes the octets that nodemailer has read behind the last reply that it waited for. */
function unread(connection: SMTPConnection): Buffer {
  const replies = Reflect.get(connection, "_responseQueue") as string[];
  const text = [...replies.splice(0), Reflect.get(connection, "_remainder") as string].join("\r\n");
  Reflect.set(connection, "_remainder", "");
  return Buffer.from(text, "latin1");
}

function capabilitiesOf(extensions: readonly string[], { smtpUtf8 }: Offers, secure: boolean): Capabilities {
  const size = extensions.map((line) => /^SIZE\s+(\d+)/i.exec(line)?.[1]).find((octets) => octets !== undefined);
  return {
    smtpUtf8,
    // 0: the server has no fixed limit (RFC 1870 §4).
    sizeLimit: Number(size ?? 0) || null,
    secure,
  };
}
