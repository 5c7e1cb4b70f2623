// DynamoLedger beyond its contract: how many calls it makes, and that names which are used again, hostile keys and full rows
// do no harm. Against dynalite; ledger-answers.test.ts has what that cannot play.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoLedger, type DynamoLedgerOptions } from "@sesame/aws-adapters";
import { type EffectKey, type Final, instant, type Lease, type MailId, PortError } from "@sesame/core";
import type { ReplyCount, ReplyRow } from "../../packages/core/journey/ports.ts";
import { delivered, deliverKey, key, mailId, replyEffect } from "../contracts/samples.ts";
import { countCalls, createTable, type Dynalite, ManualAwsClock, startDynalite } from "./dynalite.ts";

let dynamo: Dynalite;
let calls: string[];
let clock: ManualAwsClock;
let mail: MailId;
let count = 0;
beforeAll(async () => {
  dynamo = await startDynalite({ "email-worker-ledger": "id" });
  calls = countCalls(dynamo.client);
});
afterAll(() => dynamo.close());
beforeEach(() => {
  clock = new ManualAwsClock();
  mail = mailId(`example-com-emails/${count++}`);
  calls.length = 0;
});

const documents = () => DynamoDBDocumentClient.from(dynamo.client);

function open(owner: string, options: Partial<DynamoLedgerOptions> = {}): DynamoLedger {
  return new DynamoLedger({ client: dynamo.client, clock, owner, ...options });
}

async function hold(ledger: DynamoLedger, seconds: number = 60): Promise<Lease> {
  const claim = await ledger.claim(mail, seconds, []);
  if (claim.kind !== "held") throw new Error(`The claim is ${claim.kind}`);
  return claim.lease;
}

/** Calls made by `work`, in their order. Where a refusal brings no row, dynalite adds a GetItem. */
async function callsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  calls.length = 0;
  await work();
  return [...calls];
}

async function storedRow(id: string): Promise<Record<string, unknown> | undefined> {
  return (await documents().send(new GetCommand({ TableName: "email-worker-ledger", Key: { id } }))).Item;
}

