// Lane of SQS: ReceiveMessage and the two batches without the SDK. A poll is never sent twice if SQS may have executed it:
// entries of the first one would be out of sight until their visibility timeout ends.
// SQS API Reference: "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch".

import { hash } from "node:crypto";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Poll, QueueCalls, Received } from "./hot-calls.ts";
import type { ExchangeAnswer, Lane, LaneCall } from "./lane.ts";
import { jsonOf, jsonRequest } from "./lane-json.ts";
import { routeName } from "./lane-routes.ts";
import type { BatchAnswer } from "./sqs-batch.ts";
import { GarbledError } from "./trouble.ts";

const patienceMs = 4000; // less than half of the deadline of a batch
const mostPolls = 32; // at once: a poll holds its connection while it waits

/** `sdk`: the same calls through the SDK. */
export function laneQueueCalls(lane: Lane, clients: Readonly<{ sqs: SQSClient; sqsPoll: SQSClient }>, sdk: QueueCalls): QueueCalls {
  let polls = 0;
  const batch = (operation: string, input: Readonly<{ QueueUrl: string }>, viaSdk: () => Promise<BatchAnswer>) => ({
    ...sqsCall(operation, input),
    client: clients.sqs,
    patienceMs,
    read: readBatch,
    viaSdk,
  });
  return {
    receive: async (poll, signal) => {
      if (polls >= mostPolls) return sdk.receive(poll, signal);
      polls++;
      try {
        return await lane.run<readonly Received[]>(
          {
            ...sqsCall("ReceiveMessage", poll),
            client: clients.sqsPoll,
            patienceMs: null,
            isOnce: true,
            read: readEntries,
            // A second long poll would last longer than the deadline of the call.
            viaSdk: (isAgain) => sdk.receive(isAgain ? withoutWait(poll) : poll, signal),
          },
          signal,
        );
      } finally {
        polls--;
      }
    },
    deleteBatch: (input, signal) =>
      lane.run(
        batch("DeleteMessageBatch", input, () => sdk.deleteBatch(input, signal)),
        signal,
      ),
    changeVisibilityBatch: (input, signal) =>
      lane.run(
        batch("ChangeMessageVisibilityBatch", input, () => sdk.changeVisibilityBatch(input, signal)),
        signal,
      ),
  };
}

function withoutWait(poll: Poll): Poll {
  return { ...poll, WaitTimeSeconds: 0 };
}

function sqsCall(operation: string, input: Readonly<{ QueueUrl: string }>): Pick<LaneCall<unknown>, "route" | "request"> {
  const request = () => jsonRequest(`AmazonSQS.${operation}`, input, { "x-amzn-query-mode": "true" });
  return { route: routeName(operation, input) ?? "", request };
}

async function readEntries(answer: ExchangeAnswer): Promise<readonly Received[]> {
  const { Messages = [] } = await jsonOf(answer);
  if (!Array.isArray(Messages)) throw new GarbledError("the answer has no list of entries");
  const damaged = Messages.filter(({ Body = "", MD5OfBody }) => hash("md5", String(Body), "hex") !== MD5OfBody);
  if (damaged.length > 0) throw new Error(`Invalid MD5 checksum on messages: ${damaged.map(({ MessageId }) => MessageId).join(", ")}`);
  return Messages;
}

/** Each item is looked up by its id in the answer, so an answer without both lists mentions none. */
async function readBatch(answer: ExchangeAnswer): Promise<BatchAnswer> {
  const { Successful, Failed } = await jsonOf(answer);
  if (!Array.isArray(Successful) && !Array.isArray(Failed)) throw new GarbledError("the answer has no list of items");
  return { Successful: listOf(Successful), Failed: listOf(Failed) };
}

function listOf<T>(value: T[] | undefined): T[] {
  return Array.isArray(value) ? value : [];
}
