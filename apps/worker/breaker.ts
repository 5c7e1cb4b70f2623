// Breaker: the circuit of the ledger, of SES or of a bucket. It opens when the calls for several mails failed because the
// dependency was away, pauses, probes the dependency if that is possible without a mail, and then lets one mail try. One mail
// alone never opens it, and neither does a refusal, which is an answer. Who waits for it is for circuits.ts and the poller.

import type { Timers } from "./timers.ts";

/** "half-open": the pause is over, and one mail may try. */
export type BreakerState = "closed" | "open" | "half-open";

/** What a call showed: the dependency answered (also with a refusal), or it did not. */
export type Sign = "answered" | "away";

export type BreakerOptions = Readonly<{
  timers: Timers;
  /** Called when it opens and when it closes, for the log. Not when it is half open. */
  changed(state: "open" | "closed", detail: string): void;
  /** Asks the dependency when the pause is over, so that no mail is received to find out. Without it a mail tries at once. */
  probe?(): Promise<Sign>;
  firstPauseMs?: number;
  longestPauseMs?: number;
}>;

const opensAt = 3; // mails
const forgetMs = 600_000; // a failure that is older says nothing
const trialMs = 60_000; // a trial without a sign for so long makes room for another one

export class Breaker {
  readonly #options: BreakerOptions & Required<Pick<BreakerOptions, "firstPauseMs" | "longestPauseMs">>;
  /** The mails whose calls failed last, with the instant. A success takes the oldest out, so failures must outnumber successes. */
  readonly #failed = new Map<string, number>();
  #state: BreakerState = "closed";
  #pauseMs = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};
  #ended = false;

  constructor(options: BreakerOptions) {
    this.#options = { firstPauseMs: 5_000, longestPauseMs: 60_000, ...options };
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Nothing counts against it, so it need not be kept. */
  get isUnmarked(): boolean {
    return this.#state === "closed" && this.#failed.size === 0;
  }

  /** Whether a mail may make a call now. While it is half open, one may; ask only to make the call. */
  admit(): boolean {
    if (!this.couldAdmit()) return false;
    if (this.#state === "half-open") this.#triedAt = this.#options.timers.now();
    return true;
  }

  /** Whether `admit` would say yes. */
  couldAdmit(): boolean {
    if (this.#state !== "half-open") return this.#state === "closed";
    return this.#options.timers.now() - this.#triedAt >= trialMs;
  }

  /** Tells what a call for a mail showed. */
  note(mail: string, sign: Sign, detail: string = ""): void {
    if (this.#ended || this.#state === "open") return; // calls that began before it opened
    if (sign === "answered") this.#answered(mail);
    else this.#away(mail, detail);
  }

  /** It stays as it is, and no timer is left. */
  end(): void {
    this.#ended = true;
    this.#cancel();
  }

  #answered(mail: string): void {
    const [oldest] = this.#failed.keys();
    this.#failed.delete(mail);
    if (oldest !== undefined) this.#failed.delete(oldest);
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#failed.clear();
    this.#pauseMs = 0;
    this.#options.changed("closed", "it answers again");
  }

  #away(mail: string, detail: string): void {
    const now = this.#options.timers.now();
    for (const [each, at] of this.#failed) if (now - at > forgetMs) this.#failed.delete(each);
    this.#failed.set(mail, now);
    if (this.#state === "closed" && this.#failed.size < opensAt) return;
    const wasClosed = this.#state === "closed";
    this.#state = "open";
    this.#failed.clear();
    this.#pause(wasClosed ? this.#options.firstPauseMs : this.#pauseMs * 2);
    if (wasClosed) this.#options.changed("open", detail);
  }

  #pause(ms: number): void {
    this.#pauseMs = Math.min(ms, this.#options.longestPauseMs);
    this.#cancel = this.#options.timers.after(this.#pauseMs, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const { probe } = this.#options;
    const sign = probe === undefined ? "answered" : await probe();
    if (this.#ended) return;
    if (sign === "away") return this.#pause(this.#pauseMs * 2);
    this.#state = "half-open";
    this.#triedAt = Number.NEGATIVE_INFINITY;
  }
}
