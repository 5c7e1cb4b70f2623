// Expressions: what the AWS of the benches makes of condition and update expressions, compared with dynalite, which others wrote.
// Each case runs on both: the same request must be taken or refused alike, and leave the same item.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AttributeValue, GetItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { Aws } from "../../bench/aws/aws.ts";
import { parseCondition, parseUpdate } from "../../bench/aws/expression-parser.ts";
import { type Dynalite, dynamoClient, startDynalite } from "../aws-adapters/dynalite.ts";

type Row = Record<string, AttributeValue>;

const table = "email-worker-ledger";
const row: Row = {
  id: { S: "a" },
  n: { N: "5" },
  text: { S: "hello" },
  list: { L: [{ S: "x" }, { N: "1" }] },
  map: { M: { inner: { N: "1" }, deep: { M: { s: { S: "y" } } } } },
  names: { SS: ["a", "b"] },
  yes: { BOOL: true },
};
const values: Row = {
  ":one": { N: "1" },
  ":five": { N: "5" },
  ":nine": { N: "9" },
  ":hello": { S: "hello" },
  ":he": { S: "he" },
  ":a": { S: "a" },
  ":true": { BOOL: true },
  ":list": { L: [{ S: "z" }] },
  ":none": { L: [] },
  ":set": { SS: ["b", "c"] },
  ":ab": { SS: ["b", "a"] },
  ":type": { S: "SS" },
};

/** [condition or null, update] */
const cases: readonly (readonly [string | null, string])[] = [
  ["attribute_exists(#n)", "SET #n = :nine"],
  ["attribute_not_exists(#gone)", "SET #gone = :one"],
  ["attribute_not_exists(#n)", "SET #n = :nine"],
  ["#n = :five AND #text = :hello", "SET #n = :nine"],
  ["#n <> :five OR #text <> :hello", "SET #n = :nine"],
  ["NOT #n = :five", "SET #n = :nine"],
  ["NOT (#n = :one AND attribute_exists(#gone)) AND (#n > :one OR #n < :one)", "SET #n = :nine"],
  ["#n >= :five AND #n <= :five", "SET #n = :nine"],
  ["#gone <= :five", "SET #n = :nine"],
  ["#gone <> :five", "SET #n = :nine"],
  ["#text < :five", "SET #n = :nine"],
  ["#n BETWEEN :one AND :nine AND #yes = :true", "SET #n = :nine"],
  ["#n IN (:one, :nine)", "SET #n = :nine"],
  ["#text IN (:one, :hello)", "SET #n = :nine"],
  ["begins_with(#text, :he)", "SET #n = :nine"],
  ["contains(#text, :a) OR contains(#names, :a)", "SET #n = :nine"],
  ["contains(#list, :one)", "SET #n = :nine"],
  ["size(#names) > :one AND size(#text) = :five", "SET #n = :nine"],
  ["attribute_type(#names, :type)", "SET #n = :nine"],
  ["#names = :ab", "SET #n = :nine"],
  ["#map.#inner = :one AND #list[1] = :one", "SET #n = :nine"],
  [null, "SET #n = #n + :one, #gone = :one"],
  [null, "SET #n = #n - :nine"],
  [null, "SET #gone = if_not_exists(#gone, :one), #n = if_not_exists(#n, :one)"],
  [null, "SET #list = list_append(#list, :list)"],
  [null, "SET #list = list_append(:list, #list)"],
  [null, "SET #gone = list_append(if_not_exists(#gone, :none), :list)"],
  [null, "SET #gone = #n, #n = :one"],
  [null, "SET #map.#inner = :nine, #list[0] = :one"],
  [null, "SET #list[9] = :one"],
  [null, "REMOVE #n, #list[0]"],
  [null, "REMOVE #gone, #map.#deep"],
  [null, "ADD #n :one, #names :set"],
  [null, "ADD #gone :set"],
  [null, "ADD #gone :one"],
  [null, "DELETE #names :set"],
  [null, "DELETE #names :ab"],
  [null, "DELETE #gone :set"],
  [null, "SET #gone = :one ADD #n :one DELETE #names :set REMOVE #text"],
  [null, "SET #n = #gone"],
  [null, "SET #n = #text + :one"],
  [null, "SET #gone.#inner = :one"],
  [null, "ADD #text :one"],
  [null, "SET #n = list_append(#n, :list)"],
  [null, "SET #n :one"],
  ["#n =", "SET #n = :one"],
  ["unknown(#n)", "SET #n = :one"],
];

const aws = new Aws();
const ours = dynamoClient(aws.endpoint);
let dynalite: Dynalite;
beforeAll(async () => {
  dynalite = await startDynalite({ [table]: "id" });
});
afterAll(async () => {
  ours.destroy();
  await Promise.all([aws.close(), dynalite.close()]);
});

test.each(cases)("%s: %s", async (condition, update) => {
  expect(await outcome(ours, condition, update)).toEqual(await outcome(dynalite.client, condition, update));
});

test("an update of an item that does not exist makes it with its key", async () => {
  const update = "SET #n = :one ADD #names :set";
  const made = await outcome(ours, "attribute_not_exists(#id)", update, null);
  expect(made).toEqual(await outcome(dynalite.client, "attribute_not_exists(#id)", update, null));
  expect(made.item).toMatchObject({ id: { S: "a" }, n: { N: "1" } });
});

test("what is no expression is refused, and not passed over", () => {
  for (const text of ["", "#a", "#a = ", "#a = :b AND", "(#a = :b", "#a == :b", "#a = :b #c"]) expect(() => parseCondition(text)).toThrow();
  for (const text of ["", "SET", "SET #a", "SET #a = :b SET #c = :d", "ADD #a #b", "PUT #a = :b", "REMOVE #a[x]"])
    expect(() => parseUpdate(text)).toThrow();
});

/** What becomes of one update on the row: the item after it, and how it was answered. */
async function outcome(client: typeof ours, condition: string | null, update: string, before: Row | null = row) {
  const used = new Set(`${condition} ${update}`.match(/[#:]\w+/g));
  const names = Object.fromEntries([...used].filter((name) => name.startsWith("#")).map((name) => [name, name.slice(1)]));
  const given = Object.fromEntries(Object.entries(values).filter(([name]) => used.has(name)));
  const key = before === null ? { id: { S: "a" } } : { id: { S: `row-${condition} ${update}` } };
  if (before !== null) await client.send(new PutItemCommand({ TableName: table, Item: { ...before, ...key } }));
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key,
    UpdateExpression: update,
    ...(condition !== null && { ConditionExpression: condition }),
    ExpressionAttributeNames: names,
    ...(Object.keys(given).length > 0 && { ExpressionAttributeValues: given }),
    ReturnValues: "UPDATED_NEW",
  });
  const answer = await client.send(command).then(
    ({ Attributes }) => ordered(Attributes),
    (error: Error) => error.name,
  );
  const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }));
  return { answer: typeof answer === "string" ? answer : "written", item: ordered(Item) };
}

/** Sets in one order. */
function ordered(item: Row | undefined): Row | undefined {
  return item && Object.fromEntries(Object.entries(item).map(([name, value]) => [name, value.SS ? { SS: [...value.SS].sort() } : value]));
}
