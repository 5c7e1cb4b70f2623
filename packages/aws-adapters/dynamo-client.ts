// Dynamo client: the client of DynamoDB, and the hot calls of the tables.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type AwsBase, clientSettings, prepare, spareSockets } from "./client-base.ts";
import type { TableCalls } from "./hot-calls.ts";
import { laneTableCalls } from "./lane-dynamo.ts";
import { sdkTableCalls } from "./sdk-dynamo.ts";

export function dynamoClient(base: AwsBase): DynamoDBClient {
  const { mailsInWork = 32 } = base.options;
  const dynamo = new DynamoDBClient(clientSettings(base, mailsInWork + spareSockets));
  prepare(dynamo, base);
  return dynamo;
}

/** The hot calls of the tables: through the lane if there is one. */
export function tableCalls(dynamo: DynamoDBClient, { lane }: Pick<AwsBase, "lane">): TableCalls {
  const sdk = sdkTableCalls(dynamo);
  return lane === null ? sdk : laneTableCalls(lane, dynamo, sdk);
}
