// What the entry hears of a mail whose lease was lost, or whose work failed. The whole way is in tests/journey.

import { expect, test } from "bun:test";
import { type Address, type EffectKey, handleEntry } from "@sesame/core";
import { FaultInjector, faultAt } from "../../fakes/faults.ts";
import { location, mailId, TestWay } from "../../journey/way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const alice = "alice@example.com" as Address;

test("handleEntry() leaves the entry alone when another worker has the mail by now, and marks nothing", async () => {
  const way = new TestWay(mail);
  way.faults = new FaultInjector([faultAt("Ledger.record#1", { kind: "answer", value: "fenced" })]);
  expect(await way.receive()).toEqual({ kind: "leave" });
  expect(way.courier.sends).toBe(1);
  expect(way.journal.events.filter(({ kind }) => kind === "fenced" || kind === "mail")).toEqual([
    { kind: "fenced", mailId, keys: [`deliver ${alice}` as EffectKey] },
  ]);
  expect(way.store.attributesOf(location)).toEqual({});
});

test("handleEntry() begins nothing more when another worker has the mail after its delivery", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards: ["away@remote.test"] });
  way.faults = new FaultInjector([faultAt("Ledger.record#1", { kind: "answer", value: "fenced" })]); // before the forward
  expect(await way.receive()).toEqual({ kind: "leave" });
  expect(way.courier.sent.map(({ route }) => route)).toEqual(["mailbox"]);
});

test("handleEntry() throws what made its work fail, and gives the mail back, also where that fails too", async () => {
  for (const releaseFails of [false, true]) {
    const way = new TestWay(mail);
    way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
    way.faults = new FaultInjector([
      faultAt("Ledger.recall#1", { kind: "throw-before", error: new Error("DynamoDB is away") }),
      ...(releaseFails ? [faultAt("Ledger.record#1", { kind: "throw-before" as const, error: new Error("still away") })] : []),
    ]);
    await expect(way.receive()).rejects.toThrow("DynamoDB is away");
    expect(way.faults.points.filter((point) => point.startsWith("Ledger.record"))).toEqual(["Ledger.record#1"]);
    way.changeWorker();
    expect((await way.receive()).kind).toBe(releaseFails ? "retry" : "ack"); // whoever comes next waits for no lease
  }
});

test("handleEntry() gives an entry back until the lease of the other worker is over, and says so", async () => {
  const way = new TestWay(mail);
  way.faults = new FaultInjector([faultAt("Courier.send#1", { kind: "die-before" })]);
  await way.receive().catch(() => {}); // says the dead one
  way.faults.revive();
  way.journal.events.length = 0;
  way.clock.advance(19.5);
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 101 });
  const until = way.clock.now() + 100_500;
  expect(way.journal.events.filter(({ kind }) => kind === "busy-elsewhere")).toEqual([
    { kind: "busy-elsewhere", mailId, until: until as never },
  ]);
});

test("handleEntry() holds no lease of a mail that is not there, so that another worker may look at once", async () => {
  const way = new TestWay(mail);
  way.faults = new FaultInjector([faultAt("MailStore.open#1", { kind: "answer", value: "missing" })]);
  expect((await way.receive()).kind).toBe("retry");
  way.changeWorker();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.journal.events.filter(({ kind }) => kind === "busy-elsewhere" || kind === "taken-over")).toEqual([]);
});

test("handleEntry() tells how long each stage took, in the order in which a mail goes through them", async () => {
  const way = new TestWay(mail);
  await way.receive();
  const stages = way.journal.events.flatMap((event) => (event.kind === "stage" ? [event.stage as string] : []));
  expect(stages).toEqual(["decode", "gather", "parse", "look-up", "plan", "execute", "close"]);
});

for (const [what, point] of [
  ["is not there", "MailStore.open#1"],
  ["cannot be worked on", "Ledger.recall#1"],
] as const) {
  test(`handleEntry() ends only when the lease of a mail that ${what} is given back`, async () => {
    const way = new TestWay(mail);
    way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    way.faults = new FaultInjector([
      faultAt(point, point.startsWith("MailStore") ? { kind: "answer", value: "missing" } : { kind: "throw-before" }),
      faultAt("Ledger.record#1", { kind: "answer-by", make: () => gate.then(() => "recorded") }),
    ]);
    const ended: string[] = [];
    const receiving = way.receive().then(
      () => ended.push("ended"),
      () => ended.push("failed"),
    );
    for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    expect([way.faults.points.includes("Ledger.record#1"), ...ended]).toEqual([true]);
    release();
    await receiving;
    expect(ended.length).toBe(1);
  });
}

test("handleEntry() writes no mark for a closed mail whose entry comes for the first time: its worker may be about to", async () => {
  const way = new TestWay(mail);
  way.faults = new FaultInjector([faultAt("MailStore.mark#1", { kind: "die-before" })]);
  await way.receive();
  way.faults.revive();
  way.moveBack();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.store.attributesOf(location)).toEqual({});
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
});