describe("a mail's way", () => {
  test("costs one call for each method", async () => {
    const ledger = open("one");
    let lease: Lease | undefined;
    expect(
      await callsOf(async () => {
        lease = await hold(ledger);
      }),
    ).toEqual(["UpdateItem"]);
    const held = lease as unknown as Lease;
    expect(await callsOf(() => ledger.extend(held, 60))).toEqual(["UpdateItem"]);
    expect(await callsOf(() => ledger.record(held, new Map([[deliverKey("a@example.com"), delivered]]), "hold"))).toEqual(["UpdateItem"]);
    expect(await callsOf(() => ledger.record(held, new Map(), "close"))).toEqual(["UpdateItem"]);
    expect(await callsOf(() => ledger.countReply(toCount()))).toEqual(["UpdateItem", "UpdateItem"]);
    expect(await callsOf(() => ledger.countReply(toCount({ perHour: 0 })))).toEqual(["UpdateItem"]);
    expect(await callsOf(() => ledger.countReply(toCount({ perHour: 0, perDay: 0 })))).toEqual([]);
    expect(await callsOf(() => ledger.claimReply(reply()))).toEqual(["UpdateItem", "UpdateItem"]);
    expect(await callsOf(() => ledger.recall([key("alice@example.com")], key("carol@remote.test")))).toEqual(["BatchGetItem"]);
    expect(await callsOf(() => ledger.releaseReply(reply()))).toEqual(["DeleteItem", "DeleteItem"]);
  });

  test("costs no call more with the hashes by which it is found again", async () => {
    const ledger = open("one");
    const trace = { message: "message", recipients: ["mailbox", "tagged"] };
    const claim = async () => {
      const claimed = await ledger.claim(mail, 60, [], trace);
      if (claimed.kind === "held") await ledger.record(claimed.lease, new Map([[deliverKey("a@example.com"), delivered]]), "close");
    };
    expect(await callsOf(claim)).toEqual(["UpdateItem", "UpdateItem"]);
    expect(await storedRow(mail)).toMatchObject({
      since: clock.now(),
      traceMessage: "message",
      traceMailbox: "mailbox",
      traceRecipients: new Set(trace.recipients),
    });
  });

  test("keeps the hashes of its first recipient, and adds those of others", async () => {
    const first = await open("one").claim(mail, 60, [], { message: "m", recipients: ["a"] });
    clock.advance(61);
    await open("two").claim(mail, 60, [], { message: "m", recipients: ["b"] });
    expect(first.kind).toBe("held");
    expect(await storedRow(mail)).toMatchObject({ since: clock.now() - 61_000, traceMailbox: "a", traceRecipients: new Set(["a", "b"]) });
  });

  test("X19 goes without the hashes where a row of an earlier version has no room", async () => {
    const Item = { id: mail, crashes: 0, expires: 9_999_999_999, filler: "x".repeat(409_000) };
    await documents().send(new PutCommand({ TableName: "email-worker-ledger", Item }));
    const recipients = Array.from({ length: 200 }, (_, n) => `${n}`.padStart(16, "h"));
    expect(await open("one").claim(mail, 60, [], { message: "m", recipients })).toMatchObject({ kind: "held" });
    expect(await storedRow(mail)).not.toHaveProperty("traceRecipients");
  });

  test("costs a second call only after a refusal", async () => {
    await hold(open("one"));
    expect(await callsOf(() => open("two").claim(mail, 60, []))).toEqual(["UpdateItem", "GetItem"]);
    clock.advance(61);
    expect(await callsOf(() => open("two").claim(mail, 60, []))).toEqual(["UpdateItem", "GetItem", "UpdateItem"]);
  });

  test("ends in a row that Time to Live deletes", async () => {
    const ledger = open("one", { rememberDays: 10 });
    await ledger.record(await hold(ledger), new Map([[deliverKey("a@example.com"), delivered]]), "close");
    expect(await storedRow(mail)).toEqual({
      id: mail,
      closed: true,
      crashes: 0,
      expires: clock.now() / 1000 + 10 * 86_400,
      done: ['["d a@example.com","D","250 2.0.0 Ok"]'],
      times: [`${clock.now()} 1`],
      nonce: expect.stringMatching(/^[\w-]{12}$/),
      until: clock.now() + 10_000,
    });
  });
});

describe("claim()", () => {
  test("takes a lease of negative seconds for one that ran out", async () => {
    await hold(open("one"), -5);
    expect(await hold(open("two"))).toMatchObject({ crashes: 1, takenOver: true });
  });

  test("takes a row without a time for a lease that ran out", async () => {
    await documents().send(new PutCommand({ TableName: "email-worker-ledger", Item: { id: mail, owner: "one" } }));
    expect(await hold(open("two"))).toMatchObject({ crashes: 1, takenOver: true });
  });

  test("throws when the row is not one of ours", async () => {
    await documents().send(new PutCommand({ TableName: "email-worker-ledger", Item: { id: mail, finals: "none" } }));
    await expect(open("one").claim(mail, 60, [])).rejects.toThrow("a row of the ledger is invalid: finals");
  });

  test("throws when a final is of a later version", async () => {
    const finals = [{ key: "deliver a@example.com", action: "evaporated" }];
    await documents().send(new PutCommand({ TableName: "email-worker-ledger", Item: { id: mail, finals } }));
    await expect(open("one").claim(mail, 60, [])).rejects.toThrow(PortError);
  });
});

