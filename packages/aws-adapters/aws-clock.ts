// AWS clock: the time of AWS, so that the leases of several workers are comparable even if their system clocks differ. The
// local time is monotonic (setting the system clock changes no lease) and is corrected by the `Date` field of answers
// (RFC 9110 §6.6.1). That field has a resolution of one second, so a difference of less than two seconds is ignored.

import { performance } from "node:perf_hooks";
import type { Clock, EpochMs } from "@sesame/core";
import type { Middleware, SdkClient } from "./middleware.ts";

/** The local clocks. Tests use fake ones. */
export type LocalTime = Readonly<{
  /** System clock, in milliseconds since 1970. */
  wall(): number;
  /** Monotonic clock, in milliseconds. */
  monotonic(): number;
}>;

const realTime: LocalTime = { wall: () => Date.now(), monotonic: () => performance.now() };
const toleranceMs = 2000;
const resolutionMs = 1000; // of the Date field

/** Local time, corrected by AWS. One object for all clients of a process. */
export class AwsClock implements Clock {
  readonly #time: LocalTime;
  /** Added to the monotonic clock it gives the local time, in milliseconds since 1970. */
  readonly #base: number;
  #offset = 0;
  #heard = false;

  constructor(time: LocalTime = realTime) {
    this.#time = time;
    this.#base = time.wall() - time.monotonic();
  }

  now(): EpochMs {
    return Math.round(this.#local() + this.#offset) as EpochMs;
  }

  /** Time of AWS minus system time, in milliseconds; 0 if they differ by less than two seconds, `null` before any answer. */
  get skewMs(): number | null {
    if (!this.#heard) return null;
    const skew = Math.round(this.now() - this.#time.wall());
    return Math.abs(skew) < toleranceMs ? 0 : skew;
  }

  /** Reads the time from every answer to this client, including errors. */
  observe<C extends SdkClient>(client: C): C {
    const middleware: Middleware = (next) => async (args) => {
      const began = this.#time.monotonic();
      const result = await next(args);
      this.hear(dateOf(result), this.#time.monotonic() - began);
      return result;
    };
    client.middlewareStack.add(middleware, { step: "deserialize", priority: "low", name: "sesameClock", override: true });
    return client;
  }

  /**
   * Takes the `Date` field of an answer that has just arrived, `tookMs` milliseconds after the request. AWS wrote it at some
   * time between the two, so the offset changes only if it lies outside of that interval.
   */
  hear(date: string | undefined, tookMs: number): void {
    const at = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(at)) return;
    this.#heard = true;
    const [low, high] = [at - this.#local(), at + resolutionMs - (this.#local() - tookMs)];
    if (this.#offset > low - toleranceMs && this.#offset < high + toleranceMs) return;
    const offset = this.#offset < low ? low : high;
    this.#offset = Math.abs(offset) < toleranceMs ? 0 : offset;
  }

  /** Takes the `Date` field from an error of the SDK. */
  hearError(error: unknown, tookMs: number): void {
    this.hear(dateOf(error), tookMs);
  }

  #local(): number {
    return this.#time.monotonic() + this.#base;
  }
}

/** The `Date` field of an SDK answer. An answer from a cache (RFC 9111 §5.1) has no current time. */
function dateOf(result: unknown): string | undefined {
  const { response, $response = response } = (result ?? {}) as Readonly<{ response?: unknown; $response?: unknown }>;
  const { headers = {} } = ($response ?? {}) as Readonly<{ headers?: Readonly<Record<string, string>> }>;
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return fields.has("age") ? undefined : fields.get("date");
}
