// Credentials: lets a client fetch its credentials again if AWS says that they are expired or unknown. The SDK does so only
// for credentials with an expiry time; it would use the keys of a rotated file until a restart.

import type { SdkClient } from "./middleware.ts";
import { troubleOf } from "./trouble.ts";

/** Repeats a call once, with fresh credentials, if AWS refused the old ones. A refused call did nothing, so this is safe. */
export function renewCredentials(client: SdkClient): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (!isStale(error) || !(await renewed(client))) throw error;
        return next(args);
      }
    },
    { step: "initialize", priority: "high", name: "sesameCredentials", override: true },
  );
}

function isStale(error: unknown): boolean {
  const { kind, code } = troubleOf(error);
  return kind === "expired-credentials" || /^(?:InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClientException)$/.test(code);
}

/** Fetches the credentials again. Returns whether they are different. */
async function renewed({ config }: SdkClient): Promise<boolean> {
  try {
    const stale = await config.credentials({ forceRefresh: false });
    const fresh = await config.credentials({ forceRefresh: true });
    return fresh.accessKeyId !== stale.accessKeyId || fresh.sessionToken !== stale.sessionToken;
  } catch {
    return false; // the caller throws the refusal, which says more
  }
}
