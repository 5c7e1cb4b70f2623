// DynamoLedger where an emulator is too kind or lies: refusals that bring the row, answers that are lost, strange or never
// come. Against a scripted server.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { DynamoLedger, type DynamoLedgerOptions } from "@sesame/aws-adapters";
import { type Claim, type Lease, type MailId, PortError } from "@sesame/core";
import type { Recorded, ReplyRow } from "../../packages/core/journey/ports.ts";
import { delivered, deliverKey, key, mailId, replyEffect } from "../contracts/samples.ts";
import { dynamoClient, ManualAwsClock } from "./dynalite.ts";
import { json, jsonError, type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

let aws: ScriptedHttp;
let clock: ManualAwsClock;
let mail: MailId;
let count = 0;
beforeAll(async () => {
  aws = await scriptedHttp();
});
afterAll(() => aws.close());
beforeEach(() => {
  clock = new ManualAwsClock();
  mail = mailId(`example-com-emails/${count++}`);
});

function reply(): ReplyRow {
  const until = (clock.now() + 7 * 86_400_000) as ReplyRow["until"];
  const effect = replyEffect("alice@example.com");
  return { recipient: key("alice@example.com"), sender: key("carol@remote.test"), effect, textHash: "hash", mailId: mail, until };
}

const updateItem = "DynamoDB_20120810.UpdateItem";
const refused = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";

/** As DynamoDB refuses: with the row that stood in the way. */
function refusedBy(item: unknown): ReturnType<typeof json> {
  return { ...json({ __type: refused, message: "The conditional request failed", Item: item }), status: 400 };
}

describe("DynamoLedger", () => {
  const scripted = (options: Partial<DynamoLedgerOptions> = {}) =>
    new DynamoLedger({ client: dynamoClient(aws.endpoint), clock, owner: "one", ...options });
  const asked = () => aws.requests(updateItem).length;

  test("a refusal brings the row, and costs no read", async () => {
    const until = clock.now() + 30_000;
    aws.on(updateItem, refusedBy({ id: { S: mail }, owner: { S: "two" }, until: { N: String(until) }, crashes: { N: "0" } }));
    expect(await scripted().claim(mail, 60, [])).toEqual({ kind: "busy", until } as Claim);
    aws.on(updateItem, refusedBy({ id: { S: mail }, closed: { BOOL: true }, finals: { L: [] }, waiting: { SS: ["0123456789ab"] } }));
    expect(await scripted().claim(mail, 60, [])).toMatchObject({ kind: "closed" });
    expect(aws.strangers).toEqual([]);
  });

  test("a takeover whose answer was lost is still one", async () => {
    const before = asked();
    const nonce = () => {
      const sent = aws.requests(updateItem).at(-1)?.json as { ExpressionAttributeValues: Record<string, unknown> } | undefined;
      return sent?.ExpressionAttributeValues[":nonce"];
    };
    const row = (owner: string, until: number, crashes: number) => ({
      id: { S: mail },
      owner: { S: owner },
      until: { N: String(until) },
      crashes: { N: String(crashes) },
    });
    aws.on(
      updateItem,
      refusedBy(row("two", clock.now() - 1, 1)),
      "reset", // it was done, and the SDK does it again
      () => refusedBy({ ...row("one", clock.now() + 60_000, 2), nonce: nonce() }),
    );
    expect(await scripted().claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { owner: "one", crashes: 2, takenOver: true } });
    expect(asked() - before).toBe(3);
  });

  const lease = (): Lease => ({
    ...{ mailId: mail, owner: "one", nonce: "n1", until: clock.now(), crashes: 0, takenOver: false, finals: new Map() },
    ...{ recipients: [key("a@example.com")], othersWait: false },
  });
  const finals = new Map([[deliverKey("a@example.com"), delivered]]);
  const ended = { id: { S: mail }, nonce: { S: "n1" }, crashes: { N: "0" }, done: { L: [{ S: '["d a@example.com","D",""]' }] } };
  const lostAnswers: readonly (readonly [end: Recorded, then: "release" | "close", what: string, row: unknown])[] = [
    ["closed", "close", "closed by us", { ...ended, closed: { BOOL: true } }],
    ["recorded", "release", "given back by us", ended],
    ["fenced", "close", "closed by another", { ...ended, nonce: { S: "n2" }, closed: { BOOL: true } }],
    ["fenced", "close", "only given back", ended],
    ["fenced", "release", "closed", { ...ended, closed: { BOOL: true } }],
    ["fenced", "release", "held by another", { ...ended, owner: { S: "two" } }],
    ["fenced", "release", "taken over since", { ...ended, crashes: { N: "1" }, nonce: { S: "n2" } }],
    ["fenced", "release", "given back by a later claim of ours", { ...ended, nonce: { S: "n3" } }],
  ];
  for (const [end, then, what, row] of lostAnswers) {
    test(`a refused ${then} is ${end} when the row was ${what}`, async () => {
      aws.on(updateItem, "reset", refusedBy(row));
      expect(await scripted().record(lease(), finals, then)).toBe(end);
    });
  }

  test("a reply's claim whose answer was lost is claimed", async () => {
    aws.on(updateItem, "reset", (request) => {
      const { ExpressionAttributeValues: values } = request.json as { ExpressionAttributeValues: Record<string, unknown> };
      return refusedBy({
        id: { S: "reply" },
        mail: values[":mail"],
        text: values[":text"],
        until: values[":until"],
        claim: values[":claim"],
      });
    });
    expect(await scripted().claimReply(reply())).toBe("claimed");
    const other = { id: { S: "reply" }, mail: { S: mail }, text: { S: "hash" }, until: { N: "1" }, claim: { S: "another" } };
    aws.on(updateItem, refusedBy(other));
    expect(await scripted().claimReply(reply())).toBe("in-doubt");
  });

  const throttled = jsonError(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException");
  const deleteItem = "DynamoDB_20120810.DeleteItem";

  test("a claim whose answer was lost is given back, also when its last attempt surely did nothing", async () => {
    const before = asked();
    aws.on(updateItem, "reset", throttled, throttled, json({ Attributes: { id: { S: mail } } }));
    await expect(scripted().claim(mail, 60, [])).rejects.toThrow(PortError);
    expect(asked() - before).toBe(4);
    const sent = aws.requests(updateItem).at(-1)?.json as Record<string, unknown>;
    expect(sent).toMatchObject({ UpdateExpression: "REMOVE #owner", ConditionExpression: expect.stringContaining("#nonce = :nonce") });
  });

  test("a claim that surely was not done is not given back", async () => {
    const before = asked();
    aws.on(updateItem, throttled);
    await expect(scripted().claim(mail, 60, [])).rejects.toThrow(PortError);
    expect(asked() - before).toBe(3);
  });

  test("a reply's claim whose answer was lost for good is taken back, and no other", async () => {
    aws.on(updateItem, "reset", throttled);
    aws.on(deleteItem, json({}));
    await expect(scripted().claimReply(reply())).rejects.toThrow(PortError);
    const claimed = aws.requests(updateItem).at(-1)?.json as { ExpressionAttributeValues: Record<string, unknown> };
    const ids = ["reply#alice@example.com#carol@remote.test", `mail-reply#${mail}#reply alice@example.com`];
    const deletes = aws.requests(deleteItem).map(({ json: request }) => request as Record<string, unknown>);
    expect(deletes.map(({ Key }) => Key)).toEqual(ids.map((id) => ({ id: { S: id } })));
    for (const deleted of deletes) {
      expect(deleted).toMatchObject({
        ConditionExpression: "#attribute = :value",
        ExpressionAttributeNames: { "#attribute": "claim" },
        ExpressionAttributeValues: { ":value": claimed.ExpressionAttributeValues[":claim"] },
      });
    }
    aws.on(updateItem, throttled);
    await expect(scripted().claimReply(reply())).rejects.toThrow(PortError);
    expect(aws.requests(deleteItem).length).toBe(2);
  });

  test("X16 a claim whose second write did nothing is taken back", async () => {
    const before = aws.requests(deleteItem).length;
    aws.on(updateItem, json({ Attributes: { id: { S: "reply" } } }), throttled);
    aws.on(deleteItem, json({}));
    await expect(scripted().claimReply(reply())).rejects.toThrow(PortError);
    expect(aws.requests(deleteItem).length - before).toBe(2);
  });

  test("X16 a claim that another attempt's row refuses is taken back, and only where it is its own", async () => {
    const before = aws.requests(deleteItem).length;
    aws.on(updateItem, json({ Attributes: { id: { S: "reply" } } }), refusedBy({ id: { S: "mail-reply" }, claim: { S: "another" } }));
    aws.on(deleteItem, json({}));
    expect(await scripted().claimReply(reply())).toBe("in-doubt");
    expect(
      aws
        .requests(deleteItem)
        .slice(before)
        .map(({ json: request }) => request),
    ).toMatchObject([
      { Key: { id: { S: "reply#alice@example.com#carol@remote.test" } }, ExpressionAttributeNames: { "#attribute": "claim" } },
    ]);
  });

  test("X16 a claim whose second answer was lost is claimed", async () => {
    aws.on(updateItem, json({ Attributes: { id: { S: "reply" } } }), "reset", (request) => {
      const { ExpressionAttributeValues: values } = request.json as { ExpressionAttributeValues: Record<string, unknown> };
      return refusedBy({ id: { S: "mail-reply" }, mail: values[":mail"], claim: values[":claim"] });
    });
    expect(await scripted().claimReply(reply())).toBe("claimed");
  });

  test("a throttled write is tried again", async () => {
    const before = asked();
    aws.on(updateItem, jsonError(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"), json({}));
    expect(await scripted().extend(lease(), 60)).toBe("kept");
    expect(asked() - before).toBe(2);
  });

  const row = (owner: string, until: number, crashes: number) => ({
    id: { S: mail },
    owner: { S: owner },
    until: { N: String(until) },
    crashes: { N: String(crashes) },
  });
  const coral = "com.amazon.coral.service#";

  test("a claim throws what made it fail, also when it cannot be given back", async () => {
    aws.on(updateItem, throttled, throttled, "reset", jsonError(403, `${coral}AccessDeniedException`));
    const before = asked();
    const error = await scripted()
      .claim(mail, 60, [])
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ operation: "claim", message: expect.stringContaining("ECONNRESET") });
    expect(asked() - before).toBe(4); // it tried to give it back
  });

  test("a takeover that was not heard is told of once, and what is claimed later can be given back again", async () => {
    const ledger = scripted();
    const owned = (crashes: number) => json({ Attributes: row("one", clock.now() + 60_000, crashes) });
    aws.on(updateItem, refusedBy(row("two", clock.now() - 1, 1)), "reset", "reset", "reset");
    await expect(ledger.claim(mail, 60, [])).rejects.toThrow(PortError);
    aws.on(updateItem, owned(2));
    expect(await ledger.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 2, takenOver: true } });
    expect(await ledger.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 2, takenOver: false } });
    const before = asked();
    aws.on(updateItem, "reset", "reset", "reset", owned(2));
    await expect(ledger.claim(mail, 60, [])).rejects.toThrow(PortError);
    expect(asked() - before).toBe(4);
  });

  test("extend() asks for a lease from now on, and throws what is no refusal of the row", async () => {
    aws.on(updateItem, json({}), refusedBy(undefined), jsonError(403, `${coral}AccessDeniedException`));
    expect(await scripted().extend(lease(), 60)).toBe("kept");
    const ExpressionAttributeValues = {
      ":me": { S: "one" },
      ":crashes": { N: "0" },
      ":nonce": { S: "n1" },
      ":until": { N: String(clock.now() + 60_000) },
    };
    expect(aws.requests(updateItem).at(-1)?.json).toMatchObject({ ExpressionAttributeValues });
    expect(await scripted().extend(lease(), 60)).toBe("lost");
    const error = await scripted()
      .extend(lease(), 60)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ port: "Ledger", operation: "extend", message: expect.stringContaining("AccessDenied") });
  });

  test("claimReply() asks once more when the row that refused it is gone by then", async () => {
    const before = asked();
    aws.on(updateItem, refusedBy(undefined), json({ Attributes: { id: { S: "reply" } } }));
    aws.on("DynamoDB_20120810.GetItem", json({}));
    expect(await scripted().claimReply(reply())).toBe("claimed");
    expect(asked() - before).toBe(3);
  });

  test("releaseReply() is content when the row is another's by now, and throws when it may not", async () => {
    aws.on(deleteItem, refusedBy(undefined));
    expect(await scripted().releaseReply(reply())).toBeUndefined();
    aws.on(deleteItem, jsonError(403, `${coral}AccessDeniedException`));
    await expect(scripted().releaseReply(reply())).rejects.toThrow("AccessDenied");
  });

  test("a local part with the characters that divide an id shares its row with nobody", async () => {
    aws.on(updateItem, json({ Attributes: { id: { S: "reply" } } }));
    for (const [recipient, id] of [
      ["a#b#c@example.com", "reply#a%23b%23c@example.com#d@remote.test"],
      ["a%23b%@example.com", "reply#a%2523b%25@example.com#d@remote.test"],
    ] as const) {
      await scripted().claimReply({ ...reply(), recipient: key(recipient), sender: key("d@remote.test") });
      expect(aws.requests(updateItem).at(-2)?.json).toMatchObject({ Key: { id: { S: id } } });
    }
  });

  const secrets: readonly (readonly [octets: number, taken: boolean])[] = [
    [32, true],
    [16, true],
    [15, false],
    [0, false],
  ];
  for (const [length, taken] of secrets) {
    test(`loopKey() ${taken ? "takes" : "throws on"} a secret of ${length} octets`, async () => {
      aws.on(updateItem, json({ Attributes: { secret: { B: Buffer.alloc(length, 7).toString("base64") } } }));
      const asking = scripted().loopKey();
      if (taken) expect(await asking).toEqual(new Uint8Array(length).fill(7));
      else expect(await asking.catch((error: unknown) => error)).toMatchObject({ name: "PortError", operation: "loopKey" });
    });
  }

  test("loopKey() throws on a secret that is no octets, and asks again the next time", async () => {
    const ledger = scripted();
    aws.on(updateItem, json({ Attributes: { secret: { S: "a text that is long enough" } } }));
    await expect(ledger.loopKey()).rejects.toThrow(PortError);
    aws.on(updateItem, json({ Attributes: { secret: { B: Buffer.alloc(32, 7).toString("base64") } } }));
    expect((await ledger.loopKey()).length).toBe(32);
    const before = asked();
    await ledger.loopKey();
    expect(asked() - before).toBe(0);
  });

  const troubles: readonly (readonly [what: string, answer: Parameters<ScriptedHttp["on"]>[1]])[] = [
    ["no answer", "hang"],
    ["an answer that drips", { body: Array.from({ length: 50 }, () => [" ", { waitMs: 20 }] as const).flat() }],
    ["an answer that is no JSON", { body: "<html>" }],
    ["an answer without the row", json({})],
    ["a missing table", jsonError(400, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException")],
    ["a missing right", jsonError(400, "com.amazon.coral.service#AccessDeniedException")],
    ["a failure of AWS", jsonError(500, "com.amazonaws.dynamodb.v20120810#InternalServerError")],
  ];
  for (const [what, answer] of troubles) {
    test(`claim() throws within its deadline on ${what}`, async () => {
      aws.on(updateItem, answer);
      const error = await scripted({ deadlineMs: 300 })
        .claim(mail, 60, [])
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PortError);
      expect(error).toMatchObject({ port: "Ledger", operation: "claim" });
    });
  }

  test("claim() gives up on a row that changes under it again and again", async () => {
    const before = asked();
    aws.on(updateItem, refusedBy({ id: { S: mail }, crashes: { N: "0" } }));
    await expect(scripted().claim(mail, 60, [])).rejects.toThrow("changed during each of 5 attempts");
    expect(asked() - before).toBe(5);
  });
});
