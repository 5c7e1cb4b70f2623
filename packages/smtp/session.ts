// Session: one SMTP or LMTP session over nodemailer's SMTPConnection, made certain from outside. It listens to the socket
// before nodemailer does, so every answer is known even when the connection drops behind it; it knows when the final dot
// goes out; each wait has a deadline; and once broken it is dead for good (RFC 5321 §3.8, RFC 2033 §4).
// It judges nothing (trouble.ts does) and reconnects nothing (pool.ts does).

import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers";
import { type Content } from "@sesame/core";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { Deadline, type Timers } from "./deadline.ts";
import { type Ending, type Exchange, ExchangeLog, type Phase } from "./exchange.ts";
import type { SessionPhase, SmtpOptions } from "./options.ts";
import { type Reply, ReplyReader } from "./reply.ts";
import { openSource } from "./source.ts";

/** What the server offered in its last answer to EHLO or LHLO. */
export type Capabilities = Readonly<{
  smtpUtf8: boolean;
  /** Octets of the largest mail that the server takes; `null`: it names no limit (RFC 1870 §4). */
  sizeLimit: number | null;
  /** Whether the session is encrypted. */
  secure: boolean;
}>;

/** Paths as they stand in the commands; `from` is "" for the null reverse-path. Each recipient occurs once. */
export type Envelope = Readonly<{ from: string; recipients: readonly string[] }>;

type Work = { readonly log: ExchangeLog | null; readonly settle: (ending: Ending) => void };

const complete: Ending = { kind: "complete" };

