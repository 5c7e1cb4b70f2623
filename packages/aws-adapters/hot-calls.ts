// Hot calls: the seven calls to AWS that each mail needs, as types. There are two implementations: sdk-*.ts sends them
// through the SDK, and the lane (lane.ts) sends them itself. Both answer and fail in the same way.

import type { BatchAnswer } from "./sqs-batch.ts";

/** A row of a table in plain values: lists are arrays, sets are `Set`, binary values are `Uint8Array`. */
export type Row = Readonly<Record<string, unknown>>;

export type Poll = Readonly<{
  QueueUrl: string;
  MaxNumberOfMessages: number;
  WaitTimeSeconds: number;
  VisibilityTimeout: number;
  MessageSystemAttributeNames: ("ApproximateReceiveCount" | "SentTimestamp")[];
}>;

/** An entry of a queue, as SQS sends it. Its body matches its MD5 digest. */
export type Received = Readonly<{
  MessageId?: string | undefined;
  ReceiptHandle?: string | undefined;
  Body?: string | undefined;
  Attributes?: Readonly<Partial<Record<string, string>>> | undefined;
}>;

export type DeleteBatch = Readonly<{ QueueUrl: string; Entries: { Id: string; ReceiptHandle: string }[] }>;

export type VisibilityBatch = Readonly<{
  QueueUrl: string;
  Entries: { Id: string; ReceiptHandle: string; VisibilityTimeout: number }[];
}>;

/** SQS. */
export type QueueCalls = Readonly<{
  /** Polls once. A poll that may have received entries is not repeated. */
  receive(poll: Poll, signal: AbortSignal): Promise<readonly Received[]>;
  deleteBatch(batch: DeleteBatch, signal: AbortSignal): Promise<BatchAnswer>;
  changeVisibilityBatch(batch: VisibilityBatch, signal: AbortSignal): Promise<BatchAnswer>;
}>;

/** Headers and metadata of an object, as `StoredMail.attributes` holds them. */
export type Attributes = Readonly<Record<string, string>>;

export type ObjectRead = Readonly<{ Bucket: string; Key: string; Range?: string; IfMatch?: string }>;

/** The octets of an answer, read on demand. The last read fails if the checksum of S3 is wrong. */
export type OctetStream = AsyncIterable<Uint8Array> & Readonly<{ destroy(): unknown }>;

export type ObjectAnswer = Readonly<{
  /** Number of octets of the body, if the answer says it. */
  length: number | undefined;
  /** `bytes 5-9/10`, in the answer to a request with a range. */
  range: string | undefined;
  attributes: Attributes;
  body: OctetStream;
}>;

/** A copy of an object onto itself. `attributes` are written again, the metadata in them is replaced by `metadata`. */
export type ObjectCopy = Readonly<{ Bucket: string; Key: string; attributes: Attributes; metadata: Attributes }>;

/** S3. */
export type ObjectCalls = Readonly<{
  getObject(what: ObjectRead, signal: AbortSignal): Promise<ObjectAnswer>;
  /** Rejects also if S3 answers 200 without the result of the copy. */
  copyObject(copy: ObjectCopy, signal: AbortSignal): Promise<void>;
}>;

/** Called with the error of each attempt that failed. The caller of a write sees the last error only. */
export type OnAttempt = (error: unknown) => void;

export type Write = Readonly<{
  TableName: string;
  Key: Record<string, string>;
  UpdateExpression: string;
  ConditionExpression?: string;
  ExpressionAttributeNames: Record<string, string>;
  ExpressionAttributeValues: Record<string, unknown>;
  ReturnValues?: "ALL_NEW" | "UPDATED_NEW";
  ReturnValuesOnConditionCheckFailure?: "ALL_OLD";
}>;

export type BatchQuestion = { Keys: Record<string, string>[]; ConsistentRead: boolean } & Partial<{
  ProjectionExpression: string;
  ExpressionAttributeNames: Record<string, string>;
}>;

export type BatchRows = Readonly<{
  Responses?: Readonly<Record<string, readonly Row[] | undefined>> | undefined;
  UnprocessedKeys?: Readonly<Record<string, Readonly<{ Keys?: readonly Row[] | undefined }> | undefined>> | undefined;
}>;

/** DynamoDB. */
export type TableCalls = Readonly<{
  /** Rejects with `ConditionalCheckFailedException` if the condition is not met. */
  updateItem(write: Write, signal: AbortSignal, onAttempt?: OnAttempt): Promise<Readonly<{ Attributes?: Row | undefined }>>;
  batchGetItem(RequestItems: Record<string, BatchQuestion>, signal: AbortSignal): Promise<BatchRows>;
}>;

export type HotCalls = QueueCalls & ObjectCalls & TableCalls;
