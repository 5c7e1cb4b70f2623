// Finding: one line of the doctor: what was looked at, how it is, and the line that mends it.

import { type TroubleKind, troubleOf } from "@sesame/aws-adapters";

export type Finding = Readonly<{
  level: "ok" | "warning" | "error";
  /** What was looked at: `queue example-com-queue`. */
  subject: string;
  text: string;
  /** What to do; `null` where all is well. */
  mend: string | null;
}>;

export function fine(subject: string, text: string): Finding {
  return { level: "ok", subject, text, mend: null };
}

export function warning(subject: string, text: string, mend: string): Finding {
  return { level: "warning", subject, text, mend };
}

export function trouble(subject: string, text: string, mend: string): Finding {
  return { level: "error", subject, text, mend };
}

const unreached: ReadonlySet<TroubleKind> = new Set(["unreachable", "deadline", "garbled"]);

/** The findings of a look that may fail; the failure is a finding too. `mend`: where what was looked at is to blame. */
export async function looked(subject: string, mend: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    const isUnreached = unreached.has(troubleOf(error).kind);
    const reach = "let this machine reach AWS: network, proxy, AWS_REGION, AWS_ENDPOINT_URL";
    return [trouble(subject, error instanceof Error ? error.message : String(error), isUnreached ? reach : mend)];
  }
}
