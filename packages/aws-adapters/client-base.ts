// Client base: what the SDK clients of all services share: settings, one clock, and the lane. Region, endpoint and credentials
// come from the usual AWS sources. Each service makes its own clients (sqs-clients.ts and so on), so that a worker can load them
// when it needs them.

import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AwsClock } from "./aws-clock.ts";
import { renewCredentials } from "./credentials.ts";
import { type Exchange, Lane } from "./lane.ts";
import type { SdkClient } from "./middleware.ts";

export type AwsOptions = Readonly<{
  /** Version of Sesame, for the user agent in AWS's logs. */
  version: string;
  /** Number of queues that are polled; each long poll holds one socket. Default 1. */
  queues?: number;
  /** Number of mails in work at once, over all queues. S3 and DynamoDB may have as many sockets. Default 32. */
  mailsInWork?: number;
  /** Number of attempts of a repeatable call within its deadline. Default 3. */
  attempts?: number;
  /** Milliseconds for a TCP connection, without TLS. Default 5000. */
  connectTimeoutMs?: number;
  /** Overrides the SDK's own sources: `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3` and so on. */
  region?: string;
  endpoint?: string;
  credentials?: Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
  clock?: AwsClock;
  /** Sends the hot calls of the lane. Without it, the SDK makes all calls. */
  exchange?: Exchange;
}>;

/** What the clients of one process share. */
export type AwsBase = Readonly<{
  options: AwsOptions;
  clock: AwsClock;
  /** Sends the hot calls; `null`: the SDK does. */
  lane: Lane | null;
}>;

/** Makes the shared part. It connects to nothing and reads no credentials. */
export function awsBase(options: AwsOptions): AwsBase {
  const { clock = new AwsClock(), exchange } = options;
  return { options, clock, lane: exchange === undefined ? null : new Lane({ exchange, clock }) };
}

// An idle connection is closed: if file descriptors are few, the SMTP sessions need them.
const idleMs = 15_000;
export const spareSockets: number = 8; // for calls outside of a mail's journey: batches, heartbeats, queue sizes, checks

type ClientSettings = Readonly<{
  maxAttempts: number;
  retryMode: string;
  customUserAgent: [string, string][];
  requestHandler: NodeHttpHandler;
  ignoreCache: boolean;
  region?: string;
  endpoint?: string;
  credentials?: NonNullable<AwsOptions["credentials"]>;
}>;

/**
 * Settings of all clients. `sockets` connections are kept alive; `null` keeps none. A send needs `null`: if a kept connection
 * closes at the same moment, it is unknown whether the mail left, and Deno repeats the request by itself.
 */
export function clientSettings({ options }: AwsBase, sockets: number | null, maxAttempts: number = options.attempts ?? 3): ClientSettings {
  const { version, region, endpoint, credentials, connectTimeoutMs = 5000 } = options;
  // With a limit on sockets, node:http would keep connections alive in spite of `keepAlive: false`.
  const agent =
    sockets === null
      ? { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY }
      : { keepAlive: true, maxSockets: sockets, timeout: idleMs };
  return {
    maxAttempts,
    retryMode: "standard",
    customUserAgent: [["sesame", version]],
    requestHandler: new NodeHttpHandler({ connectionTimeout: connectTimeoutMs, httpAgent: agent, httpsAgent: agent }),
    // For the SDK's reader of ~/.aws: it reads a rotated file again instead of keeping the first content.
    ignoreCache: true,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  };
}

/** Lets a new client read the clock of AWS, renew its credentials, and show its routes to the lane. */
export function prepare(client: SdkClient, { clock, lane }: AwsBase): void {
  renewCredentials(clock.observe(client));
  lane?.observe(client);
}
