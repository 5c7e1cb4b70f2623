// Seen: what `sesame check` was shown, or which permission it needs to be shown it. The worker's own permissions do not include most
// of them.

import { troubleOf } from "./trouble.ts";

/** A value, or the permission that is missing: `s3:GetBucketPolicy`. */
export type Seen<T> = Readonly<{ isSeen: true; value: T }> | Readonly<{ isSeen: false; permission: string }>;

/** Runs a call. If access is denied, the result names the permission. Other errors are thrown. */
export async function see<T>(permission: string, run: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { isSeen: true, value: await run() };
  } catch (error) {
    if (troubleOf(error).kind === "denied") return { isSeen: false, permission };
    throw error;
  }
}
