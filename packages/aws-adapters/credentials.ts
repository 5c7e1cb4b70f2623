// Credentials: makes a client fetch them anew when AWS says that they are expired or unknown. The SDK does so by itself
// only for credentials that bear a time of expiry; keys of a file that was rotated would be used until a restart.

import type { SdkClient } from "./middleware.ts";
import { troubleOf } from "./trouble.ts";

/** A call that was refused for its credentials is tried once more with fresh ones. Nothing was done then, so it may be. */
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

/** Whether there are other credentials now. */
async function renewed({ config }: SdkClient): Promise<boolean> {
  try {
    const stale = await config.credentials({ forceRefresh: false });
    const fresh = await config.credentials({ forceRefresh: true });
    return fresh.accessKeyId !== stale.accessKeyId || fresh.sessionToken !== stale.sessionToken;
  } catch {
    return false; // the refusal tells more
  }
}