/** Whether what is due is the answer to one command; "alone" are those of no transaction, RSET and QUIT. */
const answersCommand: Readonly<Record<Phase | "alone", boolean>> = {
  alone: true,
  mail: true,
  rcpt: true,
  data: true,
  body: false,
  nobody: false,
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
  #work: Work | null = null;
  #death: Ending | null = null;
  #waitsForStore = false;
  #transactions = 0;
  #needsReset = false;
  /** Commands of this piece of work that are out and not answered. */
  #unanswered = 0;

  /** Takes over a connection that greeted, was greeted and logged in. */
  constructor(connection: SMTPConnection, protocol: "smtp" | "lmtp", capabilities: Capabilities, options: SmtpOptions, timers: Timers) {
    this.#connection = connection;
    this.#protocol = protocol;
    this.capabilities = capabilities;
    this.#options = options;
    this.#deadline = new Deadline(timers, (detail) => this.#miss(detail));
    this.#reader = new ReplyReader(options.maxReplySize);
    connection.on("error", (error: Error) => this.#die({ kind: "lost", detail: error.message }));
    connection.on("end", () => this.#die({ kind: "lost", detail: "the connection ended" }));
    // nodemailer loses the LMTP answers that stood before a drop, and acts on answers before it has judged them.
    if (connection._socket) connection._socket.prependListener("data", (chunk: Buffer) => this.#hear(chunk));
    if (options.onPhase) this.#watchPhases(options.onPhase);
  }

  get dead(): boolean {
    return this.#death !== null || this.#connection.destroyed;
  }

  /** Transactions begun. */
  get transactions(): number {
    return this.#transactions;
  }

  /** The last transaction was refused: without RSET the next MAIL would be nested in it. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  /** Runs one transaction. Never throws; how it went is in the exchange. */
  async send(envelope: Envelope, content: Content): Promise<Exchange> {
    const log = new ExchangeLog(this.#protocol, envelope.recipients.length);
    this.#transactions++;
    const source = openSource(content, {
      mayStart: () => this.#mayStart(log),
      waits: (side) => this.#waitForChunk(side),
      last: () => this.#holdForDot(),
      ended: () => this.#dotGoesOut(log),
    });
    const message = { from: envelope.from, to: [...envelope.recipients], size: content.size, use8BitMime: content.eightBit !== false };
    const ending = await this.#run(log, this.#options.commandTimeoutMs, "answer to MAIL", (done) =>
      this.#connection.send(message, source, done),
    );
    source.destroy();
    const exchange = log.close(ending);
    this.#needsReset = !exchange.answers.some((answer) => answer.code < 400);
    return exchange;
  }

  /** Told of each command that goes out. */
  said(): void {
    this.#unanswered++;
  }

  /** RSET: ends what is left of a transaction, and shows whether the session is alive (RFC 5321 §4.1.1.5). */
  async reset(timeoutMs: number = this.#options.commandTimeoutMs): Promise<boolean> {
    const ending = await this.#run(null, timeoutMs, "answer to RSET", (done) => this.#connection.reset(done));
    this.#needsReset = false;
    return ending.kind === "complete";
  }

  /** QUIT, and the end of the connection whatever the server says. */
  async quit(): Promise<void> {
    if (this.dead) return this.close();
    await this.#run(null, this.#options.quitTimeoutMs, "answer to QUIT", () => this.#connection.quit());
  }

  /** Ends the connection at once. */
  close(): void {
    this.#die({ kind: "lost", detail: "closed by us" });
  }

  /** Does one thing at a time: nodemailer hangs on two sends at once. */
  async #run(
    log: ExchangeLog | null,
    timeoutMs: number,
    awaited: string,
    begin: (done: (error: Error | null) => void) => void,
  ): Promise<Ending> {
    if (this.#work) throw new TypeError("Cannot use a session as it is in use: current value is busy");
    if (this.#death) return this.#death;
    const ending = await new Promise<Ending>((settle) => {
      this.#work = { log, settle };
      this.#unanswered = 0;
      this.#deadline.arm(timeoutMs, awaited);
      begin((error) => this.#finish(error, log !== null));
    });
    this.#work = null;
    this.#deadline.disarm();
    return this.#death ?? ending;
  }

  /** nodemailer's word that it is done. Refusals leave the session usable; anything else does not. */
  #finish(error: (Error & { code?: string }) | null, isTransaction: boolean): void {
    const refused = isTransaction && (error?.code === "EENVELOPE" || error?.code === "EMESSAGE");
    // After a failed source the session is still inside DATA: its next command would be read as part of the mail.
    if (error?.code === "ESTREAM") this.#die({ kind: "source", detail: error.message });
    else if (error && !refused) this.#die({ kind: "lost", detail: error.message });
    else this.#work?.settle(complete);
  }

  /** Sticky: the first ending stays, and the connection with it is closed. */
  #die(ending: Ending): void {
    if (this.#death) return;
    this.#death = ending;
    this.#deadline.disarm();
    this.#connection.close();
    // nodemailer: close() calls back no send in flight.
    this.#work?.settle(ending);
  }

  #miss(detail: string): void {
    this.#die(this.#waitsForStore ? { kind: "source", detail: `the mail stalled: ${detail}` } : { kind: "silent", detail });
  }

  #hear(chunk: Buffer): void {
    for (const reply of this.#reader.read(chunk)) {
      if (this.#death) return;
      const ending = this.#work ? this.#answered(this.#work, reply) : unasked(reply);
      if (ending) this.#die(ending);
    }
  }

  #answered(work: Work, reply: Reply): Ending | null {
    const phase = work.log?.phase ?? "alone";
    // What comes before its command would be taken for the answer to it.
    if (answersCommand[phase] && --this.#unanswered < 0) return unasked(reply);
    if (work.log === null) return reply.code === 0 || reply.code === 421 ? unasked(reply) : null;
    const ending = work.log.hear(reply);
    this.#waitFor(work.log);
    if (this.#options.onPhase) tellAnswer(this.#options.onPhase, phase);
    return ending;
  }

  #watchPhases(tell: (phase: SessionPhase) => void): void {
    const socket = this.#connection._socket;
    if (!socket) return;
    // nodemailer pipes each mail into the socket: the end of that stream is its final dot.
    socket.on("pipe", (mail: Readable) => mail.once("end", () => this.#tellDot(socket, tell)));
    tell("connect");
  }

  /** Once the socket holds nothing back, and only where the answer was not quicker. */
  #tellDot(socket: Socket, tell: (phase: SessionPhase) => void): void {
    if (this.#death || this.#work?.log?.phase !== "dot") return;
    if (socket.writableLength === 0) tell("dot-sent");
    else setImmediate(() => this.#tellDot(socket, tell));
  }

  /** Each answer that is due has a deadline of its own (RFC 5321 §4.5.3.2). */
  #waitFor(log: ExchangeLog): void {
    const { commandTimeoutMs, dataTimeoutMs, dotTimeoutMs } = this.#options;
    const phase = log.phase;
    if (phase === "mail" || phase === "rcpt") this.#deadline.arm(commandTimeoutMs, "answer to RCPT");
    else if (phase === "data" || phase === "nobody") this.#deadline.arm(dataTimeoutMs, "answer to DATA");
    else if (phase === "dot") this.#deadline.arm(dotTimeoutMs, "answer to the final dot");
    else if (phase === "body") this.#waitForChunk("server");
  }

  #waitForChunk(side: "store" | "server"): void {
    if (this.#death) return;
    this.#waitsForStore = side === "store";
    this.#deadline.arm(this.#options.chunkTimeoutMs, side === "store" ? "octets of the mail from its store" : "room for more of the mail");
  }

  /** Whether the server asked for the mail by the answers that we heard; nodemailer may have counted others. */
  #mayStart(log: ExchangeLog): boolean {
    if (log.phase === "body") return true;
    this.#die({ kind: "confused", detail: "the answers do not fit the commands" });
    return false;
  }

  /** nodemailer writes the final dot apart; where it follows at once it shall leave in one packet with the last chunk. */
  #holdForDot(): void {
    const socket = this.#connection._socket;
    if (!socket) return;
    socket.cork();
    setImmediate(() => socket.uncork());
  }

  #dotGoesOut(log: ExchangeLog): void {
    if (this.#death) return;
    log.dot();
    this.#waitFor(log);
  }
}

/** An answer was read in that phase. */
function tellAnswer(tell: (phase: SessionPhase) => void, phase: Phase | "alone"): void {
  if (phase === "mail" || phase === "rcpt" || phase === "data") tell(phase);
  if (phase === "dot") tell("answer-read");
}

/** What a server says without being asked: a goodbye, or something that would be taken for the next answer. */
function unasked(reply: Reply): Ending {
  if (reply.code === 421) return { kind: "closing", reply, detail: reply.line };
  return { kind: "confused", detail: `an answer that nobody asked for: ${reply.line}` };
}