test("handleEntry() tells the caller of each lease, so that it can be extended", async () => {
  const leases: string[] = [];
  const test = new TestWay(mail);
  const body = await bodyOf(test);
  await handleEntry(body, { ...test.way(), onLease: (lease) => void leases.push(lease.mailId) });
  expect(leases).toEqual([mailId]);
});

/** The calls of the ports up to the moment when the caller is told that the end is recorded. `null`: it was not told. */
async function callsBeforeRecorded(way: TestWay, of: (body: string) => string = (body) => body): Promise<readonly string[] | null> {
  let told: readonly string[] | null = null;
  const onRecorded = () => {
    expect(told).toBeNull(); // once
    told = [...way.faults.points];
  };
  const entry = await bodyOf(way);
  await handleEntry({ ...entry, body: of(entry.body) }, { ...way.way(), onRecorded });
  return told;
}

test("handleEntry() tells the caller when the end is recorded, before the mark and the rows of what was sent", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards: ["x@other.test"] });
  const calls = await callsBeforeRecorded(way);
  expect(calls?.at(-1)).toBe("Ledger.record#2"); // the delivery; the forward with the end
  expect(way.faults.points.slice(calls?.length)).toEqual(["Outbound.note#1", "MailStore.mark#1"]);
});

test("handleEntry() does not tell of an end that was not recorded", async () => {
  for (const value of ["fenced", "throws"] as const) {
    const way = new TestWay(mail);
    const fault = value === "fenced" ? ({ kind: "answer", value } as const) : ({ kind: "throw-before" } as const);
    way.faults = new FaultInjector([faultAt("Ledger.record#1", fault), faultAt("Ledger.record#2", fault)]);
    const told = await callsBeforeRecorded(way).catch(() => null);
    expect([way.courier.sent.length, told]).toEqual([1, null]);
  }
});

test("handleEntry() tells of the last mail of an entry only: the mails before it still need the place of the entry", async () => {
  const way = new TestWay(mail);
  way.store.put({ ...location, key: "k2" }, new TextEncoder().encode(mail));
  const calls = await callsBeforeRecorded(way, (body) => {
    const notice = (JSON.parse(body) as { Message?: string }).Message ?? body;
    const record = (text: string) => ({ eventSource: "aws:ses", ses: JSON.parse(text) as unknown });
    return JSON.stringify({ Records: [record(notice), record(notice.replaceAll("k1", "k2"))] });
  });
  expect(way.courier.sent.length).toBe(2);
  expect(calls?.filter((call) => call.startsWith("MailStore.mark"))).toEqual(["MailStore.mark#1"]);
});

async function bodyOf(way: TestWay) {
  const { writeNotice } = await import("../../../apps/worker/local/ses-notice.ts");
  const head = new TextEncoder().encode(mail);
  const body = writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients: [alice], head, receivedAt: way.clock.now() });
  return { id: "e1", receiptHandle: "r", receiveCount: 1, sentAt: way.clock.now(), body };
}

test("X23 handleEntry() names the copies that may come twice when it is fenced off after it sent, and no auto-reply", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test", "y@other.test"] });
  // Recorded: the delivery, the reply. Then the first forward is sent, and its record refused.
  way.faults = new FaultInjector([faultAt("Ledger.record#3", { kind: "answer", value: "fenced" })]);
  expect(await way.receive()).toEqual({ kind: "leave" });
  const fenced = way.journal.events.filter(({ kind }) => kind === "fenced");
  expect(fenced).toEqual([{ kind: "fenced", mailId, keys: [`forward ${alice} x@other.test` as EffectKey] }]);
  const reply = new TestWay(mail);
  reply.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
  reply.faults = new FaultInjector([faultAt("Ledger.record#2", { kind: "answer", value: "fenced" })]);
  expect(await reply.receive()).toEqual({ kind: "leave" });
  expect(reply.journal.events.filter(({ kind }) => kind === "fenced")).toEqual([{ kind: "fenced", mailId, keys: [] }]);
});

test("X20 handleEntry() forwards no mail of a recipient who blocked it on an earlier visit and unblocked it since", async () => {
  const way = new TestWay(mail, { recipients: [alice, "carol@example.com"] });
  way.directory.block(alice, ["*@remote.test"]);
  way.directory.rule(alice, { forwards: ["x@other.test"] });
  const { ledger } = way.way();
  const claim = await ledger.claim(mailId, 120, []);
  if (claim.kind !== "held") throw new Error(claim.kind);
  await ledger.record(claim.lease, new Map([[`deliver ${alice}` as EffectKey, { action: "skipped", reason: "blocked" }]]), "release");
  way.directory.block(alice, []);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sent.flatMap(({ recipients }) => recipients.map(({ address }) => address as string))).toEqual(["carol@example.com"]);
});
