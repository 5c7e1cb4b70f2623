// Hot calls through the SDK: the reference for the lane, and the only way under Node and Deno. Attempts, redirects,
// credentials and errors are the SDK's.

import type { Readable } from "node:stream";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CopyObjectCommand, GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { BatchGetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { documentsOf } from "./dynamo-table.ts";
import type { ObjectCalls, ObjectCopy, OctetStream, OnAttempt, QueueCalls, TableCalls } from "./hot-calls.ts";
import { attributesOf, copyInput } from "./s3-attributes.ts";
import { GarbledError } from "./trouble.ts";

/** `sqsPoll` is for long polls; it tries once. */
export function sdkQueueCalls({ sqs, sqsPoll }: Readonly<{ sqs: SQSClient; sqsPoll: SQSClient }>): QueueCalls {
  return {
    receive: async (poll, abortSignal) => (await sqsPoll.send(new ReceiveMessageCommand(poll), { abortSignal })).Messages ?? [],
    deleteBatch: (batch, abortSignal) => sqs.send(new DeleteMessageBatchCommand(batch), { abortSignal }),
    changeVisibilityBatch: (batch, abortSignal) => sqs.send(new ChangeMessageVisibilityBatchCommand(batch), { abortSignal }),
  };
}

export function sdkObjectCalls(s3: S3Client): ObjectCalls {
  return {
    getObject: async (what, abortSignal) => {
      const answer = await s3.send(new GetObjectCommand(what), { abortSignal });
      if (answer.Body === undefined) throw new GarbledError("the answer has no body");
      const body = quiet(answer.Body as Readable); // the handler on node:http returns a Readable
      return { length: answer.ContentLength, range: answer.ContentRange, attributes: attributesOf(answer), body };
    },
    copyObject: async (copy, abortSignal) => {
      const { CopyObjectResult } = await s3.send(new CopyObjectCommand(copyOf(copy)), { abortSignal });
      // S3 answers 200 before it copies; without a result in the body the copy failed.
      if (CopyObjectResult?.ETag === undefined) throw new GarbledError("the answer has no result of the copy");
    },
  };
}

/** The next read of a stream reports its error. */
function quiet(stream: Readable): OctetStream {
  return stream.on("error", () => {});
}

function copyOf({ Bucket, Key, attributes, metadata }: ObjectCopy): ConstructorParameters<typeof CopyObjectCommand>[0] {
  const CopySource = copySource(Bucket, Key);
  return { ...copyInput(attributes), Bucket, Key, CopySource, MetadataDirective: "REPLACE", Metadata: { ...metadata } };
}

/** The source of a copy, as its header wants it. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
}

export function sdkTableCalls(client: DynamoDBClient): TableCalls {
  const documents = documentsOf(client);
  return {
    updateItem: (write, abortSignal, onAttempt) => {
      const command = new UpdateCommand(write);
      if (onAttempt) watch(command, onAttempt);
      return documents.send(command, { abortSignal });
    },
    batchGetItem: (RequestItems, abortSignal) => documents.send(new BatchGetCommand({ RequestItems }), { abortSignal }),
  };
}

/** The innermost step around one attempt; the SDK itself reports only the last one. */
function watch({ middlewareStack }: UpdateCommand, onAttempt: OnAttempt): void {
  middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        onAttempt(error);
        throw error;
      }
    },
    { step: "finalizeRequest", priority: "low", name: "sesameAttempts", override: true },
  );
}
