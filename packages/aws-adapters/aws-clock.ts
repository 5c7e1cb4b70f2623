// AWS clock: the time that AWS has, so that the leases of several workers compare whatever their own clocks say. Local
// time runs on the monotonic clock (a step of the system's clock moves no lease) and is put right by the `Date` field of
// answers (RFC 9110 §6.6.1), which has a resolution of one second: less than two seconds of difference is none.

import { performance } from "node:perf_hooks";
import { type Clock, type EpochMs } from "@sesame/core";
import type { Middleware, SdkClient } from "./middleware.ts";

/** Where local time comes from; fake ones in tests. */
export type LocalTime = Readonly<{
  /** The system's clock, in milliseconds since 1970. */
  wall(): number;
  /** Milliseconds that only go forward. */
  monotonic(): number;
}>;

const realTime: LocalTime = { wall: () => Date.now(), monotonic: () => performance.now() };
const toleranceMs = 2000;
const resolutionMs = 1000; // of the Date field

/** Local time, put right by what AWS says. One for all clients of a process. */
export class AwsClock implements Clock {
  readonly #time: LocalTime;
  /** What makes the monotonic clock the local time. */
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

  /** AWS's time less the system's, in milliseconds; 0 where they agree within two seconds, `null` before any answer. */
  get skewMs(): number | null {
    if (!this.#heard) return null;
    const skew = Math.round(this.now() - this.#time.wall());
    return Math.abs(skew) < toleranceMs ? 0 : skew;
  }

  /** Makes every answer to this client, also each of an error, tell the time. */
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
   * Takes the `Date` field of an answer that came just now, `tookMs` after it was asked for. AWS wrote it some time in
   * between, so it contradicts our time only where it is outside of that.
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

  /** Takes the time from an error that an answer of AWS was turned into. */
  hearError(error: unknown, tookMs: number): void {
    this.hear(dateOf(error), tookMs);
  }

  #local(): number {
    return this.#time.monotonic() + this.#base;
  }
}

/** The `Date` field of an SDK answer. A stored answer (RFC 9111 §5.1) tells nothing of the time. */
function dateOf(result: unknown): string | undefined {
  const { response, $response = response } = (result ?? {}) as Readonly<{ response?: unknown; $response?: unknown }>;
  const { headers = {} } = ($response ?? {}) as Readonly<{ headers?: Readonly<Record<string, string>> }>;
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return fields.has("age") ? undefined : fields.get("date");
}