describe("fencing", () => {
  test("tells a name that comes back from its earlier holder when another had the mail between", async () => {
    const earlier = await hold(open("worker"));
    clock.advance(61);
    await hold(open("other"));
    clock.advance(61);
    const later = await hold(open("worker"));
    expect(await open("worker").record(earlier, new Map([[deliverKey("a@example.com"), delivered]]), "close")).toBe("fenced");
    expect(await open("worker").extend(earlier, 600)).toBe("lost");
    expect(await open("worker").record(later, new Map(), "close")).toBe("closed");
  });

  test("holds when the lease was given back and another has it", async () => {
    const lease = await hold(open("one"));
    await open("one").record(lease, new Map(), "release");
    await hold(open("two"));
    expect(await open("one").record(lease, new Map(), "release")).toBe("fenced");
    expect(await open("one").extend(lease, 60)).toBe("lost");
  });
});

describe("record()", () => {
  test("takes any key, and as many finals as a mail has recipients", async () => {
    const ledger = open("one");
    const odd = ["__proto__", 'deliver "a\'b c"@example.com', "deliver #owner = :me", "forward a@x b@y", "deliver ü@example.com"];
    const many = Array.from({ length: 500 }, (_, n) => `deliver user${n}@example.com`);
    const finals = new Map([...odd, ...many].map((each) => [each as EffectKey, delivered]));
    const lease = await hold(ledger);
    expect(await callsOf(() => ledger.record(lease, finals, "hold"))).toEqual(["UpdateItem"]);
    expect(new Map((await hold(ledger)).finals)).toEqual(finals);
  });

  test("cuts details, and never through a character", async () => {
    const ledger = open("one");
    const detail = `${"x".repeat(199)}😀 and more`;
    await ledger.record(await hold(ledger), new Map([[deliverKey("a@example.com"), { action: "delivered", detail } as Final]]), "hold");
    const [final] = (await hold(ledger)).finals.values();
    expect(final).toEqual({ action: "delivered", detail: `${"x".repeat(199)}\ufffd` });
  });

  test("keeps a final without detail", async () => {
    const ledger = open("one");
    await ledger.record(await hold(ledger), new Map([[deliverKey("a@example.com"), { action: "delivered", detail: "" } as Final]]), "hold");
    expect([...(await hold(ledger)).finals.values()]).toEqual([{ action: "delivered", detail: "" }]);
  });

  test("X19 goes on in further rows before a row is full, and loses no detail", async () => {
    const ledger = open("one");
    const finals = (from: number) =>
      new Map(
        Array.from({ length: 1000 }, (_, n) => [
          `deliver user${from + n}@example.com` as EffectKey,
          { action: "delivered", detail: "d".repeat(200) } as Final,
        ]),
      );
    const lease = await hold(ledger);
    expect(await ledger.record(lease, finals(0), "hold")).toBe("recorded");
    expect(await ledger.record(lease, finals(1000), "hold")).toBe("recorded");
    const again = await hold(open("one"));
    expect(again.finals).toEqual(new Map([...finals(0), ...finals(1000)]));
    expect(await ledger.record(again, finals(2000), "close")).toBe("closed");
    expect(await open("two").claim(mail, 60, [])).toMatchObject({ kind: "closed", finals: expect.objectContaining({ size: 3000 }) });
    const { more = [] } = ((await storedRow(mail)) ?? {}) as { more?: readonly string[] };
    expect(more.length).toBeGreaterThan(3);
  }, 120_000);
});

function reply(more: Partial<ReplyRow> = {}): ReplyRow {
  const until = (clock.now() + 7 * 86_400_000) as ReplyRow["until"];
  const recipient = key("alice@example.com");
  const effect = replyEffect("alice@example.com");
  return { recipient, sender: key("carol@remote.test"), effect, textHash: "hash", mailId: mail, until, ...more };
}

