// In which order effects run, what they wait for, and that a mail that is half done is finished.

import { expect, test } from "bun:test";
import { type Address, addressKey, delayed, type EffectKey, type EpochMs, type Final, noPause, type Verdict } from "@sesame/core";
import { octetsOfRows } from "@sesame/core/rules";
import { emptyMailRow } from "../../fakes/memory-ledger.ts";
import { location, mailId, TestWay } from "../../journey/way.ts";

import { alice, bob, endsOf, good, mail } from "./ends.ts";

test("X02 a mail with a long header and thousands of forwards is composed one forward at a time, within the budget", async () => {
  const recipients = Array.from({ length: 20 }, (_, i) => `a${i}@example.com`);
  const way = new TestWay(mail.replace("\r\n\r\n", `\r\n${`X-Long: ${"x".repeat(900)}\r\n`.repeat(110)}\r\n`), { recipients });
  const forwards = Array.from({ length: 50 }, (_, i) => `t${i}@remote.test`);
  for (const recipient of recipients) way.directory.rule(recipient, { forwards });
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sent.filter(({ route }) => route === "ses").length).toBe(1000);
  // What is held at the end are the rows, which stay with the mail.
  const rows = await octetsOfRows({ rules: new Map(recipients.map((key) => [key, { forwards }])), blocked: new Map() }, noPause);
  const composed = way.budget.most - rows;
  expect([way.budget.held, composed < 32 * 1024, composed > 0]).toEqual([rows, true, true]);
});

test("X03 a reply and a forward that find no room wait, and nothing of them was sent", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away", forwards: ["t@remote.test"] });
  way.budget.limit = 1000;
  expect((await way.receive()).kind).toBe("retry");
  expect(way.courier.sent.map(({ route }) => route)).toEqual(["mailbox"]);
  way.budget.limit = 1_000_000;
  expect(await way.untilDone()).toBeGreaterThan(1);
  expect(way.courier.sent.map(({ route }) => route)).toEqual(["mailbox", "ses", "ses"]);
});

const refusals = [
  ["content-refused", "5.6.0", "skipped delivery-refused"],
  ["policy-refused", "5.7.1", "skipped delivery-refused"],
  ["no-such-mailbox", "5.1.1", "relayed"],
  ["mailbox-full", "5.2.2", "relayed"],
  ["too-big", "5.3.4", "relayed"],
] as const;
for (const [reason, status, verdict] of refusals) {
  test(`a forward is ${verdict} when its delivery failed as ${reason}, and a reply is not sent`, async () => {
    const way = new TestWay(mail);
    way.directory.rule("*@example.com", { ooo_active: true, ooo_message: "I am away", forwards: ["away@remote.test"] });
    way.courier.script("mailbox", alice, { action: "failed", status, reason, scope: "recipient", detail: "no" });
    expect(await endsOf("forward", way)).toEqual([verdict]);
    expect(way.courier.mailsFor(bob)).toEqual([]);
  });
}

const [one, two] = ["alice+1@example.com", "alice+2@example.com"] as [Address, Address];
const tagged = (): TestWay => {
  const way = new TestWay(mail, { recipients: [one, two] });
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test"] });
  return way;
};
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "no" };
const full: Verdict = { action: "failed", status: "5.2.2", reason: "mailbox-full", scope: "recipient", detail: "full" };
const noContent: Verdict = { action: "failed", status: "5.6.0", reason: "content-refused", scope: "recipient", detail: "no" };
const waits = delayed("try-later", "recipient", "450");
/** `first`, `second`: how the deliveries end. `reply`, `forward`: what becomes of the shared effects in the first receive. */
const shared: readonly (readonly [first: Verdict, second: Verdict, reply: string, forward: string])[] = [
  [good, good, "relayed", "relayed"],
  [full, good, "relayed", "relayed"],
  [good, full, "relayed", "relayed"],
  [waits, good, "relayed", "relayed"],
  [full, full, "skipped not-delivered", "relayed"],
  [noContent, noContent, "skipped not-delivered", "skipped delivery-refused"],
  [noContent, good, "relayed", "relayed"],
  [noContent, full, "skipped not-delivered", "relayed"],
  [waits, full, "delayed waits-for-delivery", "relayed"],
  [waits, noContent, "delayed waits-for-delivery", "delayed waits-for-delivery"],
  [waits, waits, "delayed waits-for-delivery", "delayed waits-for-delivery"],
];
const wordOf = (verdict: Verdict) => ("reason" in verdict ? verdict.reason : verdict.action);
for (const [first, second, reply, forward] of shared) {
  test(`X12 a reply is ${reply} and a forward ${forward} when its recipients end as ${wordOf(first)} and ${wordOf(second)}`, async () => {
    const way = tagged();
    way.courier.script("mailbox", one, first, good);
    way.courier.script("mailbox", two, second, good);
    expect(await endsOf("reply", way)).toEqual([reply]);
    const again = tagged();
    again.courier.script("mailbox", one, first, good);
    again.courier.script("mailbox", two, second, good);
    expect(await endsOf("forward", again)).toEqual([forward]);
    await again.untilDone();
    expect(again.courier.sent.filter(({ route }) => route !== "mailbox").length).toBeLessThanOrEqual(2);
  });
}

test("X12 a recipient without a mailbox has the mail where the shared forward took it", async () => {
  const way = tagged();
  for (const recipient of [one, two]) way.courier.script("mailbox", recipient, noMailbox);
  await way.untilDone();
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
  expect(way.store.attributesOf(location)).not.toHaveProperty("invalid_inboxes");
});

test("X12 a mail that an earlier version left half done is finished without a second reply or copy", async () => {
  const way = tagged();
  const finals: [string, Final][] = [
    [`deliver ${one}`, good],
    [`deliver ${two}`, good],
    [`reply ${one}`, { action: "relayed", detail: "0101" }],
    [`forward ${one} x@other.test`, { action: "relayed", detail: "0102" }],
  ];
  way.ledger.tables.mails.set(mailId, { ...emptyMailRow(), finals: new Map(finals as [EffectKey, Final][]) });
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sends).toBe(0);
});

test("X12 a reply that an earlier version may have sent for a tag is not sent", async () => {
  const way = tagged();
  const text = { textHash: "of whatever text", until: (way.clock.now() + 86_400_000) as EpochMs, mailId };
  const row = { recipient: addressKey(two), sender: addressKey(bob), effect: `reply ${two}` as EffectKey, ...text };
  way.ledger.tables.replies.set(JSON.stringify([row.recipient, row.sender]), row);
  await way.untilDone();
  expect(way.courier.mailsFor(bob)).toEqual([]);
});
