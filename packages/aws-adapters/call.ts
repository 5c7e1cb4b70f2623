// Call: one call to AWS with one deadline, from the DNS query to the last octet of the answer. The SDK has no such deadline:
// its time-outs start again with each octet, so an answer that comes octet by octet would never end.
// Every error becomes a `PortError` with a text of trouble.ts.

import { performance } from "node:perf_hooks";
import { PortError } from "@sesame/core";
import type { AwsClock } from "./aws-clock.ts";
import { withDeadline } from "./timers.ts";
import { type Trouble, troubleOf } from "./trouble.ts";

export type CallOptions = Readonly<{
  /** Name of the port, for metrics: `MailStore`. */
  port: string;
  /** Name of its method. */
  operation: string;
  /** The queue, object or table, for the error text. */
  about?: string;
  deadlineMs: number;
  clock: AwsClock;
}>;

type CallName = Pick<CallOptions, "port" | "operation" | "about">;

/** Runs a call with an abort signal. Rejects with `PortError` at the deadline, even if `run` ignores the signal. */
export async function call<T>(what: CallOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { deadlineMs, clock } = what;
  const began = performance.now();
  const controller = new AbortController();
  try {
    return await withDeadline(begin(run, controller.signal), deadlineMs, (error) => controller.abort(error));
  } catch (error) {
    clock.hearError(error, performance.now() - began);
    throw asPortError(what, error);
  }
}

/** Turns an error into a `PortError`. A `PortError` is returned unchanged. */
export function asPortError(what: CallName, error: unknown): PortError {
  if (error instanceof PortError) return error;
  return portErrorOf(what, troubleOf(error), error);
}

/** Turns a classified error into a `PortError`. */
export function portErrorOf({ port, operation, about }: CallName, trouble: Trouble, cause?: unknown): PortError {
  const verb = operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return new PortError(port, operation, `Cannot ${verb}${about === undefined ? "" : ` (${about})`}: ${trouble.text}`, cause);
}

/** Turns an error that `run` throws synchronously into a rejection. */
async function begin<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return run(signal);
}
