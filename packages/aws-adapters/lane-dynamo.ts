// Lane of DynamoDB: UpdateItem and BatchGetItem without the SDK. A refused condition is an answer, as it is for the caller;
// the SDK is not asked again. When the SDK asks again it sends the same values, so that a write which was done already is
// recognised as one's own.
// Amazon DynamoDB API Reference: "UpdateItem", "BatchGetItem".

import { ConditionalCheckFailedException, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { BatchQuestion, BatchRows, Row, TableCalls, Write } from "./hot-calls.ts";
import type { ExchangeAnswer, Lane, LaneRequest, RefusedError } from "./lane.ts";
import { jsonOf, jsonRequest } from "./lane-json.ts";
import { routeName } from "./lane-routes.ts";
import { fromWire, toWire } from "./lane-values.ts";
import { GarbledError } from "./trouble.ts";

const patienceMs = 2000; // less than half of the deadline of a call
const version = "DynamoDB_20120810";

/** `sdk`: the same calls through the SDK. */
export function laneTableCalls(lane: Lane, client: DynamoDBClient, sdk: TableCalls): TableCalls {
  return {
    updateItem: (write, signal, onAttempt) =>
      lane.run(
        {
          client,
          patienceMs,
          route: routeName("UpdateItem", write) ?? "",
          request: () => updateRequest(write),
          read: (answer) => readUpdate(write, answer),
          refusal: refusedCondition,
          viaSdk: () => sdk.updateItem(write, signal, onAttempt),
          onAttempt,
        },
        signal,
      ),
    batchGetItem: (questions, signal) =>
      lane.run(
        {
          client,
          patienceMs,
          route: routeName("BatchGetItem", { RequestItems: questions }) ?? "",
          request: () => batchRequest(questions),
          read: readBatch,
          viaSdk: () => sdk.batchGetItem(questions, signal),
        },
        signal,
      ),
  };
}

function updateRequest({ Key, ExpressionAttributeValues, ...others }: Write): LaneRequest {
  const values = ExpressionAttributeValues && { ExpressionAttributeValues: toWire(ExpressionAttributeValues) };
  return jsonRequest(`${version}.UpdateItem`, { ...others, Key: toWire(Key), ...values });
}

/** An answer without the row that was asked for is no success: a proxy may answer with an empty body. */
async function readUpdate({ ReturnValues }: Write, answer: ExchangeAnswer): Promise<Readonly<{ Attributes?: Row }>> {
  const { Attributes } = await jsonOf(answer);
  if (Attributes !== undefined) return { Attributes: fromWire(Attributes) };
  if (ReturnValues === undefined) return {};
  throw new GarbledError("the answer to a write lacks the requested row");
}

/** The row in the error is in the form of the wire, as the SDK leaves it; binary values in it are the SDK's to decode. */
function refusedCondition({ name, message, $metadata, body }: RefusedError): Error | null {
  if ($metadata.httpStatusCode !== 400 || name !== "ConditionalCheckFailedException" || /"BS?":/.test(body)) return null;
  const { Item } = JSON.parse(body) as ConstructorParameters<typeof ConditionalCheckFailedException>[0];
  return new ConditionalCheckFailedException({ message, $metadata, ...(Item !== undefined && { Item }) });
}

function batchRequest(questions: Readonly<Record<string, BatchQuestion>>): LaneRequest {
  const RequestItems = Object.fromEntries(
    Object.entries(questions).map(([table, question]) => [table, { ...question, Keys: question.Keys.map(toWire) }]),
  );
  return jsonRequest(`${version}.BatchGetItem`, { RequestItems });
}

type WireAnswer = Readonly<{
  Responses?: Readonly<Record<string, readonly unknown[]>>;
  UnprocessedKeys?: Readonly<Record<string, Readonly<{ Keys: readonly unknown[] }>>>;
}>;

async function readBatch(answer: ExchangeAnswer): Promise<BatchRows> {
  const { Responses, UnprocessedKeys = {} }: WireAnswer = await jsonOf(answer);
  if (typeof Responses !== "object" || Responses === null) throw new GarbledError("the answer to a batch has no rows");
  return {
    Responses: each(Responses, (rows) => rows.map(fromWire)),
    UnprocessedKeys: each(UnprocessedKeys, ({ Keys }) => ({ Keys: Keys.map(fromWire) })),
  };
}

function each<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
