// SES rate: how fast this process may send, as a bucket that fills with the rate and from which every recipient takes one.
// What SES throttles it drops, so it is better not to ask (SES Developer Guide, "Managing your Amazon SES sending
// limits"). The rate is the configured one, or what the account has, read when the first mail leaves and once an hour.

import { performance } from "node:perf_hooks";
import { type Stop } from "@sesame/core";
import { realSleep } from "./dynamo-table.ts";

/** Time as sending knows it; a fake one in tests. */
export type SendTimers = Readonly<{
  /** Milliseconds that only go forward. */
  now(): number;
  sleep(ms: number): Promise<void>;
}>;

export const wallTimers: SendTimers = { now: () => performance.now(), sleep: realSleep };

const sliceMs = 250;

/** The same timers, whose sleep a stop ends: it looks four times in a second. */
export function untilStopped(timers: SendTimers, stop: Stop): SendTimers {
  const sleep = async (ms: number) => {
    const until = timers.now() + ms;
    for (let left = ms; left > 0 && !stop.stopped; left = until - timers.now()) await timers.sleep(Math.min(left, sliceMs));
  };
  return { now: () => timers.now(), sleep };
}

export type SendRateOptions = Readonly<{
  /** Recipients in a second where that is configured. */
  perSecond?: number;
  /** Asks the account. May fail: then the last answer stays good. */
  readRate(): Promise<number>;
  timers: SendTimers;
  /** Who would have to wait longer is turned away. Default 10 s: a worker that shall end does not wait in vain. */
  longestWaitMs?: number;
}>;

/** Until the account was asked with success. New accounts outside of the sandbox have more. */
const unknownRate = 10;
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
    this.#perSecond = perSecond ?? unknownRate;
  }

  /** Waits for the turn of one recipient. False: it would take too long, and nothing was taken. */
  async take(): Promise<boolean> {
    await this.#learn();
    const tokens = this.#fill();
    const waitMs = Math.max(0, ((1 - tokens) / this.#perSecond) * 1000);
    if (waitMs > this.#options.longestWaitMs) return false;
    this.#tokens = tokens - 1; // below nothing: those who come later wait for it
    if (waitMs > 0) await this.#options.timers.sleep(waitMs);
    return true;
  }

  /** SES says that all workers together are too fast: nothing is saved up any more. */
  drain(): void {
    this.#tokens = Math.min(this.#fill(), 0);
  }

  /** A second's worth may be saved up; the bucket is full at first. */
  #fill(): number {
    const now = this.#options.timers.now();
    const most = Math.max(1, this.#perSecond);
    const before = this.#tokens ?? most;
    const filled = Math.min(most, before + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    this.#tokens = filled;
    return filled;
  }

  /** The first mail waits for the answer, later ones do not. */
  async #learn(): Promise<void> {
    const { timers } = this.#options;
    if (this.#isConfigured || timers.now() < this.#askAgainAt) return;
    const isFirst = this.#askAgainAt === 0;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    if (isFirst) await this.#asking;
  }

  async #ask(): Promise<void> {
    const { timers, readRate } = this.#options;
    let goodMs = retryAfterMs;
    try {
      const rate = await readRate();
      if (rate > 0) {
        this.#fill(); // what was saved up at the old rate
        this.#perSecond = rate;
        goodMs = goodForMs;
      }
    } catch {
      // The right to ask may be missing: the rate stays, and SES throttles where it must.
    }
    this.#askAgainAt = timers.now() + goodMs;
  }
}
