// Dynalite: DynamoDB in this process, with Sesame's four tables. Where it lies: it gives no item with a refused
// condition, BatchGetItem answers at most 1.4 MB in random order, and Time to Live cannot be set; tests of those use a
// scripted server.

import type { AddressInfo } from "node:net";
import {
  type AttributeDefinition,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type GlobalSecondaryIndex,
} from "@aws-sdk/client-dynamodb";
import { AwsClock, traceIndexes } from "@sesame/aws-adapters";
import type { EpochMs } from "@sesame/core";
import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import dynalite from "dynalite";

export type Dynalite = Readonly<{ client: DynamoDBClient; endpoint: string; close(): Promise<void> }>;

/** The tables by their default names, each with its partition key. */
export const fourTables: Readonly<Record<string, string>> = {
  "email-rules": "email_address",
  "email-blocked-senders": "email_address",
  "ses-outbound-messages": "MessageId",
  "email-worker-ledger": "id",
};

/** Tables that have the indexes of the ledger. */
export type Indexed = Readonly<{ indexed?: readonly string[] }>;

/** Starts a server of its own on a free port and makes the tables. A table with indexes is much slower. */
export async function startDynalite(
  tables: Readonly<Record<string, string>> = fourTables,
  { indexed = [] }: Indexed = {},
): Promise<Dynalite> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = dynamoClient(endpoint);
  for (const [name, key] of Object.entries(tables)) await createTable(client, name, key, indexed.includes(name));
  const close = () => {
    client.destroy();
    return new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  return { client, endpoint, close };
}

/** A client for a server on this machine; it tries as often as in production, and makes no pauses between. */
export function dynamoClient(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return new DynamoDBClient({ endpoint, region: "eu-central-1", credentials, retryStrategy: new ConfiguredRetryStrategy(3, () => 0) });
}

const indexedAttributes: readonly AttributeDefinition[] = [
  ...Object.values(traceIndexes).map(({ key }): AttributeDefinition => ({ AttributeName: key, AttributeType: "S" })),
  { AttributeName: traceIndexes.message.order, AttributeType: "N" },
];
const indexes = Object.values(traceIndexes).map(
  ({ name, key, order }): GlobalSecondaryIndex => ({
    IndexName: name,
    KeySchema: [
      { AttributeName: key, KeyType: "HASH" },
      { AttributeName: order, KeyType: "RANGE" },
    ],
    Projection: { ProjectionType: "KEYS_ONLY" },
  }),
);

export async function createTable(client: DynamoDBClient, name: string, key: string, indexed: boolean = false): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      KeySchema: [{ AttributeName: key, KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: key, AttributeType: "S" }, ...(indexed ? indexedAttributes : [])],
      ...(indexed && { GlobalSecondaryIndexes: indexes }),
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  const describe = new DescribeTableCommand({ TableName: name });
  while ((await client.send(describe)).Table?.TableStatus !== "ACTIVE"); // dynalite needs a turn or two
}

/** The names of all API calls of a client from now on, such as `UpdateItem`. A call that the SDK repeats counts once. */
export function countCalls(client: DynamoDBClient): string[] {
  const calls: string[] = [];
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      (args) => {
        calls.push(commandName.replace(/Command$/, ""));
        return next(args);
      },
    { step: "initialize", name: "countCalls" },
  );
  return calls;
}

/** AWS's time when a test says so. The answers of a server on this machine do not change it. */
export class ManualAwsClock extends AwsClock {
  #now = Date.parse("2026-01-01T00:00:00Z");

  override now(): EpochMs {
    return this.#now as EpochMs;
  }

  override hear(): void {}

  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }
}
