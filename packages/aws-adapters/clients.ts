// Clients: the SDK's clients as this package wants them, all heard by one clock. Region, endpoint and credentials come
// from where every AWS tool takes them. Reads and writes that may be repeated are tried three times within their
// deadline; a send is tried once, since the SDK would repeat it after a connection that broke behind the request.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SESClient } from "@aws-sdk/client-ses";
import { SESv2Client } from "@aws-sdk/client-sesv2";
import { SQSClient } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AwsClock } from "./aws-clock.ts";
import { renewCredentials } from "./credentials.ts";

export type AwsOptions = Readonly<{
  /** Sesame's version, for the user agent: AWS's logs then tell who asked. */
  version: string;
  /** Queues that are polled; each holds one socket for its long poll. Default 1. */
  queues?: number;
  /** Mails in work at once, over all queues: so many sockets S3 and DynamoDB may have. Default 32. */
  mailsInWork?: number;
  /** How often a call that may be repeated is tried within its deadline. Default 3. */
  attempts?: number;
  /** Milliseconds for a connection, TLS not included. Default 5000. */
  connectTimeoutMs?: number;
  /** Where not the SDK's own: `AWS_REGION`, `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_S3` and so on. */
  region?: string;
  endpoint?: string;
  credentials?: Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
  clock?: AwsClock;
}>;

/** One client for each service. */
export type AwsClients = Readonly<{
  sqs: SQSClient;
  /** For long polls: tries once, since a second try would outlive the deadline, and has a socket for each queue. */
  sqsPoll: SQSClient;
  s3: S3Client;
  dynamo: DynamoDBClient;
  /** Tries once, each time on a connection of its own. */
  ses: SESClient;
  sesv2: SESv2Client;
  clock: AwsClock;
  /** Closes all connections. Nothing may be under way. */
  close(): void;
}>;

// A kept connection that nobody uses ends: where file descriptors are few, the sessions with the mail server need them.
const idleMs = 15_000;
const spareSockets = 8; // for what no mail in work asks: batches, heartbeats, sizes, checks

/** Makes the clients. None of them connects, or asks for credentials, before its first call. */
export function awsClients(options: AwsOptions): AwsClients {
  const { queues = 1, mailsInWork = 32, attempts = 3, clock = new AwsClock() } = options;
  // A queue's URL may name a host of its own, which an emulator cannot have.
  const sqs = new SQSClient({ ...settings(options, queues + spareSockets, attempts), useQueueUrlAsEndpoint: false });
  const sqsPoll = new SQSClient({ ...settings(options, queues, 1), useQueueUrlAsEndpoint: false });
  // An emulator has no host name for each bucket; the bucket may be in another region than the queue.
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
  return { sqs, sqsPoll, s3, dynamo, ses, sesv2, clock, close };
}

/**
 * Settings that all clients share. `sockets` are kept for the next call; `null` keeps none, which a send needs: where a
 * kept connection has just ended nobody knows whether the mail left, and Deno repeats the request by itself.
 */
function settings(options: AwsOptions, sockets: number | null, maxAttempts: number) {
  const { version, region, endpoint, credentials, connectTimeoutMs = 5000 } = options;
  // With a limit node:http would keep connections whatever is said here.
  const agent =
    sockets === null
      ? { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY }
      : { keepAlive: true, maxSockets: sockets, timeout: idleMs };
  return {
    maxAttempts,
    retryMode: "standard",
    customUserAgent: [["sesame", version]] as [string, string][],
    requestHandler: new NodeHttpHandler({ connectionTimeout: connectTimeoutMs, httpAgent: agent, httpsAgent: agent }),
    // Handed on to the reader of ~/.aws: a rotated file is read anew, and not remembered for the life of the process.
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
