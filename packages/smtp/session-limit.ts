// Session limit: how many sessions one server may get now. It begins with few, grows while the server answers well, and is
// halved when the server refuses, or becomes slow: additive increase, multiplicative decrease (as in RFC 5681 §3.1).
// It opens and closes nothing; pool.ts does. load-sign.ts says what a transaction tells about the load.

import { AnswerTimes } from "./answer-times.ts";
import type { LoadSign } from "./load-sign.ts";
import type { SmtpOptions } from "./options.ts";
import type { Timers } from "./timers.ts";

const roundMs = 1_000; // at most one cut, and one session more, in this time
const aboveSafeMs = 30_000; // for one session more where the server had trouble before
const safeShare = 3 / 4; // of the sessions that were too many
const slowOpening = { floorMs: 1_000, factor: 4 } as const;

/** The limit of the sessions to one host and port. */
export class SessionLimit {
  readonly #least: number;
  readonly #most: number;
  readonly #timers: Pick<Timers, "now">;
  readonly #times: AnswerTimes;
  #current: number;
  /** True until the first trouble: the limit grows by half each time. */
  #isQuick = true;
  /** Sessions that were open at the last trouble. `null`: there was none, or more sessions have worked since. */
  #troubledAt: number | null = null;
  #grownAt = Number.NEGATIVE_INFINITY;
  /** Signs of load are not heard before: they come from the sessions that a cut has already taken away. */
  #heardFrom = Number.NEGATIVE_INFINITY;
  /** The last answer was doubtful. A second one in a row is due to the server, and not to its mail. */
  #isDoubted = false;
  #usualOpeningMs: number | null = null;

  constructor({ poolSize, minPoolSize }: Pick<SmtpOptions, "poolSize" | "minPoolSize">, timers: Pick<Timers, "now">) {
    this.#most = poolSize;
    this.#least = Math.min(minPoolSize, poolSize);
    this.#current = this.#least;
    this.#timers = timers;
    this.#times = new AnswerTimes(timers);
  }

  /** Sessions that may be open now. */
  get current(): number {
    return this.#current;
  }

  /**
   * Milliseconds after which a server that opens no session has no process left for it: the connection waits in the queue of
   * the server's kernel. Servers that always greet late, such as postscreen, get more. `null`: no session was opened yet.
   */
  get slowOpeningMs(): number | null {
    return this.#usualOpeningMs === null ? null : Math.max(slowOpening.floorMs, slowOpening.factor * this.#usualOpeningMs);
  }

  /** A session was opened in so many milliseconds. */
  opened(ms: number): void {
    this.#usualOpeningMs = this.#usualOpeningMs === null ? ms : this.#usualOpeningMs + (ms - this.#usualOpeningMs) / 8;
  }

  /** Takes what a transaction showed. `open`: sessions that are open. `isFull`: all are in use, and mails wait for one. */
  take(sign: LoadSign, open: number, isFull: boolean): void {
    switch (sign.kind) {
      case "none":
        break;
      case "good":
        this.#good(sign.answerMs, open, isFull);
        break;
      case "doubtful":
        if (this.#isDoubted) this.#cut(open, 1 / 2);
        this.#isDoubted = true;
        break;
      default:
        sign satisfies never;
    }
  }

  /** A mail has waited for a session for some time, although the server does not answer slowly. */
  waited(): void {
    if (!this.#times.areSlow) this.#grow();
  }

  /**
   * An opening took `slowOpeningMs` while so many sessions were open: they have taken all processes of the server. They work
   * well, so a quarter fewer is enough to leave some for other clients. With few sessions this worker is not the cause.
   */
  openedSlowly(open: number): void {
    if (open >= this.#least) this.#cut(open, safeShare);
  }

  /** The server refused a session while so many were open. */
  refused(open: number): void {
    this.#cut(open, 1 / 2);
  }

  /** No session is open, and none can be opened. The server that comes back gets few at first. */
  unreachable(): void {
    this.#current = this.#least;
    this.#isQuick = true;
    this.#heardFrom = this.#timers.now();
    this.#times.forgetLatest();
  }

  #good(answerMs: number | null, open: number, isFull: boolean): void {
    this.#isDoubted = false;
    const isHeard = this.#timers.now() >= this.#heardFrom;
    if (answerMs !== null && isHeard) this.#times.note(answerMs, this.#current === this.#least);
    if (this.#times.areSlowForLong) this.#cut(open, 1 / 2);
    else if (isFull && isHeard && !this.#times.areSlow) this.#grow();
  }

  #cut(open: number, share: number): void {
    if (this.#timers.now() < this.#heardFrom) return;
    this.#troubledAt = Math.max(this.#least, Math.min(this.#current, open));
    this.#current = Math.max(this.#least, Math.floor(this.#troubledAt * share));
    this.#isQuick = false;
    this.#grownAt = this.#timers.now();
    this.#heardFrom = this.#timers.now() + Math.max(roundMs, this.#times.usualMs ?? 0);
    this.#times.forgetLatest();
  }

  /** Sessions that the server has borne: three quarters of what was too much. */
  get #safe(): number {
    return this.#troubledAt === null ? this.#most : Math.max(this.#least, Math.floor(this.#troubledAt * safeShare));
  }

  #grow(): void {
    if (this.#current >= this.#most) return;
    if (this.#troubledAt !== null && this.#current > this.#troubledAt) this.#troubledAt = null; // the server bears more now
    const safe = this.#safe;
    const everyMs = this.#current >= safe ? aboveSafeMs : this.#isQuick ? 0 : roundMs;
    if (this.#timers.now() - this.#grownAt < everyMs) return;
    this.#grownAt = this.#timers.now();
    if (everyMs === 0) this.#current = Math.min(safe, this.#current + Math.max(1, Math.floor(this.#current / 2)));
    else this.#current = Math.min(this.#most, this.#current + this.#step);
  }

  /** Two where one would use the last process of the server: so it stays in that state for a moment only. */
  get #step(): number {
    return this.#current + 1 === this.#troubledAt ? 2 : 1;
  }
}
