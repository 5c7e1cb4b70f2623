// Exchange: the record of one transaction, from MAIL to the answers after the final dot. It pairs replies with commands by
// their order (RFC 5321 §3.3, RFC 2920 §3.1, RFC 2033 §4.2) and notices a server that answers what nobody asked.
// It judges nothing: trouble.ts makes verdicts of it.

import type { Reply } from "./reply.ts";

/** Why a session or a transaction went no further. */
export type Ending =
  | { readonly kind: "complete" }
  /** The server said 421, whatever it answered with that (RFC 5321 §3.8). */
  | { readonly kind: "closing"; readonly reply: Reply; readonly detail: string }
  | { readonly kind: "lost"; readonly detail: string }
  /** A deadline passed. */
  | { readonly kind: "silent"; readonly detail: string }
  /** An answer that cannot be understood, or that nobody asked for. */
  | { readonly kind: "confused"; readonly detail: string }
  /** The mail could not be read to its end; the server is not to blame. */
  | { readonly kind: "source"; readonly detail: string };

/** What is due next from the server. "body": nothing, the mail is on its way. "nobody": the answer to an empty mail. */
export type Phase = "mail" | "rcpt" | "data" | "body" | "nobody" | "dot" | "over";

export type Exchange = Readonly<{
  protocol: "smtp" | "lmtp";
  recipientCount: number;
  mail: Reply | null;
  /** In the order of the recipients; shorter where answers are missing. */
  rcpt: readonly Reply[];
  data: Reply | null;
  /** After the final dot: one for SMTP, one for each accepted recipient for LMTP. */
  answers: readonly Reply[];
  /** From here on the server may have the mail (RFC 1047). */
  dotSent: boolean;
  ending: Ending;
}>;

export function isPositive(reply: Reply | null | undefined): boolean {
  return reply !== null && reply !== undefined && reply.code >= 200 && reply.code < 300;
}

/** Hears a transaction. One for each, from its start to its end. */
export class ExchangeLog {
  readonly #protocol: "smtp" | "lmtp";
  readonly #recipientCount: number;
  readonly #rcpt: Reply[] = [];
  readonly #answers: Reply[] = [];
  #mail: Reply | null = null;
  #data: Reply | null = null;
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
    if (this.#accepted() === 0) return "nobody";
    return this.#dotSent ? "dot" : "body";
  }

  /** Files a reply under the command that it answers. Returns why the session must end, or `null`. */
  hear(reply: Reply): Ending | null {
    if (reply.code === 0) return { kind: "confused", detail: `not a reply: ${reply.line}` };
    const misfit = this.#file(reply, this.phase);
    return reply.code === 421 ? { kind: "closing", reply, detail: reply.line } : misfit;
  }

  /** The mail is read to its end, and the final dot follows. */
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

  #accepted(): number {
    return this.#rcpt.filter(isPositive).length;
  }

  #answersDue(): number {
    if (this.#data?.code !== 354) return 0;
    const accepted = this.#accepted();
    if (accepted > 0) return this.#protocol === "smtp" ? 1 : accepted;
    // A server that takes DATA for nobody gets an empty mail, and answers it (RFC 2920 §3.1).
    return this.#protocol === "smtp" ? 1 : 0;
  }

  #file(reply: Reply, phase: Phase): Ending | null {
    switch (phase) {
      case "mail":
        this.#mail = reply;
        return is3yz(reply) ? confused("misplaced answer to MAIL", reply) : null;
      case "rcpt":
        this.#rcpt.push(reply);
        return is3yz(reply) ? confused("misplaced answer to RCPT", reply) : null;
      case "data":
        return this.#fileData(reply);
      case "body":
        return this.#fileEarly(reply);
      case "nobody":
        this.#answers.push(reply);
        return null;
      case "dot":
        this.#answers.push(reply);
        return is3yz(reply) ? confused("misplaced answer after the final dot", reply) : null;
      case "over":
        return confused("one answer too many", reply);
      default:
        return phase satisfies never;
    }
  }

  /** 354 and nothing else lets the mail go: after a 250 its lines would be commands (RFC 5321 §4.3.2). */
  #fileData(reply: Reply): Ending | null {
    this.#data = reply;
    if (reply.code !== 354) return reply.code < 400 ? confused("misplaced answer to DATA", reply) : null;
    // An LMTP server must refuse this (RFC 2033 §4.2), and would answer an empty mail with nothing at all.
    return this.#accepted() === 0 && this.#protocol === "lmtp" ? { kind: "lost", detail: "left as DATA was taken for nobody" } : null;
  }

  /** An answer before the final dot. A refusal is believed where it is for all; nothing good can be meant by a 250. */
  #fileEarly(reply: Reply): Ending {
    if (this.#protocol === "smtp" && reply.code >= 400) this.#answers.push(reply);
    return confused("answer before the final dot", reply);
  }
}

function confused(misfit: string, reply: Reply): Ending {
  return { kind: "confused", detail: `${misfit}: ${reply.line}` };
}

function is3yz(reply: Reply): boolean {
  return reply.code >= 300 && reply.code < 400;
}
