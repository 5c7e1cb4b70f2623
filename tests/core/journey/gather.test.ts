// What is asked for a notice before anything is decided: mails that come within it, and claims that must be given back.

import { describe, expect, test } from "bun:test";
import { type Address, addressKey, type EffectKey, type EpochMs, headLimit, type Notice, type StoredMail } from "@sesame/core";
import { gather } from "../../../packages/core/journey/gather.ts";
import { NoRoom, PortError } from "../../../packages/core/journey/port-error.ts";
import { traceHashes } from "../../../packages/core/journey/trace-hashes.ts";
import { type Fault, FaultInjector, faultAt } from "../../fakes/faults.ts";
import { location, mailId, TestWay } from "../../journey/way.ts";
import { inline as inlineNotice, noticeOf, received, sns } from "../ses/notice-sample.ts";

const alice = "alice@example.com" as Address;
const header = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\n";

/** A mail of so many octets, no two neighbours of which are the same. */
function mailOf(size: number): Uint8Array {
  const octets = new Uint8Array(size).map((_, at) => 33 + ((at * 7) % 91));
  octets.set(new TextEncoder().encode(header));
  return octets;
}

/** The notice of an SNS action, which brings the mail itself. */
function inline(octets: Uint8Array): TestWay {
  const body = JSON.stringify({
    notificationType: "Received",
    mail: { messageId: "k1", source: "bob@remote.test", timestamp: "2026-01-05T12:00:00Z" },
    receipt: { recipients: [alice], action: { type: "SNS", encoding: "BASE64" } },
    content: Buffer.from(octets).toString("base64"),
  });
  return new TestWay(header, { body: () => body });
}

describe("a mail that comes within its notice", () => {
  for (const size of [header.length, 1000, headLimit - 1, headLimit, headLimit + 1, 3 * headLimit]) {
    test(`of ${size} octets is delivered to its last one`, async () => {
      const way = inline(mailOf(size));
      expect(await way.receive()).toEqual({ kind: "ack" });
      expect(way.courier.mailsFor(alice).map((octets) => Buffer.compare(octets, mailOf(size)))).toEqual([0]);
      expect([way.store.opens, way.journal.events.filter(({ kind }) => kind === "audit-failed").length]).toEqual([0, 0]);
    });
  }

  test("is forwarded with its body to the last octet", async () => {
    const way = inline(mailOf(2 * headLimit));
    way.directory.rule(alice, { forwards: ["away@remote.test"] });
    expect(await way.receive()).toEqual({ kind: "ack" });
    const [forward = new Uint8Array()] = way.courier.mailsFor("away@remote.test" as Address);
    const body = mailOf(2 * headLimit).subarray(header.length);
    expect(Buffer.compare(forward.subarray(-body.length), body)).toBe(0);
  });

  test("is delivered once, however often its notice comes", async () => {
    const way = inline(mailOf(1000));
    for (let i = 0; i < 3; i++) expect(await way.receive()).toEqual({ kind: "ack" });
    expect(way.courier.sends).toBe(1);
  });
});

test("the claim keeps the hashes by which the mail is found again, also where a second notice opens it", async () => {
  const mail = `${header}Message-ID: <1@remote.test>\r\n\r\nHello\r\n`.replace("\r\n\r\nMessage", "\r\nMessage");
  const way = new TestWay(mail, { recipients: ["Alice+shop@example.com"] });
  expect(await way.receive()).toEqual({ kind: "ack" });
  const key = await way.ledger.loopKey();
  const expected = traceHashes(key, "<1@remote.test>", [addressKey("alice+shop@example.com" as Address)]);
  const row = way.ledger.tables.mails.get(mailId);
  expect([row?.message, [...(row?.named ?? [])]]).toEqual([expected.message, [...expected.recipients]]);
  expect(row?.since).toBe(way.clock.now());
});

test("a mail is claimed without the hashes while their key cannot be read, and with them later", async () => {
  const way = new TestWay(`${header}Hello\r\n`);
  way.faults = new FaultInjector([faultAt("Ledger.loopKey#1", { kind: "throw-before" })]);
  await way.receive().catch(() => null);
  expect(way.ledger.tables.mails.get(mailId)).toMatchObject({ since: null, owner: null });
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.ledger.tables.mails.get(mailId)?.named.size).toBe(1);
});

