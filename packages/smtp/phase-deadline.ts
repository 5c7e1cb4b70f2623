// Phase deadline: what a session waits for in each phase of a transaction, and how long. Each reply has its own deadline (RFC 5321
// §4.5.3.2), and so has each slice of the mail. When one is missed, it tells the session whose fault it was.

import type { Ending, ExchangeLog } from "./exchange.ts";
import type { SmtpOptions } from "./options.ts";
import { Deadline, type Timers } from "./timers.ts";

/** The deadlines of one session. */
export class PhaseDeadline {
  readonly #options: SmtpOptions;
  readonly #deadline: Deadline;
  #waitsForStore = false;

  /** `missed` gets how the session ends. */
  constructor(options: SmtpOptions, timers: Timers, missed: (ending: Ending) => void) {
    this.#options = options;
    this.#deadline = new Deadline(timers, (detail) =>
      missed(this.#waitsForStore ? { kind: "source", detail: `the mail stalled: ${detail}` } : { kind: "timeout", detail }),
    );
  }

  /** Waits for one answer outside of the phases below. */
  arm(ms: number, expected: string): void {
    this.#waitsForStore = false;
    this.#deadline.arm(ms, expected);
  }

  /** Waits for what a transaction needs next. */
  armFor({ phase }: Pick<ExchangeLog, "phase">): void {
    const { commandTimeoutMs, dataTimeoutMs, dotTimeoutMs } = this.#options;
    if (phase === "mail" || phase === "rcpt") this.arm(commandTimeoutMs, "answer to RCPT");
    else if (phase === "data" || phase === "empty-mail") this.arm(dataTimeoutMs, "answer to DATA");
    else if (phase === "dot") this.arm(dotTimeoutMs, "answer to the final dot");
    else if (phase === "body") this.armForSlice("server");
  }

  /** Waits for the store to give the next octets of the mail, or for the server to take them. */
  armForSlice(side: "store" | "server"): void {
    this.arm(this.#options.chunkTimeoutMs, side === "store" ? "octets of the mail from its store" : "progress in sending the mail");
    this.#waitsForStore = side === "store";
  }

  /** Nothing is awaited until the next operation. */
  pause(): void {
    this.#deadline.pause();
  }

  /** The session is over. */
  disarm(): void {
    this.#deadline.disarm();
  }
}
