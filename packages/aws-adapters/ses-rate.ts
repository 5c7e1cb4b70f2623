// SES rate: limits the sending rate of this process by a token bucket; each recipient takes one token. SES throttles
// faster sends (SES Developer Guide, "Managing your Amazon SES sending
// limits"). The rate is configured, or read from the account at the first mail and then once an hour.

import type { Stop } from "@sesame/core";
import type { SendTimers } from "./timers.ts";

const sliceMs = 250;

/** Timers whose sleep ends early at a stop, which is checked four times a second. */
export function untilStopped(timers: SendTimers, stop: Stop): SendTimers {
  const sleep = async (ms: number) => {
    const until = timers.now() + ms;
    for (let left = ms; left > 0 && !stop.stopped; left = until - timers.now()) await timers.sleep(Math.min(left, sliceMs));
  };
  return { now: () => timers.now(), sleep };
}

export type SendRateOptions = Readonly<{
  /** Recipients per second, if configured. */
  perSecond?: number;
  /** Reads the rate of the account. If it throws, the last rate stays. */
  readRate(): Promise<number>;
  timers: SendTimers;
  /** Longest wait in milliseconds; a longer one is refused. Default 10 s, so that a worker can stop in time. */
  longestWaitMs?: number;
}>;

/** Used until the rate of the account is read. Accounts outside of the sandbox have a higher rate. */
const defaultRate = 10;
const [goodForMs, retryAfterMs] = [3_600_000, 300_000];

export class SendRate {
  readonly #options: Required<Omit<SendRateOptions, "perSecond">>;
  readonly #isConfigured: boolean;
  #perSecond: number;
  #tokens: number | null = null;
  #filledAt = 0;
  #askAgainAt = 0;
  #asking: Promise<void> | null = null;

  constructor({ perSecond, ...options }: SendRateOptions) {
    this.#options = { longestWaitMs: 10_000, ...options };
    this.#isConfigured = perSecond !== undefined;
    this.#perSecond = perSecond ?? defaultRate;
  }

  /** Waits until one recipient may be sent. False: the wait would be too long, and no token was taken. */
  async take(): Promise<boolean> {
    await this.#refreshRate();
    const tokens = this.#fill();
    const waitMs = Math.max(0, ((1 - tokens) / this.#perSecond) * 1000);
    if (waitMs > this.#options.longestWaitMs) return false;
    this.#tokens = tokens - 1; // may be negative: later callers wait longer
    if (waitMs > 0) await this.#options.timers.sleep(waitMs);
    return true;
  }

  /** SES throttles all workers together: drops the saved tokens. */
  drain(): void {
    this.#tokens = Math.min(this.#fill(), 0);
  }

  /** Adds tokens up to one second of the rate. The bucket is full at the start. */
  #fill(): number {
    const now = this.#options.timers.now();
    const most = Math.max(1, this.#perSecond);
    const before = this.#tokens ?? most;
    const filled = Math.min(most, before + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    this.#tokens = filled;
    return filled;
  }

  /** The first mail waits for the rate; later ones use the old rate meanwhile. */
  async #refreshRate(): Promise<void> {
    const { timers } = this.#options;
    if (this.#isConfigured || timers.now() < this.#askAgainAt) return;
    const isFirst = this.#askAgainAt === 0;
    this.#asking ??= this.#readAccountRate().finally(() => {
      this.#asking = null;
    });
    if (isFirst) await this.#asking;
  }

  async #readAccountRate(): Promise<void> {
    const { timers, readRate } = this.#options;
    let goodMs = retryAfterMs;
    try {
      const rate = await readRate();
      if (rate > 0) {
        this.#fill(); // adds the tokens at the old rate
        this.#perSecond = rate;
        goodMs = goodForMs;
      }
    } catch {
      // The permission may be missing: the rate stays, and SES throttles if it is too high.
    }
    this.#askAgainAt = timers.now() + goodMs;
  }
}
