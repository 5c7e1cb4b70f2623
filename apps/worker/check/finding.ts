// Finding: one result of `sesame check`: what was checked, its state, and how to fix it.

import { type TroubleKind, troubleOf } from "@sesame/aws-adapters";

export type Finding = Readonly<{
  level: "ok" | "warning" | "error";
  /** What was checked: `queue example-com-queue`. */
  subject: string;
  text: string;
  /** How to fix it; `null` if nothing is wrong. */
  mend: string | null;
}>;

export function fine(subject: string, text: string): Finding {
  return { level: "ok", subject, text, mend: null };
}

export function warning(subject: string, text: string, mend: string): Finding {
  return { level: "warning", subject, text, mend };
}

export function failure(subject: string, text: string, mend: string): Finding {
  return { level: "error", subject, text, mend };
}

const unreached: ReadonlySet<TroubleKind> = new Set(["unreachable", "deadline", "garbled"]);

/** Runs a check. An error becomes a finding with `fix`, or with the network as its fix if AWS cannot be reached. */
export async function inspect(subject: string, fix: string, check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    const isUnreached = unreached.has(troubleOf(error).kind);
    const reach = "AWS cannot be reached: check the network, the proxy, AWS_REGION and AWS_ENDPOINT_URL";
    return [failure(subject, error instanceof Error ? error.message : String(error), isUnreached ? reach : fix)];
  }
}
