// Exchange: the record of one transaction, from MAIL to the replies after the final dot. It assigns replies to commands by
// their order (RFC 5321 §3.3, RFC 2920 §3.1, RFC 2033 §4.2) and detects replies that belong to no command.
// It makes no verdicts; trouble.ts does.

import type { Reply } from "./smtp-reply.ts";

/** How a session or a transaction ended. */
export type Ending =
  | { readonly kind: "complete" }
  /** The server replied 421, to whatever command (RFC 5321 §3.8). */
  | { readonly kind: "closing"; readonly reply: Reply; readonly detail: string }
  | { readonly kind: "lost"; readonly detail: string }
  /** A deadline passed. */
  | { readonly kind: "timeout"; readonly detail: string }
  /** This worker closed the session, because the server had refused many recipients of the mail. */
  | { readonly kind: "retired"; readonly detail: string }
  /** A reply that cannot be parsed, or that belongs to no command. */
  | { readonly kind: "protocol-error"; readonly detail: string }
  /** The content of the mail could not be read to its end; the server is not the cause. */
  | { readonly kind: "source"; readonly detail: string };

/** What the server must send next. "body": nothing, the client is sending the mail. "empty-mail": the reply to an empty mail. */
export type Phase = "mail" | "rcpt" | "data" | "body" | "empty-mail" | "dot" | "over";

export type Exchange = Readonly<{
  protocol: "smtp" | "lmtp";
  recipientCount: number;
  mail: Reply | null;
  /** In the order of the recipients; shorter if replies are missing. */
  rcpt: readonly Reply[];
  data: Reply | null;
  /** After the final dot: one reply with SMTP, one for each accepted recipient with LMTP. */
  answers: readonly Reply[];
  /** True: the server may have the mail (RFC 1047). */
  dotSent: boolean;
  ending: Ending;
}>;

export function isPositive(reply: Reply | null | undefined): boolean {
  return reply !== null && reply !== undefined && reply.code >= 200 && reply.code < 300;
}

/** Whether the server said no; 421 does not count, because it ends the session and answers nobody (RFC 5321 §3.8). */
function isRefusal(reply: Reply | null | undefined): boolean {
  return reply !== null && reply !== undefined && reply.code >= 400 && reply.code !== 421;
}

/**
 * The places of the recipients without an answer, if the mail can go to them again over another session without a second
 * copy: the server ended the session, or broke it after refusals, before the final dot was sent.
 */
export function carriedBy(exchange: Exchange): readonly number[] {
  const { ending, dotSent, mail, rcpt, data, answers } = exchange;
  const isOver =
    ending.kind === "closing" || ending.kind === "retired" || (ending.kind === "lost" && data === null && rcpt.some(isRefusal));
  if (!isOver || dotSent || isRefusal(mail)) return [];
  const isAnswered = (index: number) => isRefusal(rcpt[index]) || (isPositive(rcpt[index]) && [data, ...answers].some(isRefusal));
  return Array.from({ length: exchange.recipientCount }, (_, index) => index).filter((index) => !isAnswered(index));
}

/** Whether a recipient got an answer: the server worked on this mail. */
export function hasAnswers({ mail, rcpt, data, answers }: Exchange): boolean {
  return answers.some((answer) => isPositive(answer) || isRefusal(answer)) || isRefusal(mail) || isRefusal(data) || rcpt.some(isRefusal);
}

/** Records one transaction. */
export class ExchangeLog {
  readonly #protocol: "smtp" | "lmtp";
  readonly #recipientCount: number;
  readonly #rcpt: Reply[] = [];
  readonly #answers: Reply[] = [];
  #mail: Reply | null = null;
  #data: Reply | null = null;
  #accepted = 0;
  #refusedForGood = 0;
  #dotSent = false;

  constructor(protocol: "smtp" | "lmtp", recipientCount: number) {
    this.#protocol = protocol;
    this.#recipientCount = recipientCount;
  }

