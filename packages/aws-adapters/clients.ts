// Clients: the SDK clients with the settings of this package and one clock. Region, endpoint and credentials come from the
// usual AWS sources. Reads and repeatable writes are tried three times within their deadline. A send is tried once, because
// the SDK would repeat it after a connection that broke after the request.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SESClient } from "@aws-sdk/client-ses";
import { SESv2Client } from "@aws-sdk/client-sesv2";
import { SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AwsClock } from "./aws-clock.ts";
import { renewCredentials } from "./credentials.ts";
import type { HotCalls } from "./hot-calls.ts";
import { sdkObjectCalls, sdkQueueCalls, sdkTableCalls } from "./hot-sdk.ts";
import { type Exchange, Lane } from "./lane.ts";
import { laneTableCalls } from "./lane-dynamo.ts";
import { laneObjectCalls } from "./lane-s3.ts";
import { laneQueueCalls } from "./lane-sqs.ts";

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

/** One client for each service. */
export type AwsClients = Readonly<{
  sqs: SQSClient;
  /** For long polls. Tries once, because a second attempt would exceed the deadline. Has one socket for each queue. */
  sqsPoll: SQSClient;
  s3: S3Client;
  dynamo: DynamoDBClient;
  /** Tries once, each time on a new connection. */
  ses: SESClient;
  sesv2: SESv2Client;
  /** The calls that each mail needs: through the lane if there is an `exchange`, otherwise through these clients. */
  hot: HotCalls;
  clock: AwsClock;
  /** Closes all connections. No call may be running. */
  close(): void;
}>;

// An idle connection is closed: if file descriptors are few, the SMTP sessions need them.
const idleMs = 15_000;
const spareSockets = 8; // for calls outside of a mail's journey: batches, heartbeats, queue sizes, checks

/** Makes the clients. No client connects or reads credentials before its first call. */
export function awsClients(options: AwsOptions): AwsClients {
  const { queues = 1, mailsInWork = 32, attempts = 3, clock = new AwsClock() } = options;
  // The URL of a queue may have a host name of its own, which an emulator does not have.
  const sqs = new SQSClient({ ...settings(options, queues + spareSockets, attempts), useQueueUrlAsEndpoint: false });
  const sqsPoll = new SQSClient({ ...settings(options, queues, 1), useQueueUrlAsEndpoint: false });
  // An emulator has no host name for each bucket. The bucket may be in another region than the queue.
  const s3 = new S3Client({
    ...settings(options, mailsInWork + spareSockets, attempts),
    forcePathStyle: hasOwnEndpoint(options),
    followRegionRedirects: true,
  });
  const dynamo = new DynamoDBClient(settings(options, mailsInWork + spareSockets, attempts));
  const ses = new SESClient(settings(options, null, 1));
  const sesv2 = new SESv2Client(settings(options, null, 1));
  const all = [sqs, sqsPoll, s3, dynamo, ses, sesv2];
  for (const client of all) renewCredentials(clock.observe(client));
  const close = () => {
    for (const client of all) client.destroy();
  };
  const hot = hotCalls({ sqs, sqsPoll, s3, dynamo }, clock, options.exchange);
  return { sqs, sqsPoll, s3, dynamo, ses, sesv2, hot, clock, close };
}

type HotClients = Pick<AwsClients, "sqs" | "sqsPoll" | "s3" | "dynamo">;

/** The hot calls over these clients. `now` is the monotonic clock of the lane, in milliseconds. */
export function hotCalls(clients: HotClients, clock: AwsClock, exchange: Exchange | undefined, now?: () => number): HotCalls {
  const { sqs, sqsPoll, s3, dynamo } = clients;
  const sdk = { ...sdkQueueCalls(clients), ...sdkObjectCalls(s3), ...sdkTableCalls(dynamo) };
  if (exchange === undefined) return sdk;
  const lane = new Lane({ exchange, clock, ...(now && { now }) });
  for (const client of [sqs, sqsPoll, s3, dynamo]) lane.observe(client);
  return { ...laneQueueCalls(lane, clients, sdk), ...laneObjectCalls(lane, s3, sdk), ...laneTableCalls(lane, dynamo, sdk) };
}

/**
 * Settings of all clients. `sockets` connections are kept alive; `null` keeps none. A send needs `null`: if a kept connection
 * closes at the same moment, it is unknown whether the mail left, and Deno repeats the request by itself.
 */
function settings(options: AwsOptions, sockets: number | null, maxAttempts: number) {
  const { version, region, endpoint, credentials, connectTimeoutMs = 5000 } = options;
  // With a limit on sockets, node:http would keep connections alive in spite of `keepAlive: false`.
  const agent =
    sockets === null
      ? { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY }
      : { keepAlive: true, maxSockets: sockets, timeout: idleMs };
  return {
    maxAttempts,
    retryMode: "standard",
    customUserAgent: [["sesame", version]] as [string, string][],
    requestHandler: new NodeHttpHandler({ connectionTimeout: connectTimeoutMs, httpAgent: agent, httpsAgent: agent }),
    // For the SDK's reader of ~/.aws: it reads a rotated file again instead of keeping the first content.
    ignoreCache: true,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  };
}

function hasOwnEndpoint({ endpoint }: AwsOptions): boolean {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env;
  return endpoint !== undefined || Boolean(AWS_ENDPOINT_URL) || Boolean(AWS_ENDPOINT_URL_S3);
}
