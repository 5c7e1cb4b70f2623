// Exchange: HTTP for the lane of the AWS adapters, by Bun's fetch. Bun keeps 64 idle connections for each TLS configuration,
// over all hosts, and closes the longest idle one above that: with 128 calls at once, every thirteenth needed a new connection.
// So the calls are spread over sessions whose TLS configurations differ in nothing that matters for a client of AWS.
// With `proxy: false`, because the SDK uses no proxy either.

import { constants } from "node:crypto";
import type { Exchange } from "@sesame/aws-adapters/base";

type Session = { readonly fetch: Bun.FetchSession["fetch"]; busy: number };

// AWS and Bun both begin at TLS 1.2, and the order of ciphers is a setting of servers.
const harmless = [constants.SSL_OP_NO_TLSv1, constants.SSL_OP_NO_TLSv1_1, constants.SSL_OP_CIPHER_SERVER_PREFERENCE];
const mostBusy = 40; // calls of one session at once; they may be to another host than its idle connections
const idleSeconds = 12; // S3 closes a connection after some 20 s

/** `undefined` where Bun has no sessions. */
export function fetchExchange(): Exchange | undefined {
  if (typeof Bun === "undefined" || Bun.FetchSession === undefined) return undefined;
  const sessions = Array.from({ length: 2 ** harmless.length }, (_, number) => sessionOf(number));
  return async ({ url, ...request }, signal) => {
    const session = sessions.find(({ busy }) => busy < mostBusy) ?? leastBusy(sessions);
    session.busy++;
    try {
      return await session.fetch(url, { ...request, signal, redirect: "manual", decompress: false, proxy: false });
    } finally {
      session.busy--;
    }
  };
}

function sessionOf(number: number): Session {
  const secureOptions = harmless.reduce((sum, option, bit) => (number & (1 << bit) ? sum | option : sum), 0);
  const session = new Bun.FetchSession({ proxy: false, keepAlive: { idleTimeout: idleSeconds }, tls: { secureOptions } });
  return { fetch: session.fetch, busy: 0 };
}

function leastBusy([first, ...others]: readonly Session[]): Session {
  return others.reduce((least, session) => (session.busy < least.busy ? session : least), first as Session);
}
