// Circuit log: the log line of a circuit that opens or closes, in words that say what happens to mail meanwhile.

import type { Logger } from "pino";
import type { CircuitState } from "./circuit.ts";
import type { Dependency } from "./circuits.ts";
import { type LogAddresses, maskAddresses } from "./log.ts";

/** What a dependency is; a bucket is one of many. */
export type DependencyKind = "mail-server" | "ledger" | "ses" | "s3";

/** The kind of a dependency. */
export function kindOf(dependency: Dependency): DependencyKind {
  return dependency === "mail-server" || dependency === "ledger" || dependency === "ses" ? dependency : "s3";
}

const texts: Readonly<Record<DependencyKind, Readonly<Record<CircuitState, string>>>> = {
  "mail-server": {
    open: "the mail server is unreachable or refuses us: receiving stops until it answers",
    closed: "the mail server answers again: receiving continues",
  },
  ledger: {
    open: "the ledger does not answer: receiving stops until it answers",
    closed: "the ledger answers again: receiving continues",
  },
  ses: {
    open: "SES does not answer: mail is delivered, and forwards and replies through SES wait",
    closed: "SES answers again: forwards and replies continue",
  },
  s3: { open: "the bucket does not answer: its mail waits", closed: "the bucket answers again: its mail continues" },
};

/**
 * A change. `answer`: of the mail server or of AWS, which may contain an address. Of a circuit that closes also how long it was open, and
 * how many entries wait in the queues, as far as that is known.
 */
export type CircuitChange = Readonly<{
  dependency: Dependency;
  state: CircuitState;
  answer: string;
  closing?: Readonly<{ openSeconds: number; waiting: number }>;
}>;

/** Logs a change. */
export function logCircuit(logger: Logger, logAddresses: LogAddresses, { dependency, state, answer, closing }: CircuitChange): void {
  const detail = logAddresses === "masked" ? maskAddresses(answer) : answer;
  logger[state === "open" ? "error" : "info"](
    { event: "circuit", dependency, state, detail, ...closing },
    texts[kindOf(dependency)][state],
  );
}