test("a mail that may not be opened is named, and nothing of it is claimed or opened", async () => {
  const way = new TestWay(`${header}Hello\r\n`, { body: (body) => body.replaceAll("example-com-emails", "payroll") });
  const error = await way.receive().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PortError);
  const { port, operation, message } = error as PortError;
  expect([port, operation, message.includes('"payroll/k1"'), way.store.opens]).toEqual(["MailStore", "open", true, 0]);
  expect(way.faults.points.filter((point) => /^(?:Ledger|MailStore)/.test(point))).toEqual([]);
});

test("a claim is given back before the failure of another question is told", async () => {
  const way = new TestWay(`${header}Hello\r\n`);
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  way.faults = new FaultInjector([
    faultAt("MailStore.open#1", { kind: "throw-before", error: new Error("S3 is away") }),
    faultAt("Ledger.record#1", { kind: "answer-by", make: () => gate.then(() => "recorded") }),
  ]);
  const ended: string[] = [];
  const receiving = way.receive().catch((error: Error) => ended.push(error.message));
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect([way.faults.points.includes("Ledger.record#1"), ...ended]).toEqual([true]);
  release();
  await receiving;
  expect(ended).toEqual(["S3 is away"]);
});

const notice: Notice = {
  ...noticeOf(sns(received({ receipt: { recipients: ["Alice+x@example.com", "eve@elsewhere.test"] } }))),
  mailId,
  location,
};
const fails = (point: string, text = point): Fault => faultAt(point, { kind: "throw-before", error: new Error(text) });
const failing = (...faults: readonly Fault[]): TestWay => {
  const way = new TestWay(`${header}Hello\r\n`);
  way.faults = new FaultInjector(faults);
  return way;
};

test("gather() asks every question at once, and decodes what it hears", async () => {
  const way = failing();
  way.directory.rule(alice, { forwards: ["away@remote.test"] });
  way.directory.block("*@example.com", ["*@spam.test"]);
  const gathered = await gather(notice, way.way());
  if (gathered.kind !== "held" || gathered.stored === "missing") throw new Error(gathered.kind);
  expect(way.faults.points.toSorted()).toEqual(["Directory.look#1", "Ledger.claim#1", "Ledger.loopKey#1", "MailStore.open#1"]);
  expect(way.directory.asked.map(({ rules }) => rules)).toEqual([["alice+x@example.com", "alice@example.com", "*@example.com"]]);
  expect(gathered.recipients.map(({ kind }) => kind)).toEqual(["served", "refused"]);
  expect([gathered.rules.get(alice)?.forwards as unknown, gathered.blocklist.rows.size]).toEqual([["away@remote.test"], 1]);
  expect([gathered.lease.mailId, gathered.stored.size, gathered.loopKey.length]).toEqual([mailId, header.length + 7, 32]);
});

test("gather() asks no directory where no recipient is served", async () => {
  const way = failing();
  const nobody = { ...notice, envelope: { ...notice.envelope, recipients: ["eve@elsewhere.test", "no address"] } };
  expect((await gather(nobody, way.way())).kind).toBe("held");
  expect(way.directory.asked).toEqual([]);
});

for (const size of [0, 1, headLimit - 1, headLimit, headLimit + 1, 2 * headLimit + 7]) {
  test(`gather() opens a mail of ${size} octets within its notice as a store would`, async () => {
    const octets = new Uint8Array(size).map((_, at) => (at * 7) % 251);
    const { stored } = (await gather(noticeOf(sns(inlineNotice(Buffer.from(octets).toString("base64"), "BASE64"))), failing().way())) as {
      stored: StoredMail;
    };
    const restOf = async () => {
      const pieces: Uint8Array[] = [];
      for await (const piece of stored.rest()) pieces.push(new Uint8Array(piece));
      return Buffer.concat(pieces);
    };
    expect([stored.size, stored.head.length]).toEqual([size, Math.min(size, 256 * 1024)]);
    expect(Buffer.compare(stored.head, octets.subarray(0, 256 * 1024))).toBe(0);
    // From their start each time.
    for (let i = 0; i < 2; i++) expect(Buffer.compare(await restOf(), octets.subarray(256 * 1024))).toBe(0);
    expect(Buffer.compare(await stored.whole(), octets)).toBe(0);
  });
}

for (const point of ["Directory.look#1", "MailStore.open#1", "Ledger.loopKey#1"]) {
  test(`gather() gives the claim back when ${point.replace("#1", "()")} fails`, async () => {
    const way = failing(fails(point));
    await expect(gather(notice, way.way())).rejects.toThrow(point);
    expect(way.ledger.tables.mails.get(mailId)).toMatchObject({ owner: null, closed: false, crashes: 0 });
    way.changeWorker();
    const next = await gather(notice, way.way());
    expect(next).toMatchObject({ kind: "held", lease: { crashes: 0, takenOver: false } });
  });
}