  get phase(): Phase {
    if (this.#mail === null) return "mail";
    if (this.#rcpt.length < this.#recipientCount) return "rcpt";
    if (this.#data === null) return "data";
    if (this.#answers.length >= this.#answersDue()) return "over";
    if (this.#accepted === 0) return "empty-mail";
    return this.#dotSent ? "dot" : "body";
  }

  /** Assigns a reply to its command. Returns why the session must end, or `null`. */
  record(reply: Reply): Ending | null {
    if (reply.code === 0) return { kind: "protocol-error", detail: `invalid SMTP reply: ${reply.line}` };
    const violation = this.#assign(reply, this.phase);
    return reply.code === 421 ? { kind: "closing", reply, detail: reply.line } : violation;
  }

  /** Recipients that RCPT accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  get isMailRefused(): boolean {
    return this.#mail !== null && !isPositive(this.#mail);
  }

  /** Recipients that RCPT refused, for good or for now. */
  get refused(): number {
    return this.#rcpt.length - this.#accepted;
  }

  /** Whether the server answered DATA with 354. */
  get waitsForMail(): boolean {
    return this.#data?.code === 354;
  }

  /** Recipients that were refused for good while others of the same mail still wait for their answer. */
  get refusedAhead(): number {
    return isPositive(this.#mail) && this.phase === "rcpt" ? this.#refusedForGood : 0;
  }

  /** All content is read, and the final dot follows. */
  dot(): void {
    this.#dotSent = true;
  }

  close(ending: Ending): Exchange {
    return {
      protocol: this.#protocol,
      recipientCount: this.#recipientCount,
      mail: this.#mail,
      rcpt: this.#rcpt,
      data: this.#data,
      answers: this.#answers,
      dotSent: this.#dotSent,
      ending,
    };
  }

  #answersDue(): number {
    if (this.#data?.code !== 354) return 0;
    if (this.#accepted > 0) return this.#protocol === "smtp" ? 1 : this.#accepted;
    // An SMTP server that answers DATA with 354 although it accepted no recipient gets an empty mail and answers it (RFC 2920 §3.1).
    return this.#protocol === "smtp" ? 1 : 0;
  }

  #assign(reply: Reply, phase: Phase): Ending | null {
    switch (phase) {
      case "mail":
        this.#mail = reply;
        return is3yz(reply) ? protocolError("unexpected reply to MAIL", reply) : null;
      case "rcpt":
        this.#rcpt.push(reply);
        if (isPositive(reply)) this.#accepted++;
        if (reply.code >= 500) this.#refusedForGood++;
        return is3yz(reply) ? protocolError("unexpected reply to RCPT", reply) : null;
      case "data":
        return this.#assignData(reply);
      case "body":
        return this.#assignEarly(reply);
      case "empty-mail":
        this.#answers.push(reply);
        return null;
      case "dot":
        this.#answers.push(reply);
        return is3yz(reply) ? protocolError("unexpected reply after the final dot", reply) : null;
      case "over":
        return protocolError("unexpected reply after the end of the transaction", reply);
      default:
        return phase satisfies never;
    }
  }

  /** Only 354 starts the mail: after a 250 the server would read its lines as commands (RFC 5321 §4.3.2). */
  #assignData(reply: Reply): Ending | null {
    this.#data = reply;
    if (reply.code !== 354) return reply.code < 400 ? protocolError("unexpected reply to DATA", reply) : null;
    // An LMTP server must refuse DATA without an accepted recipient (RFC 2033 §4.2). It would send no reply to an empty mail.
    return this.#accepted === 0 && this.#protocol === "lmtp"
      ? { kind: "lost", detail: "connection closed: the server accepted DATA without an accepted recipient" }
      : null;
  }

  /** A reply before the final dot. A refusal with SMTP holds for all recipients; a positive reply here is an error of the server. */
  #assignEarly(reply: Reply): Ending {
    if (this.#protocol === "smtp" && reply.code >= 400) this.#answers.push(reply);
    return protocolError("unexpected reply before the final dot", reply);
  }
}

function protocolError(violation: string, reply: Reply): Ending {
  return { kind: "protocol-error", detail: `${violation}: ${reply.line}` };
}

function is3yz(reply: Reply): boolean {
  return reply.code >= 300 && reply.code < 400;
}
