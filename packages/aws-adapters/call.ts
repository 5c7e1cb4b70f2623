// Call: one call to AWS under one total deadline, from the resolving of the name to the last octet of the answer. The SDK
// has no such deadline: its time-outs start anew with each octet, so an answer that drips would hold a call for ever.
// Whatever is thrown leaves as a PortError, in the words of trouble.ts.

import { performance } from "node:perf_hooks";
import { PortError } from "@sesame/core";
import type { AwsClock } from "./aws-clock.ts";
import { DeadlineError, type Trouble, troubleOf } from "./trouble.ts";

export type What = Readonly<{
  /** Which port, for metrics: `MailStore`. */
  port: string;
  /** Which of its methods. */
  operation: string;
  /** The queue, object or table that it is about, for the text. */
  about?: string;
  deadlineMs: number;
  clock: AwsClock;
}>;

type Named = Pick<What, "port" | "operation" | "about">;

/** Runs a call, and hands it the signal that ends it. After the deadline it rejects, also when `run` does not heed the signal. */
export async function call<T>(what: What, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { deadlineMs, clock } = what;
  const began = performance.now();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const late = new DeadlineError(deadlineMs);
      reject(late); // first: what the abort makes the SDK throw tells less
      controller.abort(late);
    }, deadlineMs);
  });
  try {
    // The race hears also a work that fails after the deadline, when nobody waits for it any more.
    return await Promise.race([begin(run, controller.signal), deadline]);
  } catch (error) {
    clock.hearError(error, performance.now() - began);
    throw asPortError(what, error);
  } finally {
    clearTimeout(timer);
  }
}

/** An error under a port's name; one that has a name already keeps it. */
export function asPortError(what: Named, error: unknown): PortError {
  if (error instanceof PortError) return error;
  return portErrorOf(what, troubleOf(error), error);
}

/** Trouble that was sorted already, as what a port throws. */
export function portErrorOf({ port, operation, about }: Named, trouble: Trouble, cause?: unknown): PortError {
  const verb = operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return new PortError(port, operation, `Cannot ${verb}${about === undefined ? "" : ` (${about})`} as ${trouble.text}`, cause);
}

/** Also what `run` throws before its first wait becomes a rejection. */
async function begin<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return run(signal);
}