test("X24 gather() neither claims nor opens a mail that the notice may not name", async () => {
  const way = failing();
  await expect(gather(notice, { ...way.way(), mayOpen: () => false })).rejects.toThrow("Correct MAIL_OBJECTS");
  expect([way.store.opens, way.ledger.tables.mails.size]).toEqual([0, 0]);
});

test("gather() tells of the question that failed, whether or not the claim can be given back", async () => {
  const way = failing(fails("MailStore.open#1", "S3 is away"), fails("Ledger.record#1", "DynamoDB is away"));
  await expect(gather(notice, way.way())).rejects.toThrow("S3 is away");
});

test("gather() gives back no claim that it has not got", async () => {
  const way = failing(fails("Ledger.claim#1", "DynamoDB is away"), fails("MailStore.open#1", "S3 is away"));
  await expect(gather(notice, way.way())).rejects.toThrow("DynamoDB is away");
  expect(way.faults.points.filter((point) => point.startsWith("Ledger.record"))).toEqual([]);
});

for (const [when, faults] of [
  ["all else is answered", []],
  ["another question fails", [fails("MailStore.open#1")]],
] as const) {
  test(`gather() says until when another worker has the mail, and touches nothing, when ${when}`, async () => {
    const way = failing(...faults);
    const ports = way.way();
    await ports.ledger.claim(mailId, 120, []);
    way.changeWorker();
    const until = (way.clock.now() + 120_000) as EpochMs;
    expect(await gather(notice, way.way())).toEqual({ kind: "busy", until });
    expect(way.faults.points.filter((point) => point.startsWith("Ledger.record"))).toEqual([]);
  });

  test(`gather() says for whom a mail was closed when ${when}`, async () => {
    const way = failing(...faults);
    const { ledger } = way.way();
    const claim = await ledger.claim(mailId, 120, []);
    const finals = new Map([["deliver alice+x@example.com" as EffectKey, { action: "delivered", detail: "250" } as const]]);
    if (claim.kind === "held") await ledger.record(claim.lease, finals, "close");
    const gathered = await gather(notice, way.way());
    if (gathered.kind !== "closed") throw new Error(gathered.kind);
    expect([gathered.finals, gathered.recipients.length]).toEqual([finals, 2]);
    expect(gathered.answers === null).toBe(faults.length > 0); // its object may be gone, and is needed for the mark alone
    expect(way.faults.points.filter((point) => point.startsWith("Ledger.record")).length).toBe(1);
  });
}

test("gather() tells of a lease that it took over although another question fails: the next attempt cannot know of it", async () => {
  const way = failing(fails("MailStore.open#1"));
  await way.way().ledger.claim(mailId, 120, []);
  way.changeWorker();
  way.clock.advance(121);
  await expect(gather(notice, way.way())).rejects.toThrow("MailStore.open#1");
  expect(way.journal.events).toEqual([{ kind: "taken-over", mailId, crashes: 1 }]);
  expect(await gather(notice, way.way())).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: false } });
});

describe("X04 the rows of users", () => {
  const rule = { ooo_active: false, ooo_message: "x".repeat(10_000) };

  test("are charged to the memory of the mail, and not given back before its end", async () => {
    const way = new TestWay(`${header}Hello\r\n`);
    way.directory.rule(alice, rule);
    way.directory.block(alice, ["*@spam.test"]);
    await way.receive();
    expect(way.courier.sends).toBe(1);
    expect(way.budget.held).toBeGreaterThan(20_000);
    expect(way.budget.held).toBeLessThan(21_000);
  });

  test("make the mail wait where memory has no room for them: nothing is sent, and the claim is given back", async () => {
    const way = new TestWay(`${header}Hello\r\n`);
    way.directory.rule(alice, rule);
    way.budget.limit = 20_000;
    const error = await way.receive().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NoRoom);
    expect(error).toMatchObject({ port: "ByteBudget", operation: "rows" });
    expect([way.courier.sends, way.budget.held]).toEqual([0, 0]);
    way.budget.limit = 100_000;
    expect(await way.receive()).toEqual({ kind: "ack" });
    expect([way.courier.sends, way.journal.events.filter(({ kind }) => kind === "taken-over").length]).toEqual([1, 0]);
  });
});
