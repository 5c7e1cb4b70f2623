// Session: one SMTP or LMTP session over nodemailer's SMTPConnection. It reads the socket before nodemailer does, so it has
// every reply even if the connection breaks right after it. It sends the mail itself. Every wait has a deadline.
// A broken session stays broken (RFC 5321 §3.8, RFC 2033 §4).
// It makes no verdicts (trouble.ts does) and does not reconnect (pool.ts does).

import type { Buffer } from "node:buffer";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers";
import type { Content } from "@sesame/core";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { ContentTransfer } from "./content-transfer.ts";
import { type Ending, type Exchange, ExchangeLog, hasAnswers, type Phase } from "./exchange.ts";
import type { LoopShare } from "./loop-share.ts";
import type { SessionPhase, SmtpOptions } from "./options.ts";
import { type Reply, ReplyReader } from "./smtp-reply.ts";
import { Deadline, type Timers } from "./timers.ts";

/** What the server announced in its last reply to EHLO or LHLO. */
export type Capabilities = Readonly<{
  smtpUtf8: boolean;
  /** Largest mail that the server accepts, in octets; `null`: it announces no limit (RFC 1870 §4). */
  sizeLimit: number | null;
  /** Whether the session is encrypted. */
  secure: boolean;
}>;

/** Paths as MAIL and RCPT contain them; `from` is "" for the null reverse-path. Each recipient occurs once. */
export type Envelope = Readonly<{ from: string; recipients: readonly string[] }>;

type Operation = { readonly log: ExchangeLog | null; readonly settle: (ending: Ending) => void };

const complete: Ending = { kind: "complete" };

/** Whether the server must reply to one command now. "no-transaction": RSET and QUIT. */
const answersCommand: Readonly<Record<Phase | "no-transaction", boolean>> = {
  "no-transaction": true,
  mail: true,
  rcpt: true,
  data: true,
  body: false,
  "empty-mail": false,
  dot: false,
  over: false,
};

export class SmtpSession {
  readonly capabilities: Capabilities;
  readonly #connection: SMTPConnection;
  readonly #protocol: "smtp" | "lmtp";
  readonly #options: SmtpOptions;
  readonly #deadline: Deadline;
  readonly #reader: ReplyReader;
  readonly #extensions: readonly string[];
  readonly #share: LoopShare;
  #operation: Operation | null = null;
  #finalEnding: Ending | null = null;
  #waitsForStore = false;
  #transactions = 0;
  #refusals = 0;
  #hasWorked = false;
  #needsReset = false;
  /** Commands of the current operation that are sent and not answered. */
  #unanswered = 0;

