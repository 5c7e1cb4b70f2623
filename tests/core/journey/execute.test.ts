// How effects are carried out: who shares a transaction, and what becomes of a reply that may not be sent, or may have been.

import { describe, expect, test } from "bun:test";
import { type Address, addressKey, delayed, type EffectKey, type EpochMs, type Final, noPause, type Verdict } from "@sesame/core";
import { octetsOfRows } from "@sesame/core/rules";
import { type Fault, FaultInjector, faultAt } from "../../fakes/faults.ts";
import { emptyMailRow } from "../../fakes/memory-ledger.ts";
import { location, mailId, TestWay } from "../../journey/way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const [alice, bob] = ["alice@example.com" as Address, "bob@remote.test" as Address];

describe("deliveries of the same octets", () => {
  for (const [count, sizes] of [
    [1, [1]],
    [50, [50]],
    [51, [50, 1]],
    [120, [50, 50, 20]],
  ] as const) {
    test(`to ${count} recipients go in transactions of ${sizes.join(", ")}, in the order of the envelope`, async () => {
      const recipients = Array.from({ length: count }, (_, i) => `a${i}@example.com`);
      const way = new TestWay(mail, { recipients });
      expect(await way.receive()).toEqual({ kind: "ack" });
      expect(way.courier.sent.map((sent) => sent.recipients.length)).toEqual([...sizes]);
      expect(way.courier.sent.flatMap((sent) => sent.recipients.map(({ address }) => address as string))).toEqual(recipients);
    });
  }
});

const refusedAfterDot = (status: string): Verdict => ({
  action: "failed",
  status,
  reason: "content-refused",
  scope: "mail",
  detail: `554 ${status}`,
});
const good: Final = { action: "delivered", detail: "250" };

/** `answers`: to the group, then alone, by recipient. `sizes`: recipients of each transaction. `ends`: by recipient. */
const refusedGroups: readonly (readonly [why: string, answers: readonly (readonly Verdict[])[], sizes: readonly number[], ends: string])[] =
  [
    ["two in a row alike end the others", Array(100).fill([refusedAfterDot("5.6.0")]), [50, 1, 1, 50, 1, 1], "failed"],
    [
      "two that differ do not",
      ["5.6.0", "5.6.1", "5.6.0", "5.6.1"].map((status) => [refusedAfterDot("5.6.0"), refusedAfterDot(status)]),
      [4, 1, 1, 1, 1],
      "failed",
    ],
    [
      "one that is taken begins the count anew",
      [refusedAfterDot("5.6.0"), good, refusedAfterDot("5.6.0"), good].map((alone) => [refusedAfterDot("5.6.0"), alone]),
      [4, 1, 1, 1, 1],
      "failed delivered failed delivered",
    ],
  ];
for (const [why, answers, sizes, ends] of refusedGroups) {
  test(`X06 a group that is refused after the dot: ${why}`, async () => {
    const recipients = answers.map((_, i) => `a${i}@example.com` as Address);
    const way = new TestWay(mail, { recipients });
    for (const [i, recipient] of recipients.entries()) way.courier.script("mailbox", recipient, ...(answers[i] ?? []));
    expect(await way.receive()).toEqual({ kind: "ack" });
    expect(way.courier.sent.map((sent) => sent.recipients.length)).toEqual([...sizes]);
    const events = way.journal.events.filter((event) => event.kind === "deed");
    const words = new Map(events.map((event) => [event.key, event.verdict.action]));
    expect([...new Set(words.values())].length > 1 ? [...words.values()].join(" ") : [...new Set(words.values())][0]).toBe(ends);
    expect(words.size).toBe(recipients.length);
  });
}

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

type End = Readonly<{ verdict: string; sends: number; again: string }>;
const throttled = (possibleDuplicate: boolean): Verdict => delayed("throttled", "mail", "slow down", { possibleDuplicate });
const claimed = (value: string): Fault => faultAt("Ledger.claimReply#1", { kind: "answer", value });
const counted = (value: string): Fault => faultAt("Ledger.countReply#1", { kind: "answer", value });
const unreachable: Verdict = delayed("unreachable", "mail", "no connection");
const fails = (point: string): Fault => faultAt(point, { kind: "throw-before", error: new Error("away") });

/** `sends`: how often the reply was handed to SES. `again`: what the next receive makes of it. */
const replies: readonly (readonly [what: string, faults: readonly Fault[], first: Verdict | null, end: End])[] = [
  ["it is claimed", [], null, { verdict: "relayed", sends: 1, again: "none" }],
  [
    "the sender got one meanwhile, for another mail in work",
    [claimed("answered")],
    null,
    { verdict: "skipped already-answered", sends: 0, again: "none" },
  ],
  ["an earlier attempt may have sent it", [claimed("in-doubt")], null, { verdict: "skipped reply-in-doubt", sends: 0, again: "none" }],
  ["its claim fails", [fails("Ledger.claimReply#1")], null, { verdict: "delayed port-error", sends: 0, again: "relayed" }],
  ["SES is not reached", [], unreachable, { verdict: "delayed unreachable", sends: 1, again: "relayed" }],
  [
    "X18 SES throttles it: it gives its claim back, waits and claims again",
    [],
    throttled(false),
    { verdict: "relayed", sends: 2, again: "none" },
  ],
  ["X13 there were too many of them", [counted("exhausted")], null, { verdict: "skipped reply-limit", sends: 0, again: "none" }],
  ["X13 it cannot be counted", [fails("Ledger.countReply#1")], null, { verdict: "delayed port-error", sends: 0, again: "relayed" }],
  [
    "X18 its courier cannot say whose turn it is",
    [fails("Courier.turn#1")],
    null,
    { verdict: "delayed port-error", sends: 0, again: "relayed" },
  ],
  ["SES may have taken it", [], throttled(true), { verdict: "skipped reply-in-doubt", sends: 1, again: "none" }],
  ["its courier throws", [fails("Courier.send#2")], null, { verdict: "skipped reply-in-doubt", sends: 0, again: "none" }],
  [
    "its claim cannot be given back",
    [fails("Ledger.releaseReply#1")],
    throttled(false),
    { verdict: "skipped reply-in-doubt", sends: 1, again: "none" },
  ],
];

