// Ways: the two implementations of the hot calls, so that a suite can run on both. The lane of a test knows its routes before
// the first call, as the lane of a worker does after some seconds.

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { AwsClients, AwsClock } from "@sesame/aws-adapters";
import { fetchExchange } from "../../apps/worker/exchange.ts";
import { hotCalls } from "../../packages/aws-adapters/clients.ts";
import type { HotCalls, TableCalls } from "../../packages/aws-adapters/hot-calls.ts";
import type { Exchange } from "../../packages/aws-adapters/lane.ts";
import { testClients } from "./emulator.ts";
import { successFor, tapSdk } from "./wire-tap.ts";

export type Way = "SDK" | "lane";

const exchange = fetchExchange();

/** The lane needs Bun. */
export const ways: readonly Way[] = exchange === undefined ? ["SDK"] : ["SDK", "lane"];

/** The names that calls of a test use. */
export type Names = Readonly<{ buckets?: readonly string[]; queueUrls?: readonly string[]; tables?: readonly (readonly string[])[] }>;

/** The hot calls of these clients, one way or the other. */
export function hotBy(way: Way, clients: AwsClients, names: Names, by: Exchange | undefined = exchange): HotCalls {
  let ms = 0;
  const now = () => {
    ms += 300; // so that the lane rests for a few calls, and its routes last for a thousand
    return ms;
  };
  const hot = hotCalls(clients, clients.clock, way === "SDK" ? undefined : by, now);
  return way === "SDK" ? hot : afterwards(hot, () => teach(clients, hot, names));
}

/** Sesame's tables, as they are read and written together. */
export const sesameTables: Names["tables"] = [
  ["email-rules"],
  ["email-blocked-senders"],
  ["email-rules", "email-blocked-senders"],
  ["email-worker-ledger"],
  ["ses-outbound-messages"],
];

/** The calls to tables of a client that a test has made by itself. */
export function tablesBy(
  way: Way,
  dynamo: DynamoDBClient,
  clock: AwsClock,
  tables: Names["tables"] = sesameTables,
  by?: Exchange,
): TableCalls {
  return hotBy(way, { ...testClients("http://127.0.0.1:1"), dynamo, clock }, { tables: tables ?? [] }, by);
}

/** Waits for `first` before each call; it runs once. */
function afterwards(hot: HotCalls, first: () => Promise<void>): HotCalls {
  let ready: Promise<void> | undefined;
  const waiting = Object.entries(hot).map(([name, call]) => [
    name,
    async (...args: readonly never[]) => {
      ready ??= first();
      await ready;
      return (call as (...all: readonly never[]) => unknown)(...args);
    },
  ]);
  return Object.fromEntries(waiting) as HotCalls;
}

/** Shows the lane the SDK's requests. None of them reaches the network. */
export async function teach(
  clients: Parameters<typeof tapSdk>[0],
  hot: HotCalls,
  { buckets = [], queueUrls = [], tables = [] }: Names,
): Promise<void> {
  const all = [clients.sqs, clients.sqsPoll, clients.s3, clients.dynamo];
  const handlers = all.map(({ config }) => config.requestHandler);
  tapSdk(clients, successFor);
  const signal = new AbortController().signal;
  for (const Bucket of buckets) {
    await hot.getObject({ Bucket, Key: "key" }, signal);
    await hot.copyObject({ Bucket, Key: "key", attributes: {}, metadata: {} }, signal);
  }
  for (const QueueUrl of queueUrls) {
    const poll = { QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 0, VisibilityTimeout: 1, MessageSystemAttributeNames: [] };
    await hot.receive(poll, signal);
    await hot.deleteBatch({ QueueUrl, Entries: [{ Id: "0", ReceiptHandle: "r" }] }, signal);
    await hot.changeVisibilityBatch({ QueueUrl, Entries: [{ Id: "0", ReceiptHandle: "r", VisibilityTimeout: 1 }] }, signal);
  }
  for (const set of tables) {
    await hot.batchGetItem(Object.fromEntries(set.map((table) => [table, { Keys: [{ id: "x" }], ConsistentRead: true }])), signal);
    const [TableName = ""] = set;
    const names = { ExpressionAttributeNames: { "#a": "a" }, ExpressionAttributeValues: { ":a": "a" } };
    await hot.updateItem({ TableName, Key: { id: "x" }, UpdateExpression: "SET #a = :a", ...names, ReturnValues: "ALL_NEW" }, signal);
  }
  for (const [index, { config }] of all.entries()) Object.assign(config, { requestHandler: handlers[index] });
}