  /** Takes over a connection after the greeting, EHLO and AUTH. */
  constructor(
    connection: SMTPConnection,
    protocol: "smtp" | "lmtp",
    capabilities: Capabilities,
    options: SmtpOptions,
    timers: Timers,
    share: LoopShare,
  ) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.capabilities = capabilities;
    this.#options = options;
    this.#share = share;
    this.#deadline = new Deadline(timers, (detail) => this.#timedOut(detail));
    this.#reader = new ReplyReader(options.maxReplySize);
    this.#extensions = Reflect.get(connection, "_supportedExtensions") as readonly string[];
    connection.on("error", (error: Error) => this.#end({ kind: "lost", detail: error.message }));
    connection.on("end", () => this.#end({ kind: "lost", detail: "the connection ended" }));
    // If the connection breaks, nodemailer loses the LMTP replies before it. It also acts on replies before it checks them.
    if (connection._socket) connection._socket.prependListener("data", (chunk: Buffer) => this.#receive(chunk));
    options.onPhase?.("connect");
  }

  get dead(): boolean {
    return this.#finalEnding !== null || this.#connection.destroyed;
  }

  /**
   * True: the next mail needs another session. Servers count the errors of a session: they answer more slowly after some and
   * end it after some more (Postfix smtpd_soft_error_limit 10, smtpd_hard_error_limit 20).
   */
  get isWorn(): boolean {
    return this.#transactions >= this.#options.maxTransactions || this.#refusals >= this.#options.maxRefusals;
  }

  /** True: the server has answered for a recipient, so trouble in this session says nothing about the whole host. */
  get hasWorked(): boolean {
    return this.#hasWorked;
  }

  /** True: the last transaction was refused, and without RSET the next MAIL would be nested in it. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  /** Runs one transaction. Never throws; the exchange says how it ended. */
  async send(envelope: Envelope, content: Content): Promise<Exchange> {
    const log = new ExchangeLog(this.#protocol, envelope.recipients.length);
    this.#transactions++;
    this.#choosePipelining(envelope.recipients.length);
    const transfer = new ContentTransfer(content, this.#share, {
      waitsFor: (side) => this.#waitForChunk(side),
      ended: () => this.#sendDot(log),
      sent: () => this.#options.onPhase && this.#reportDot(this.#options.onPhase),
      // The session is still in DATA: the server would read the next command as part of the mail.
      failed: (error) => this.#end({ kind: "source", detail: error.message }),
    });
    const message = { from: envelope.from, to: [...envelope.recipients], size: content.size, use8BitMime: content.eightBit !== false };
    const ending = await this.#run(log, this.#options.commandTimeoutMs, "answer to MAIL", (done) =>
      this.#connection.send(message, this.#inPlaceOfStream(log, transfer), done),
    );
    transfer.cancel();
    const exchange = log.close(ending);
    this.#needsReset = !exchange.answers.some((answer) => answer.code < 400);
    this.#hasWorked ||= hasAnswers(exchange);
    return exchange;
  }

  /** nodemailer has sent a command. */
  commandSent(): void {
    this.#unanswered++;
  }

  /** Sends RSET: ends an open transaction and shows whether the session is alive (RFC 5321 §4.1.1.5). */
  async reset(timeoutMs: number = this.#options.commandTimeoutMs): Promise<boolean> {
    const ending = await this.#run(null, timeoutMs, "answer to RSET", (done) => this.#connection.reset(done));
    this.#needsReset = false;
    return ending.kind === "complete";
  }

  /** Sends QUIT, and closes the connection whatever the server replies. */
  async quit(): Promise<void> {
    if (this.dead) return this.close();
    await this.#run(null, this.#options.quitTimeoutMs, "answer to QUIT", () => this.#connection.quit());
  }

  /** Closes the connection at once. */
  close(): void {
    this.#end({ kind: "lost", detail: "closed by this worker" });
  }

  /** Runs one operation at a time: nodemailer hangs if two are sent at once. */
  async #run(
    log: ExchangeLog | null,
    timeoutMs: number,
    expected: string,
    begin: (done: (error: Error | null) => void) => void,
  ): Promise<Ending> {
    if (this.#operation) throw new TypeError("Cannot use a session: another operation is running");
    if (this.#finalEnding) return this.#finalEnding;
    const ending = await new Promise<Ending>((settle) => {
      this.#operation = { log, settle };
      this.#unanswered = 0;
      this.#deadline.arm(timeoutMs, expected);
      begin((error) => this.#finish(error, log !== null));
    });
    this.#operation = null;
    this.#deadline.disarm();
    return this.#finalEnding ?? ending;
  }

  /** nodemailer has finished an operation. After a refusal the session is usable; after any other error it is not. */
  #finish(error: (Error & { code?: string }) | null, isTransaction: boolean): void {
    const refused = isTransaction && (error?.code === "EENVELOPE" || error?.code === "EMESSAGE");
    if (error && !refused) this.#end({ kind: "lost", detail: error.message });
    else this.#operation?.settle(complete);
  }

  /** Closes the connection. The first ending stays. */
  #end(ending: Ending): void {
    if (this.#finalEnding) return;
    this.#finalEnding = ending;
    this.#deadline.disarm();
    this.#connection.close();
    // nodemailer: after close() it does not call back a send that is running.
    this.#operation?.settle(ending);
  }

  #timedOut(detail: string): void {
    this.#end(this.#waitsForStore ? { kind: "source", detail: `the mail stalled: ${detail}` } : { kind: "timeout", detail });
  }

  #receive(chunk: Buffer): void {
    for (const reply of this.#reader.read(chunk)) {
      if (this.#finalEnding) return;
      const ending = this.#operation ? this.#handleReply(this.#operation, reply) : unsolicited(reply);
      if (ending) this.#end(ending);
    }
  }

  #handleReply(operation: Operation, reply: Reply): Ending | null {
    const phase = operation.log?.phase ?? "no-transaction";
    // A reply that came before its command would be taken for the reply to it.
    if (answersCommand[phase] && --this.#unanswered < 0) return unsolicited(reply);
    if (operation.log === null) return reply.code === 0 || reply.code === 421 ? unsolicited(reply) : null;
    if (reply.code >= 400) this.#refusals++;
    const ending = operation.log.record(reply) ?? this.#retiring(operation.log);
    this.#waitFor(operation.log);
    if (this.#options.onPhase) reportReply(this.#options.onPhase, phase);
    return ending;
  }

  /** With many refusals the recipients that are left wait for a server that slows down: they go over a fresh session. */
  #retiring(log: ExchangeLog): Ending | null {
    const { maxRefusals } = this.#options;
    if (this.#protocol === "lmtp" || log.refusedAhead < maxRefusals) return null;
    if (this.#connection._socket) this.#connection._socket.write("QUIT\r\n"); // nothing is pipelined behind it (RFC 5321 §4.1.1.10)
    return { kind: "retired", detail: `closed by this worker after ${maxRefusals} refusals` };
  }

  /**
   * A server may hold back its answers to pipelined commands until the last one. It would slow down for the refusals among
   * many recipients before this session sees the first of them.
   */
  #choosePipelining(recipientCount: number): void {
    const isMany = this.#protocol === "smtp" && recipientCount > this.#options.maxRefusals;
    const extensions = this.#extensions.filter((name) => !(isMany && name === "PIPELINING"));
    // nodemailer has no option for it: it looks into its own list before each mail.
    Reflect.set(this.#connection, "_supportedExtensions", extensions);
  }

  /**
   * What nodemailer takes for the stream of a mail. nodemailer pipes such a stream through its own dot-stuffing, which does not
   * give the event loop back. Here nothing flows through it: the mail goes into the socket with its final dot.
   */
  #inPlaceOfStream(log: ExchangeLog, transfer: ContentTransfer): Readable {
    const pipe = (stuffing: Readable) => {
      const socket = this.#connection._socket;
      if (!socket) return;
      stuffing.unpipe(socket);
      if (this.#mayStart(log)) void transfer.send(socket);
    };
    return { pipe } as unknown as Readable;
  }

  /** Reports the final dot when the socket has sent all data, unless the reply came first. */
  #reportDot(report: (phase: SessionPhase) => void): void {
    const socket = this.#connection._socket;
    if (!socket || this.#finalEnding || this.#operation?.log?.phase !== "dot") return;
    if (socket.writableLength === 0) report("dot-sent");
    else setImmediate(() => this.#reportDot(report));
  }

  /** Each reply has its own deadline (RFC 5321 §4.5.3.2). */
  #waitFor(log: ExchangeLog): void {
    const { commandTimeoutMs, dataTimeoutMs, dotTimeoutMs } = this.#options;
    const phase = log.phase;
    if (phase === "mail" || phase === "rcpt") this.#deadline.arm(commandTimeoutMs, "answer to RCPT");
    else if (phase === "data" || phase === "empty-mail") this.#deadline.arm(dataTimeoutMs, "answer to DATA");
    else if (phase === "dot") this.#deadline.arm(dotTimeoutMs, "answer to the final dot");
    else if (phase === "body") this.#waitForChunk("server");
  }

  #waitForChunk(side: "store" | "server"): void {
    if (this.#finalEnding) return;
    this.#waitsForStore = side === "store";
    this.#deadline.arm(
      this.#options.chunkTimeoutMs,
      side === "store" ? "octets of the mail from its store" : "progress in sending the mail",
    );
  }

  /** Whether the replies that this session assigned allow the mail to start; nodemailer may have assigned them differently. */
  #mayStart(log: ExchangeLog): boolean {
    if (log.phase === "body") return true;
    this.#end({ kind: "protocol-error", detail: "the replies do not match the commands" });
    return false;
  }

  #sendDot(log: ExchangeLog): void {
    if (this.#finalEnding) return;
    log.dot();
    this.#waitFor(log);
  }
}

/** Reports that the reply of this phase was read. */
function reportReply(report: (phase: SessionPhase) => void, phase: Phase | "no-transaction"): void {
  if (phase === "mail" || phase === "rcpt" || phase === "data") report(phase);
  if (phase === "dot") report("answer-read");
}

/** A reply without a command: a 421, or one that would be taken for the reply to the next command. */
function unsolicited(reply: Reply): Ending {
  if (reply.code === 421) return { kind: "closing", reply, detail: reply.line };
  return { kind: "protocol-error", detail: `reply without a command: ${reply.line}` };
}
