// DynamoOutbound and DynamoRuleBook beyond their contracts, and the doctor's questions about tables.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoOutbound, DynamoRuleBook, describeTable, describeTimeToLive } from "@sesame/aws-adapters";
import type { OutboundRow } from "@sesame/core";
import { decodeOutboundRow } from "../../packages/core/ses/outbound-row.ts";
import { countCalls, type Dynalite, dynamoClient, ManualAwsClock, startDynalite } from "./dynalite.ts";
import { json, jsonError, scriptedHttp } from "./scripted-http.ts";

const clock = new ManualAwsClock();
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

const documents = () => DynamoDBDocumentClient.from(dynamo.client);
const outbound = (table?: string) => new DynamoOutbound({ client: dynamo.client, clock, ...(table !== undefined && { table }) });
const stored = async (MessageId: string) =>
  (await documents().send(new GetCommand({ TableName: "ses-outbound-messages", Key: { MessageId } }))).Item;

function row(MessageId: string, more: Partial<OutboundRow> = {}): OutboundRow {
  return { MessageId, original_source: "alice@example.com", bouncedRecipients: ["bob@remote.test"], ...more };
}

describe("DynamoOutbound", () => {
  test("note() costs one call, and a second one only when it adds recipients", async () => {
    await outbound().note(row("calls", { kind: "forward" }));
    await outbound().note(row("calls", { bounceType: "Permanent" }));
    expect(calls).toEqual(["UpdateItem", "UpdateItem"]);
    await outbound().note(row("calls", { bouncedRecipients: ["bob@remote.test", "carol@remote.test"] }));
    expect(calls.length).toBe(4);
    expect(await stored("calls")).toMatchObject({ bouncedRecipients: ["bob@remote.test", "carol@remote.test"], bounceType: "Permanent" });
  });

  test("note() loses no recipient when several are noted at once", async () => {
    const recipients = Array.from({ length: 4 }, (_, n) => `user${n}@remote.test`);
    await Promise.all(recipients.map((each) => outbound().note(row("contended", { bouncedRecipients: [each] }))));
    expect(new Set((await stored("contended"))?.["bouncedRecipients"])).toEqual(new Set(recipients));
  });

  test("note() sets when the row leaves, once", async () => {
    const expires = clock.now() / 1000 + 35 * 86_400;
    await outbound().note(row("ttl"));
    clock.advance(1000);
    await outbound().note(row("ttl"));
    expect(await stored("ttl")).toMatchObject({ expires });
  });

  test("note() keeps a set that another program wrote one", async () => {
    const Item = { MessageId: "set", bouncedRecipients: new Set(["bob@remote.test"]) };
    await documents().send(new PutCommand({ TableName: "ses-outbound-messages", Item }));
    await outbound().note(row("set", { bouncedRecipients: ["carol@remote.test"] }));
    expect((await stored("set"))?.["bouncedRecipients"]).toEqual(new Set(["bob@remote.test", "carol@remote.test"]));
  });

  test("find() gives rows of other programs as the core reads them, in one call", async () => {
    const Item = { MessageId: "other", original_source: "x@example.com", bouncedRecipients: new Set(["bob@remote.test"]), attempts: 3 };
    await documents().send(new PutCommand({ TableName: "ses-outbound-messages", Item }));
    calls.length = 0;
    const found = await outbound().find(["none", "other", "other", "none too"]);
    expect(decodeOutboundRow(found)).toEqual({ source: "x@example.com", recipients: ["bob@remote.test"], kind: null } as never);
    expect(calls).toEqual(["BatchGetItem"]);
  });

  test("probe() switches it off when the table is missing", async () => {
    const missing = outbound("no-such-table");
    await expect(missing.find(["a"])).rejects.toThrow("the queue, table, bucket or object does not exist");
    expect(await missing.probe()).toBe("missing");
    expect(await missing.find(["a"])).toBeNull();
    await missing.note(row("a"));
    expect(await outbound().probe()).toBe("present");
  });

  test("note() throws when it is not allowed", async () => {
    const aws = await scriptedHttp({ "DynamoDB_20120810.UpdateItem": jsonError(400, "com.amazon.coral.service#AccessDeniedException") });
    const denied = new DynamoOutbound({ client: dynamoClient(aws.endpoint), clock });
    await expect(denied.note(row("a"))).rejects.toThrow("Cannot note: AWS denied access");
    await aws.close();
  });
});

describe("DynamoRuleBook", () => {
  const book = () => new DynamoRuleBook({ client: dynamo.client, clock });

  test("show() and list() give plain data without the key, as the command line prints it", async () => {
    const Item = { email_address: "a@example.com", forwards: new Set(["b@remote.test"]), deep: { list: [new Set([1])] } };
    await documents().send(new PutCommand({ TableName: "email-rules", Item }));
    const plain = { forwards: ["b@remote.test"], deep: { list: [[1]] } };
    expect(await book().show("rules", "a@example.com")).toEqual(plain);
    expect(await book().list("rules")).toEqual([{ key: "a@example.com", row: plain }]);
    expect(JSON.parse(JSON.stringify(await book().show("rules", "a@example.com")))).toEqual(plain);
  });

  test("set() lets no row name another key", async () => {
    await book().set("blocked", "a@example.com", { email_address: "b@example.com", blocked_patterns: ["x"] });
    expect(await book().list("blocked")).toEqual([{ key: "a@example.com", row: { blocked_patterns: ["x"] } }]);
  });

  test("list() reads page after page", async () => {
    const item = (address: string) => ({ email_address: { S: address } });
    const scan = "DynamoDB_20120810.Scan";
    const aws = await scriptedHttp();
    aws.on(
      scan,
      json({ Items: [item("b@x.test")], LastEvaluatedKey: item("b@x.test") }),
      json({ Items: [], LastEvaluatedKey: item("c@x.test") }),
      json({ Items: [item("a@x.test")] }),
    );
    const rows = await new DynamoRuleBook({ client: dynamoClient(aws.endpoint), clock }).list("rules");
    expect(rows.map(({ key }) => key)).toEqual(["a@x.test", "b@x.test"]);
    const starts = aws.requests(scan).map(({ json: body }) => (body as { ExclusiveStartKey?: unknown }).ExclusiveStartKey);
    expect(starts).toEqual([undefined, item("b@x.test"), item("c@x.test")]);
    await aws.close();
  });
});

describe("the doctor", () => {
  const options = () => ({ client: dynamo.client, clock });

  test("describeTable() tells key and state, or that there is none", async () => {
    expect(await describeTable("ses-outbound-messages", options())).toMatchObject({
      kind: "present",
      status: "ACTIVE",
      keys: ["MessageId S"],
    });
    expect(await describeTable("no-such-table", options())).toEqual({ kind: "missing" });
  });

  test("describeTimeToLive() tells the attribute, or that there is none", async () => {
    expect(await describeTimeToLive("email-worker-ledger", options())).toEqual({ attribute: null });
    const answer = json({ TimeToLiveDescription: { TimeToLiveStatus: "ENABLED", AttributeName: "expires" } });
    const aws = await scriptedHttp({ "DynamoDB_20120810.DescribeTimeToLive": answer });
    expect(await describeTimeToLive("email-worker-ledger", { client: dynamoClient(aws.endpoint), clock })).toEqual({
      attribute: "expires",
    });
    await aws.close();
  });
});
