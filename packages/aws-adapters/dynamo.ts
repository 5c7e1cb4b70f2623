// The tables alone, without the clients of the other services.

export { CachedDirectory, type CachedDirectoryOptions } from "./cached-directory.ts";
export { dynamoClient, tableCalls } from "./dynamo-client.ts";
export { DynamoDirectory, type DynamoDirectoryOptions } from "./dynamo-directory.ts";
export { DynamoLedger, type DynamoLedgerOptions } from "./dynamo-ledger.ts";
export { DynamoOutbound, type DynamoOutboundOptions } from "./dynamo-outbound.ts";
export type { DynamoOptions, TableState } from "./dynamo-table.ts";
export { JoinedDirectory, type JoinedDirectoryOptions } from "./joined-directory.ts";
