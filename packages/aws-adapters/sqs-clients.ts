// SQS clients: one for long polls and one for all other calls, and the hot calls of the queues.

import { SQSClient } from "@aws-sdk/client-sqs";
import { type AwsBase, clientSettings, prepare, spareSockets } from "./client-base.ts";
import type { QueueCalls } from "./hot-calls.ts";
import { laneQueueCalls } from "./lane-sqs.ts";
import { sdkQueueCalls } from "./sdk-sqs.ts";

export type SqsClients = Readonly<{
  sqs: SQSClient;
  /** For long polls. Tries once, because a second attempt would exceed the deadline. Has one socket for each queue. */
  sqsPoll: SQSClient;
}>;

export function sqsClients(base: AwsBase): SqsClients {
  const { queues = 1 } = base.options;
  // The URL of a queue may have a host name of its own, which an emulator does not have.
  const sqs = new SQSClient({ ...clientSettings(base, queues + spareSockets), useQueueUrlAsEndpoint: false });
  const sqsPoll = new SQSClient({ ...clientSettings(base, queues, 1), useQueueUrlAsEndpoint: false });
  for (const client of [sqs, sqsPoll]) prepare(client, base);
  return { sqs, sqsPoll };
}

/** The hot calls of the queues: through the lane if there is one. */
export function queueCalls(clients: SqsClients, { lane }: Pick<AwsBase, "lane">): QueueCalls {
  const sdk = sdkQueueCalls(clients);
  return lane === null ? sdk : laneQueueCalls(lane, clients, sdk);
}
