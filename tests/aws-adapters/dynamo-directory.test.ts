// DynamoDirectory beyond its contract: nothing that DynamoDB leaves out is ever read as "no row", and a missing table is
// a feature that is off only when it was found missing at the start.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { DeleteTableCommand, type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoDirectory, type DynamoDirectoryOptions } from "@sesame/aws-adapters";
import { decodeRuleRow, PortError } from "@sesame/core";
import { countCalls, createTable, type Dynalite, dynamoClient, ManualAwsClock, startDynalite } from "./dynalite.ts";
import { json, jsonError, type Request, type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

const clock = new ManualAwsClock();

describe("DynamoDirectory on tables", () => {
  let dynamo: Dynalite;
  let calls: string[];
  beforeAll(async () => {
    dynamo = await startDynalite();
    calls = countCalls(dynamo.client);
  });
  afterAll(() => dynamo.close());
  beforeEach(() => {
    calls.length = 0;
  });

  const directory = (options: Partial<DynamoDirectoryOptions> = {}) => new DynamoDirectory({ client: dynamo.client, clock, ...options });
  const put = (TableName: string, Item: Record<string, unknown>) =>
    DynamoDBDocumentClient.from(dynamo.client).send(new PutCommand({ TableName, Item }));

  test("look() costs one call for up to sixteen recipients, and none when nothing is asked", async () => {
    const keys = Array.from({ length: 16 }, (_, n) => [`a${n}+b@example.com`, `a${n}@example.com`, "*@example.com"]).flat();
    await directory().look({ rules: keys, blocked: keys });
    expect(calls).toEqual(["BatchGetItem"]);
    await directory().look({ rules: [], blocked: [] });
    expect(calls).toEqual(["BatchGetItem"]);
  });

  test("look() gives sets as sets, which the core reads", async () => {
    await put("email-rules", { email_address: "set@example.com", forwards: new Set(["b@remote.test"]) });
    await put("email-blocked-senders", { email_address: "set@example.com", blocked_patterns: new Set(["*@spam.test"]), note: "x" });
    const { rules, blocked } = await directory().look({ rules: ["set@example.com"], blocked: ["set@example.com"] });
    expect(decodeRuleRow(rules.get("set@example.com")).forwards).toEqual(["b@remote.test"] as never);
    expect(blocked.get("set@example.com")).toEqual(new Set(["*@spam.test"]));
  });

  test("look() reads numbers that JavaScript cannot hold", async () => {
    const Item = { email_address: { S: "n@example.com" }, ooo_active: { N: "1e100" }, big: { N: "9007199254740993" } };
    await dynamo.client.send(new PutItemCommand({ TableName: "email-rules", Item }));
    const { rules } = await directory().look({ rules: ["n@example.com"], blocked: [] });
    expect(rules.get("n@example.com")).toMatchObject({ ooo_active: 1e100, big: 2 ** 53 });
  });

  test("look() gives a blocklist without patterns as a row", async () => {
    await put("email-blocked-senders", { email_address: "none@example.com" });
    const { blocked } = await directory().look({ rules: [], blocked: ["none@example.com"] });
    expect([...blocked]).toEqual([["none@example.com", undefined]]);
  });

  test("look() works when both tables are one", async () => {
    const both = { rules: "email-rules", blocked: "email-rules" };
    await put("email-rules", { email_address: "both@example.com", ooo_active: false, blocked_patterns: ["x@y.test"] });
    const { rules, blocked } = await directory({ tables: both }).look({
      rules: ["both@example.com"],
      blocked: ["both@example.com", "r@example.com"],
    });
    expect(rules.get("both@example.com")).toMatchObject({ ooo_active: false });
    expect([...blocked]).toEqual([["both@example.com", ["x@y.test"]]]);
  });

  test("look() reads on when the rows are more than one answer holds", async () => {
    const keys = Array.from({ length: 8 }, (_, n) => `large${n}@example.com`);
    for (const email_address of keys) await put("email-rules", { email_address, text: "x".repeat(300_000) });
    calls.length = 0;
    const { rules } = await directory({ sleep: async () => {} }).look({ rules: keys, blocked: [] });
    expect([...rules.keys()].sort()).toEqual(keys);
    expect(calls.length).toBeGreaterThan(1);
  }, 120_000);

  describe("when a table is missing", () => {
    const tables = { rules: "some-rules", blocked: "some-blocked" };
    beforeAll(() => createTable(dynamo.client, "some-rules", "email_address"));

    test("at the start, probe() says so and look() goes without it", async () => {
      const some = directory({ tables });
      expect(await some.probe()).toEqual({ rules: "present", blocked: "missing" });
      await put("some-rules", { email_address: "a@example.com", forwards: [] });
      const { rules, blocked } = await some.look({ rules: ["a@example.com"], blocked: ["a@example.com"] });
      expect([[...rules.keys()], [...blocked.keys()]]).toEqual([["a@example.com"], []]);
    });

    test("later, look() throws and names it", async () => {
      const some = directory({ tables });
      await expect(some.look({ rules: ["a@example.com"], blocked: ["a@example.com"] })).rejects.toThrow(
        'Cannot look: the table "some-blocked" does not exist',
      );
    });

    test("and comes, the next probe() turns it on", async () => {
      const some = directory({ tables });
      await some.probe();
      await createTable(dynamo.client, "some-blocked", "email_address");
      await put("some-blocked", { email_address: "a@example.com", blocked_patterns: ["*"] });
      expect(await some.probe()).toEqual({ rules: "present", blocked: "present" });
      expect((await some.look({ rules: [], blocked: ["a@example.com"] })).blocked.size).toBe(1);
      await dynamo.client.send(new DeleteTableCommand({ TableName: "some-blocked" }));
      await expect(some.look({ rules: [], blocked: ["a@example.com"] })).rejects.toThrow('"some-blocked" does not exist');
    });
  });
});

const batchGet = "DynamoDB_20120810.BatchGetItem";

describe("DynamoDirectory on what DynamoDB answers", () => {
  let aws: ScriptedHttp;
  const slept: number[] = [];
  beforeEach(async () => {
    aws = await scriptedHttp();
    slept.length = 0;
  });
  let client: DynamoDBClient;
  beforeEach(() => {
    client = dynamoClient(aws.endpoint);
  });
  afterEach(() => {
    client.destroy();
    return aws.close();
  });

  const directory = (options: Partial<DynamoDirectoryOptions> = {}) =>
    new DynamoDirectory({ client, clock, sleep: async (ms) => void slept.push(ms), ...options });

  type RequestItems = Readonly<Record<string, Readonly<{ Keys: readonly Readonly<Record<string, unknown>>[] }>>>;
  const itemsOf = ({ json: body }: Request) => (body as { RequestItems: RequestItems }).RequestItems;
  const keyOf = (address: string) => ({ email_address: { S: address } });

  test("F27 look() asks a hundred keys at a time, each once, consistently, and of blocklists the patterns only", async () => {
    aws.on(batchGet, (request) =>
      json({ Responses: Object.fromEntries(Object.keys(itemsOf(request)).map((table) => [table, []])), UnprocessedKeys: {} }),
    );
    const keys = Array.from({ length: 120 }, (_, n) => `user${n % 110}@example.com`);
    await directory().look({ rules: keys, blocked: keys });
    const asked = aws.requests(batchGet).map(itemsOf);
    const counts = asked.map((items) => Object.values(items).reduce((sum, { Keys }) => sum + Keys.length, 0));
    expect(counts.sort((a, b) => b - a)).toEqual([100, 100, 20]);
    for (const items of asked) {
      for (const [table, item] of Object.entries(items)) {
        expect(new Set(item.Keys.map((each) => JSON.stringify(each))).size).toBe(item.Keys.length);
        expect(item).toMatchObject({ ConsistentRead: true });
        expect("ProjectionExpression" in item).toBe(table === "email-blocked-senders");
      }
    }
  });

  test("F26 look() asks again what was left unprocessed, and only that, with pauses that grow", async () => {
    const [a, b] = [keyOf("a@example.com"), keyOf("b@example.com")];
    const row = (key: object) => ({ ...key, blocked_patterns: { L: [{ S: "*@spam.test" }] } });
    aws.on(
      batchGet,
      json({ Responses: { "email-blocked-senders": [] }, UnprocessedKeys: { "email-blocked-senders": { Keys: [a, b] } } }),
      json({ Responses: { "email-blocked-senders": [row(b)] }, UnprocessedKeys: { "email-blocked-senders": { Keys: [a] } } }),
      json({ Responses: {}, UnprocessedKeys: { "email-blocked-senders": { Keys: [a] } } }),
      json({ Responses: { "email-blocked-senders": [row(a)] }, UnprocessedKeys: {} }),
    );
    const { blocked } = await directory().look({ rules: [], blocked: ["a@example.com", "b@example.com"] });
    expect([...blocked.keys()]).toEqual(["a@example.com", "b@example.com"]);
    expect(aws.requests(batchGet).map((request) => itemsOf(request)["email-blocked-senders"]?.Keys)).toEqual([[a, b], [a, b], [a], [a]]);
    const [first = 0, second = 0, third = 0] = slept;
    expect([first <= 50, second > first, third > second, third <= 200]).toEqual([true, true, true, true]);
  });

  test("look() throws at its deadline when everything stays unprocessed", async () => {
    const left = { "email-rules": { Keys: [keyOf("a@example.com")] } };
    aws.on(batchGet, json({ Responses: {}, UnprocessedKeys: left }));
    const waiting = directory({ deadlineMs: 300, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) });
    await expect(waiting.look({ rules: ["a@example.com"], blocked: [] })).rejects.toThrow("no whole answer within 300 ms");
  });

  const troubles: readonly (readonly [what: string, answer: Parameters<ScriptedHttp["on"]>[1]])[] = [
    ["is an empty object", json({})],
    ["leaves a table out", json({ Responses: { "email-rules": [] }, UnprocessedKeys: {} })],
    ["is no JSON", { body: "<html>" }],
    ["is cut", { headers: { "content-length": "5000" }, body: ['{"Responses":', "close"] }],
    ["is a value of no type", json({ Responses: { "email-rules": [{ email_address: {} }], "email-blocked-senders": [] } })],
    ["never comes", "hang"],
    ["is throttled for ever", jsonError(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")],
    ["is AccessDenied", jsonError(400, "com.amazon.coral.service#AccessDeniedException")],
    ["is a 500", jsonError(500, "com.amazonaws.dynamodb.v20120810#InternalServerError")],
  ];
  for (const [what, answer] of troubles) {
    test(`look() throws and finds no row missing when the answer ${what}`, async () => {
      aws.on(batchGet, answer);
      const error = await directory({ deadlineMs: 500 })
        .look({ rules: ["a@example.com"], blocked: ["a@example.com"] })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PortError);
      expect(error).toMatchObject({ port: "Directory", operation: "look" });
    });
  }

  test("probe() throws when it must not ask: that is no missing table", async () => {
    aws.on(batchGet, jsonError(400, "com.amazon.coral.service#AccessDeniedException"));
    await expect(directory().probe()).rejects.toThrow("AWS denied access");
  });
});
