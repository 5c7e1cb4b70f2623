// Clients: the SDK clients of all services with one clock, for a program that needs all of them. Reads and repeatable writes are
// tried three times within their deadline.

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { S3Client } from "@aws-sdk/client-s3";
import type { SESClient } from "@aws-sdk/client-ses";
import type { SESv2Client } from "@aws-sdk/client-sesv2";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { AwsClock } from "./aws-clock.ts";
import { type AwsBase, type AwsOptions, awsBase } from "./client-base.ts";
import { dynamoClient, tableCalls } from "./dynamo-client.ts";
import type { HotCalls } from "./hot-calls.ts";
import { type Exchange, Lane } from "./lane.ts";
import { objectCalls, s3Client } from "./s3-client.ts";
import { sesClients } from "./ses-clients.ts";
import { queueCalls, sqsClients } from "./sqs-clients.ts";

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

/** Makes the clients. No client connects or reads credentials before its first call. */
export function awsClients(options: AwsOptions): AwsClients {
  const base = awsBase(options);
  const clients = { ...sqsClients(base), s3: s3Client(base), dynamo: dynamoClient(base), ...sesClients(base) };
  const close = () => {
    for (const client of Object.values(clients)) client.destroy();
  };
  return { ...clients, hot: hotCallsOf(clients, base), clock: base.clock, close };
}

type HotClients = Pick<AwsClients, "sqs" | "sqsPoll" | "s3" | "dynamo">;

function hotCallsOf(clients: HotClients, base: Pick<AwsBase, "lane">): HotCalls {
  return { ...queueCalls(clients, base), ...objectCalls(clients.s3, base), ...tableCalls(clients.dynamo, base) };
}

/** The hot calls over these clients. `now` is the monotonic clock of the lane, in milliseconds. */
export function hotCalls(clients: HotClients, clock: AwsClock, exchange: Exchange | undefined, now?: () => number): HotCalls {
  if (exchange === undefined) return hotCallsOf(clients, { lane: null });
  const lane = new Lane({ exchange, clock, ...(now && { now }) });
  for (const client of [clients.sqs, clients.sqsPoll, clients.s3, clients.dynamo]) lane.observe(client);
  return hotCallsOf(clients, { lane });
}
