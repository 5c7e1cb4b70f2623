// Hot calls of SQS through the SDK: the reference for the lane, and the only way under Node and Deno. Attempts, redirects,
// credentials and errors are the SDK's.

import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { QueueCalls } from "./hot-calls.ts";

/** `sqsPoll` is for long polls; it tries once. */
export function sdkQueueCalls({ sqs, sqsPoll }: Readonly<{ sqs: SQSClient; sqsPoll: SQSClient }>): QueueCalls {
  return {
    receive: async (poll, abortSignal) => (await sqsPoll.send(new ReceiveMessageCommand(poll), { abortSignal })).Messages ?? [],
    deleteBatch: (batch, abortSignal) => sqs.send(new DeleteMessageBatchCommand(batch), { abortSignal }),
    changeVisibilityBatch: (batch, abortSignal) => sqs.send(new ChangeMessageVisibilityBatchCommand(batch), { abortSignal }),
  };
}
