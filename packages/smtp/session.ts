// Session: one SMTP or LMTP session, from the end of EHLO and AUTH on. It owns the wire: it writes the commands that
// dialogue.ts chooses, reads the replies, sends the mail, and ends. Every wait has a deadline.
// A broken session stays broken (RFC 5321 §3.8, RFC 2033 §4).
// It makes no verdicts (trouble.ts does) and does not reconnect (pool.ts does).

import type { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import type { Content } from "@sesame/core";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { Caution } from "./caution.ts";
import { ContentTransfer, type TransferMeans, type TransferObserver } from "./content-transfer.ts";
import { Dialogue, type Manner, type Step } from "./dialogue.ts";
import { type Ending, type Exchange, ExchangeLog, hasAnswers, isPositive, type Phase } from "./exchange.ts";
import type { SessionPhase, SmtpOptions } from "./options.ts";
import { PhaseDeadline } from "./phase-deadline.ts";
import type { Envelope, Offers } from "./smtp-commands.ts";
import { type Reply, ReplyReader } from "./smtp-reply.ts";
import type { Timers } from "./timers.ts";
import type { Wire } from "./wire.ts";

/** What the server announced in its last reply to EHLO or LHLO. */
export type Capabilities = Readonly<{
  smtpUtf8: boolean;
  /** Largest mail that the server accepts, in octets; `null`: it announces no limit (RFC 1870 §4). */
  sizeLimit: number | null;
  /** Whether the session is encrypted. */
  secure: boolean;
}>;

/** A connection after the greeting, EHLO and AUTH. */
export type Greeted = Readonly<{
  /** Closes the connection, and tells how it ended. */
  connection: SMTPConnection;
  wire: Wire;
  protocol: "smtp" | "lmtp";
  capabilities: Capabilities;
  offers: Offers;
}>;

/** What all sessions to one server share. */
export type Shared = TransferMeans & Readonly<{ caution: Caution }>;

type Transaction = Readonly<{ log: ExchangeLog; dialogue: Dialogue; transfer: ContentTransfer }>;
/** `transaction` is `null` for RSET and QUIT. */
type Operation = { readonly transaction: Transaction | null; readonly settle: (ending: Ending) => void };

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
  readonly #wire: Wire;
  readonly #protocol: "smtp" | "lmtp";
  readonly #offers: Offers;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  readonly #deadline: PhaseDeadline;
  readonly #reader: ReplyReader;
  readonly #shared: Shared;
  #operation: Operation | null = null;
  #finalEnding: Ending | null = null;
  #transactions = 0;
  #refusals = 0;
  #hasWorked = false;
  #needsReset = false;
  #dotAt = 0;
  #answerMs: number | null = null;
  /** Commands of the current operation that are sent and not answered. */
  #unanswered = 0;
  readonly #observer: TransferObserver = {
    waitsFor: (side) => {
      if (this.#operation) this.#deadline.armForSlice(side);
    },
    ended: () => this.#sendDot(),
    sent: () => this.#options.onPhase && this.#reportDot(this.#options.onPhase),
    // The session is still in DATA: the server would read the next command as part of the mail.
    failed: (error) => this.#end({ kind: "source", detail: error.message }),
  };

  /** Takes over a connection. Nobody else may read from it or write to it afterwards. */
  constructor(greeted: Greeted, options: SmtpOptions, timers: Timers, shared: Shared) {
    this.#connection = greeted.connection;
    this.#wire = greeted.wire;
    this.#protocol = greeted.protocol;
    this.capabilities = greeted.capabilities;
    this.#offers = greeted.offers;
    this.#options = options;
    this.#shared = shared;
    this.#timers = timers;
    this.#deadline = new PhaseDeadline(options, timers, (ending) => this.#end(ending));
    this.#reader = new ReplyReader(options.maxReplySize);
    this.#connection.on("error", (error: Error) => this.#end({ kind: "lost", detail: error.message }));
    this.#connection.on("end", () => this.#end({ kind: "lost", detail: "Connection closed unexpectedly" }));
    this.#wire.listen((octets) => this.receive(octets));
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

  /** Milliseconds from the final dot of the last transaction to the first answer. `null`: there was none. */
  get answerMs(): number | null {
    return this.#answerMs;
  }

  /** True: the last transaction was refused, and without RSET the next MAIL would be nested in it. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  /** Runs one transaction. Never throws; the exchange says how it ended. */
  async send(envelope: Envelope, content: Content): Promise<Exchange> {
    const log = new ExchangeLog(this.#protocol, envelope.recipients.length);
    const manner = this.#mannerFor(envelope);
    this.#transactions++;
    this.#answerMs = null;
    const transaction = {
      log,
      dialogue: new Dialogue(envelope, content, manner),
      transfer: new ContentTransfer(content, this.#shared, this.#observer),
    };
    const ending = await this.#run(transaction, this.#options.commandTimeoutMs, "answer to MAIL", () => this.#advance());
    transaction.transfer.cancel();
    const exchange = log.close(ending);
    if (manner.trusted > 0) this.#shared.caution.giveBack();
    if (this.#protocol === "smtp") this.#shared.caution.answered(log.accepted, log.refused, this.#options.maxRefusals);
    this.#needsReset = !exchange.answers.some((answer) => answer.code < 400);
    this.#hasWorked ||= hasAnswers(exchange);
    return exchange;
  }

  /** Sends RSET: ends an open transaction and shows whether the session is alive (RFC 5321 §4.1.1.5). */
  async reset(timeoutMs: number = this.#options.commandTimeoutMs): Promise<boolean> {
    const ending = await this.#run(null, timeoutMs, "answer to RSET", () => this.#write("RSET\r\n", 1));
    this.#needsReset = false;
    return ending.kind === "complete";
  }

  /** Sends QUIT, and closes the connection whatever the server replies. */
  async quit(): Promise<void> {
    if (this.dead) return this.close();
    await this.#run(null, this.#options.quitTimeoutMs, "answer to QUIT", () => this.#write("QUIT\r\n", 1));
    this.close();
  }

  /** Closes the connection at once. */
  close(): void {
    this.#end({ kind: "lost", detail: "closed by this worker" });
  }

  /** Takes octets of the server. Replies that nobody asked for end the session. */
  receive(chunk: Buffer): void {
    const replies = this.#reader.read(chunk);
    for (const reply of replies) {
      if (this.#finalEnding) return;
      const ending = this.#operation ? this.#handleReply(this.#operation.transaction, reply) : unsolicited(reply);
      if (ending) this.#end(ending);
    }
    // Only now: the chunk may end with a reply that belongs to no command.
    if (replies.length > 0) this.#advance();
  }

  /** Runs one operation at a time. */
  #run(transaction: Transaction | null, timeoutMs: number, expected: string, begin: () => void): Promise<Ending> {
    if (this.#operation) throw new TypeError("Cannot use a session: another operation is running");
    if (this.#finalEnding) return Promise.resolve(this.#finalEnding);
    return new Promise((settle) => {
      this.#operation = { transaction, settle };
      this.#unanswered = 0;
      this.#deadline.arm(timeoutMs, expected);
      begin();
    });
  }

  /** Ends the operation, if there is one. */
  #settle(ending: Ending): void {
    const operation = this.#operation;
    this.#operation = null;
    this.#deadline.pause();
    operation?.settle(ending);
  }

  #mannerFor({ recipients, isCarriedOn }: Envelope): Manner {
    const { maxRefusals } = this.#options;
    const isCareful = this.#refusals > 0 || isCarriedOn === true || this.#shared.caution.isCareful;
    const isMany = this.#protocol === "smtp" && recipients.length > maxRefusals;
    const trusted = isMany && !isCareful ? this.#shared.caution.lend() : 0;
    return { protocol: this.#protocol, offers: this.#offers, maxRefusals, isCareful, trusted };
  }

  #write(text: string, commands: number): void {
    this.#unanswered += commands;
    this.#wire.write(text);
  }

  /** Goes on when every command has its reply. */
  #advance(): void {
    if (this.#finalEnding || !this.#operation) return;
    const { transaction } = this.#operation;
    if (transaction && transaction.log.phase !== "mail") this.#deadline.armFor(transaction.log);
    if (this.#unanswered > 0) return;
    if (transaction) this.#take(transaction.dialogue.next(transaction.log), transaction);
    else this.#settle(complete);
  }

  #take(step: Step, { transfer }: Transaction): void {
    switch (step.kind) {
      case "write":
        this.#write(step.text, step.commands);
        break;
      case "content":
        void transfer.send(this.#wire);
        break;
      case "wait":
        break;
      case "over":
        this.#settle(complete);
        break;
      case "end":
        if (step.isPolite) this.#wire.write("QUIT\r\n"); // no command is without a reply (RFC 5321 §4.1.1.10)
        this.#end(step.ending);
        break;
      default:
        step satisfies never;
    }
  }

  /** Closes the connection. The first ending stays. */
  #end(ending: Ending): void {
    if (this.#finalEnding) return;
    this.#finalEnding = ending;
    this.#deadline.disarm();
    this.#connection.close();
    this.#settle(ending);
  }

  #handleReply(transaction: Transaction | null, reply: Reply): Ending | null {
    const phase = transaction?.log.phase ?? "no-transaction";
    // A reply that came before its command would be taken for the reply to it.
    if (answersCommand[phase] && --this.#unanswered < 0) return unsolicited(reply);
    if (transaction === null) return isPositive(reply) ? null : notTaken(reply);
    if (reply.code >= 400) this.#refusals++;
    if (phase === "dot") this.#answerMs ??= this.#timers.now() - this.#dotAt;
    const ending = transaction.log.record(reply);
    if (this.#options.onPhase) reportReply(this.#options.onPhase, phase);
    return ending;
  }

  /** Reports the final dot when the wire has taken all data, unless the reply came first. */
  #reportDot(report: (phase: SessionPhase) => void): void {
    if (this.#finalEnding || this.#operation?.transaction?.log.phase !== "dot") return;
    if (this.#wire.isDrained) report("dot-sent");
    else setImmediate(() => this.#reportDot(report));
  }

  #sendDot(): void {
    const log = this.#operation?.transaction?.log;
    if (!log) return;
    log.dot();
    this.#dotAt = this.#timers.now();
    this.#deadline.armFor(log);
  }
}

/** Reports that the reply of this phase was read. */
function reportReply(report: (phase: SessionPhase) => void, phase: Phase | "no-transaction"): void {
  if (phase === "mail" || phase === "rcpt" || phase === "data") report(phase);
  if (phase === "dot") report("answer-read");
}

/** RSET or QUIT was not taken: after that nobody can tell whether a transaction is open. */
function notTaken(reply: Reply): Ending {
  if (reply.code === 0 || reply.code === 421) return unsolicited(reply);
  return { kind: "lost", detail: reply.line };
}

/** A reply without a command: a 421, or one that would be taken for the reply to the next command. */
function unsolicited(reply: Reply): Ending {
  if (reply.code === 421) return { kind: "closing", reply, detail: reply.line };
  return { kind: "protocol-error", detail: `reply without a command: ${reply.line}` };
}