describe("reply memory", () => {
  test("keeps addresses apart that hold the divider themselves", async () => {
    const ledger = open("one");
    const mine = { recipient: key('"a@x#b"@y.test'), sender: key("c@z.test") };
    const other = { recipient: key("a@x.test"), sender: key('"b@y.test#c"@z.test') };
    expect(await ledger.claimReply(reply(mine))).toBe("claimed");
    expect(await ledger.claimReply(reply({ ...other, mailId: mailId("other") }))).toBe("claimed");
    expect(await storedRow("reply#a@x%23b@y.test#c@z.test")).toMatchObject({ mail, text: "hash" });
  });

  test("leaves by Time to Live a day after it has no meaning", async () => {
    const row = reply({ recipient: key("ttl@example.com") });
    await open("one").claimReply(row);
    const expires = row.until / 1000 + 86_400;
    expect(await storedRow("reply#ttl@example.com#carol@remote.test")).toMatchObject({ expires });
    expect(await storedRow(`mail-reply#${mail}#reply alice@example.com`)).toMatchObject({ expires, mail });
  });

  test("X16 keeps the meaning of a row that an earlier version wrote, which has none for its mail", async () => {
    const ledger = open("one");
    await documents().send(new PutCommand({ TableName: "email-worker-ledger", Item: formerRow("former@example.com") }));
    const row = reply({ recipient: key("former@example.com") });
    expect(await ledger.claimReply(row)).toBe("in-doubt");
    expect(await ledger.claimReply(reply({ ...row, mailId: mailId("other") }))).toBe("answered");
    await ledger.releaseReply(row);
    expect(await ledger.claimReply(row)).toBe("claimed");
  });
});

/** As versions wrote it that had no claims of mails. */
function formerRow(recipient: string): Record<string, unknown> {
  const { until } = reply();
  return { id: `reply#${recipient}#carol@remote.test`, mail, text: "hash", until, claim: "former", expires: until / 1000 + 86_400 };
}

function toCount(more: Partial<ReplyCount> = {}): ReplyCount {
  const [mailbox, sender] = [key("alice@example.com"), key("carol@remote.test")];
  const receivedAt = instant("2026-01-05T12:30:00Z");
  return { mailId: mail, effect: replyEffect("alice@example.com"), mailbox, sender, receivedAt, perHour: 30, perDay: 5, ...more };
}

describe("reply counters", () => {
  test("X13 name who and when, and leave by Time to Live when no reply of their time can be sent any more", async () => {
    await open("one").countReply(toCount({ mailbox: key("counted@example.com"), sender: key("a#b@remote.test") }));
    const at = (text: string) => Date.parse(text) / 1000;
    expect(await storedRow("replies#counted@example.com#2026-01-05T12")).toMatchObject({ expires: at("2026-01-07T13:00:00Z") });
    expect(await storedRow("replies#a#b@remote.test#2026-01-05")).toMatchObject({ expires: at("2026-01-08T00:00:00Z") });
  });
});

describe("probe()", () => {
  test("tells a missing table from one that is there", async () => {
    expect(await open("one").probe()).toBe("present");
    expect(await open("one", { table: "no-such-ledger" }).probe()).toBe("missing");
  });
});

describe("loopKey()", () => {
  test("is asked for once in a process, and not when it is configured", async () => {
    const ledger = open("one");
    expect(await callsOf(() => Promise.all([ledger.loopKey(), ledger.loopKey()]))).toEqual(["UpdateItem"]);
    expect(await callsOf(() => ledger.loopKey())).toEqual([]);
    const loopKey = new Uint8Array(32).fill(7);
    expect(await callsOf(async () => expect(await open("two", { loopKey }).loopKey()).toBe(loopKey))).toEqual([]);
  });

  test("is never deleted by Time to Live", async () => {
    await open("one").loopKey();
    expect(Object.keys((await storedRow("loop-key")) ?? {}).sort()).toEqual(["id", "secret"]);
  });

  test("throws when somebody put something else there, and asks again", async () => {
    await createTable(dynamo.client, "another-ledger", "id");
    const put = (secret: unknown) => documents().send(new PutCommand({ TableName: "another-ledger", Item: { id: "loop-key", secret } }));
    await put("swordfish");
    const ledger = open("one", { table: "another-ledger" });
    await expect(ledger.loopKey()).rejects.toThrow("must hold a key of at least 16 octets");
    await put(new Uint8Array(32));
    expect(await ledger.loopKey()).toEqual(new Uint8Array(32));
  });
});
