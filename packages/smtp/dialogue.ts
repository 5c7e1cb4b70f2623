// Dialogue: what the client sends next in one transaction, by the replies that it has. It groups commands where the server
// offers PIPELINING (RFC 2920 §3.1), and never asks for the mail before the server has answered 354.
// It knows no socket and no time; session.ts does.

import type { Content } from "@sesame/core";
import type { Ending, ExchangeLog } from "./exchange.ts";
import { type Envelope, mailCommand, type Offers, rcptCommand } from "./smtp-commands.ts";

/** What follows, when every command that was sent has its reply. */
export type Step =
  /** Send these octets. `commands`: how many replies they ask for. */
  | { readonly kind: "write"; readonly text: string; readonly commands: number }
  /** Send the mail. */
  | { readonly kind: "content" }
  /** Wait for further replies to the final dot. */
  | { readonly kind: "wait" }
  | { readonly kind: "over" }
  /** Close the session; `isPolite`: with QUIT. */
  | { readonly kind: "end"; readonly ending: Ending; readonly isPolite: boolean };

/** How a session asks for its recipients. */
export type Manner = Readonly<{
  protocol: "smtp" | "lmtp";
  offers: Offers;
  /** Refusals after which the recipients that are left go over another session. */
  maxRefusals: number;
  /** The server has refused something before, so it may do so again. */
  isCareful: boolean;
  /** Recipients that it accepted in a row for other mails: as many may be asked for at once. */
  trusted: number;
}>;

const growth = 4; // of a group, if nothing was refused in those before: 100 recipients take 3 groups
const largestGroup = 100; // a server that waits a second for each refusal answers in less than the deadline of a command

const over: Step = { kind: "over" };

/** The commands of one mail. */
export class Dialogue {
  readonly #envelope: Envelope;
  readonly #content: Content;
  readonly #manner: Manner;
  #named = 0;
  #group: number;

  constructor(envelope: Envelope, content: Content, manner: Manner) {
    this.#envelope = envelope;
    this.#content = content;
    this.#manner = manner;
    this.#group = Math.max(1, manner.maxRefusals, Math.min(manner.trusted, largestGroup));
  }

  /** The next step. To be called when no command is without a reply. */
  next(log: ExchangeLog): Step {
    if (log.isMailRefused) return this.#afterRefusedMail(log);
    switch (log.phase) {
      case "mail":
        return this.#commands(mailCommand(this.#envelope, this.#content, this.#manner.offers), log);
      case "rcpt":
        return this.#nextRecipients(log);
      case "data":
        return log.accepted === 0 ? over : { kind: "write", text: "DATA\r\n", commands: 1 };
      case "body":
        return { kind: "content" };
      case "empty-mail": // it goes to nobody; without it the server would read the next command as mail
        return { kind: "write", text: ".\r\n", commands: 0 };
      case "dot":
        return { kind: "wait" };
      case "over":
        return over;
      default:
        return log.phase satisfies never;
    }
  }

  /** A server that refused the sender and takes DATA has no transaction: not even an empty mail may follow. */
  #afterRefusedMail(log: ExchangeLog): Step {
    if (!log.waitsForMail) return over;
    return { kind: "end", ending: { kind: "lost", detail: "the server accepted DATA after it had refused MAIL" }, isPolite: false };
  }

  /** With many refusals the recipients that are left wait for a server that slows down: they go over a fresh session. */
  #nextRecipients(log: ExchangeLog): Step {
    const { protocol, maxRefusals } = this.#manner;
    if (protocol === "smtp" && log.refusedAhead >= maxRefusals) {
      const detail = `closed by this worker after ${maxRefusals} refusals`;
      return { kind: "end", ending: { kind: "retired", detail }, isPolite: true };
    }
    return this.#commands("", log);
  }

  /** MAIL, if it is not sent yet, and as many recipients as may follow it at once, with DATA behind the last of them. */
  #commands(mail: string, log: ExchangeLog): Step {
    const { recipients } = this.#envelope;
    const isPipelining = this.#manner.offers.pipelining;
    const upTo = Math.min(recipients.length, this.#named + (isPipelining ? this.#groupSize(log) : mail === "" ? 1 : 0));
    let text = mail;
    let commands = (mail === "" ? 0 : 1) + upTo - this.#named;
    for (; this.#named < upTo; this.#named++) text += rcptCommand(recipients[this.#named] as string);
    if (isPipelining && upTo === recipients.length) {
      text += "DATA\r\n";
      commands++;
    }
    return { kind: "write", text, commands };
  }

  /**
   * A server may hold back its replies to pipelined commands until the last one, and slow down for refusals meanwhile. So the
   * groups grow only while nothing is refused; afterwards no group can bring more refusals than a session may have.
   */
  #groupSize(log: ExchangeLog): number {
    const { protocol, maxRefusals, isCareful } = this.#manner;
    if (protocol === "lmtp") return Number.POSITIVE_INFINITY;
    if (isCareful || log.refused > 0) return Math.max(1, maxRefusals - log.refusedAhead);
    const size = this.#group;
    this.#group = Math.min(growth * size, largestGroup);
    return size;
  }
}