describe("a reply", () => {
  for (const [what, faults, first, end] of replies) {
    test(`is ${end.verdict} when ${what}`, async () => {
      const way = new TestWay(mail);
      way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
      if (first !== null) way.courier.script("ses", bob, first, { action: "relayed", detail: "0101" });
      way.faults = new FaultInjector(faults);
      expect(await endsOf("reply", way)).toEqual([end.verdict]);
      const thrown = faults.filter(({ act }) => act.kind === "throw-before").length;
      expect(way.journal.events.filter(({ kind }) => kind === "port-error").length).toBe(thrown);
      expect(way.courier.sent.filter(({ route }) => route === "ses").length).toBe(end.sends);
      way.clock.advance(300);
      expect(await endsOf("reply", way)).toEqual(end.again === "none" ? [] : [end.again]);
    });
  }
});

test("X18 a reply that SES throttles each time is given back after four attempts, without a claim", async () => {
  const way = answering();
  way.courier.script("ses", bob, throttled(false));
  expect(await endsOf("reply", way)).toEqual(["delayed throttled"]);
  expect([way.courier.sends, way.ledger.tables.replies.size, way.ledger.tables.claims.size]).toEqual([5, 0, 0]);
});

test("X18 a reply waits for its turn, is counted and then claimed, in this order; the courier need not wait again", async () => {
  const way = answering();
  const turns: unknown[] = [];
  way.courier.waits.push(async (route) => {
    turns.push(route, way.ledger.tables.counters.size, way.ledger.tables.replies.size);
    return "ready";
  });
  expect(await endsOf("reply", way)).toEqual(["relayed"]);
  expect(turns).toEqual(["ses", 0, 0]);
  const calls = way.faults.points.filter((point) => /turn|Reply|send/.test(point));
  expect(calls).toEqual(["Courier.send#1", "Courier.turn#1", "Ledger.countReply#1", "Ledger.claimReply#1", "Courier.send#2"]);
  expect(way.courier.sent.map(({ hasTurn }) => hasTurn)).toEqual([false, true]);
});

test("X18 a reply that gets no turn has claimed and counted nothing", async () => {
  const way = answering();
  way.courier.waits.push(async () => delayed("throttled", "mail", "too many mails wait"));
  expect(await endsOf("reply", way)).toEqual(["delayed throttled"]);
  expect([way.ledger.tables.counters.size, way.ledger.tables.replies.size]).toEqual([0, 0]);
});

test("X18 a stop during the wait claims nothing, and the next worker sends the reply", async () => {
  const way = answering();
  const stop = { stopped: false };
  const ports = way.way();
  way.way = () => ({ ...ports, stop });
  way.courier.waits.push(async () => {
    stop.stopped = true;
    return "ready";
  });
  expect(await endsOf("reply", way)).toEqual(["delayed stopped"]);
  expect([way.ledger.tables.counters.size, way.ledger.tables.replies.size]).toEqual([0, 0]);
  stop.stopped = false;
  expect(await endsOf("reply", way)).toEqual(["relayed"]);
});

test("X13 a reply whose mail is tried again counts once, in the hour in which the mail came", async () => {
  const way = answering();
  way.courier.script("ses", bob, unreachable, unreachable, { action: "relayed", detail: "0101" });
  for (const ends of ["delayed unreachable", "delayed unreachable", "relayed"]) {
    expect(await endsOf("reply", way)).toEqual([ends]);
    way.clock.advance(3600);
  }
  const counters = [...way.ledger.tables.counters].map(([id, entries]) => [id, entries.size]);
  expect(counters).toEqual([
    ["replies#bob@remote.test#2026-01-05", 1],
    ["replies#alice@example.com#2026-01-05T12", 1],
  ]);
});

function answering(): TestWay {
  const way = new TestWay(mail);
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away" });
  return way;
}

/** What the journal tells of replies, or forwards, in one receive. */
async function endsOf(effect: "forward" | "reply", way: TestWay): Promise<readonly string[]> {
  way.journal.events.length = 0;
  await way.receive();
  return way.journal.events.flatMap((event) => {
    if (event.kind !== "deed" || event.effect !== effect) return [];
    const { verdict } = event;
    return ["reason" in verdict ? `${verdict.action} ${verdict.reason}` : verdict.action];
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
