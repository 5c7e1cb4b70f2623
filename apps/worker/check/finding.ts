// Finding: one result of `sesame check`: what was checked, its state, and how to fix it.

import { type TroubleKind, troubleOf } from "@sesame/aws-adapters/base";

export type Finding = Readonly<{
  /** "note": nothing is wrong, or nothing could be seen. */
  level: "ok" | "note" | "warning" | "error";
  /** What was checked: `queue example-com-queue`. */
  subject: string;
  text: string;
  /** How to fix it; `null` if nothing is wrong. */
  mend: string | null;
}>;

export function fine(subject: string, text: string): Finding {
  return { level: "ok", subject, text, mend: null };
}

export function note(subject: string, text: string, mend: string): Finding {
  return { level: "note", subject, text, mend };
}

/** Something that this user may not see. The worker does not need the permission. */
export function hidden(subject: string, what: string, permission: string): Finding {
  return note(subject, `may not see ${what}`, `to check it, allow ${permission}, or run sesame check as an administrator`);
}

export function warning(subject: string, text: string, mend: string): Finding {
  return { level: "warning", subject, text, mend };
}

export function failure(subject: string, text: string, mend: string): Finding {
  return { level: "error", subject, text, mend };
}

/** Runs a check that needs a permission which the worker does not have. If it is denied, the finding is a note. */
export function inspectIfAllowed(
  subject: string,
  what: string,
  permission: string,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  return inspect(subject, `allow ${permission}`, async () => {
    try {
      return await check();
    } catch (error) {
      if (troubleOf(error).kind === "denied") return [hidden(subject, what, permission)];
      throw error;
    }
  });
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
