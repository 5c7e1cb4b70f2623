// @sesame/aws-adapters: the core's ports on SQS, S3, DynamoDB and SES. `/sqs`, `/dynamo`, `/s3` and `/ses` have one service each, over
// what `/base` makes.

export { AwsClock, type LocalTime } from "./aws-clock.ts";
export { CachedDirectory, type CachedDirectoryOptions } from "./cached-directory.ts";
export { type AwsClients, awsClients } from "./clients.ts";
export type { AwsOptions } from "./client-base.ts";
export type { Exchange } from "./lane.ts";
export { type BucketDescription, describeBucket, type S3CheckOptions } from "./s3-check.ts";
export { S3Shelf, type S3ShelfOptions } from "./s3-shelf.ts";
export { SqsPost, type SqsPostOptions } from "./sqs-post.ts";
export { S3MailStore, type S3MailStoreOptions } from "./s3-mail-store.ts";
export type { DeadLetter, QueueDescription } from "./sqs-description.ts";
export { SqsMailQueue, type SqsMailQueueOptions } from "./sqs-mail-queue.ts";
export { type Trouble, type TroubleKind, troubleOf } from "./trouble.ts";
export { describeTable, describeTimeToLive, type TableDescription, type TimeToLive } from "./dynamo-check.ts";
export { DynamoDirectory, type DynamoDirectoryOptions } from "./dynamo-directory.ts";
export { DynamoLedger, type DynamoLedgerOptions } from "./dynamo-ledger.ts";
export { DynamoLedgerBook, type DynamoLedgerBookOptions, type TraceIndex, traceIndexes } from "./dynamo-ledger-book.ts";
export { DynamoOutbound, type DynamoOutboundOptions } from "./dynamo-outbound.ts";
export { DynamoRuleBook, type DynamoRuleBookOptions } from "./dynamo-rule-book.ts";
export { JoinedDirectory, type JoinedDirectoryOptions } from "./joined-directory.ts";
export { type DynamoOptions, tableDefaults, type TableState } from "./dynamo-table.ts";
export { describeSesAccount, describeSesIdentity, type SesAccount, type SesCheckOptions, type SesIdentity } from "./ses-check.ts";
export { SesCourier, type SesCourierOptions } from "./ses-courier.ts";
export type { SendTimers } from "./timers.ts";
