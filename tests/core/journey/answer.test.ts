// What becomes of a reply that may not be sent, or may have been.

import { describe, expect, test } from "bun:test";
import { delayed, type Verdict } from "@sesame/core";
import { type Fault, FaultInjector, faultAt } from "../../fakes/faults.ts";
import { TestWay } from "../../journey/way.ts";

import { alice, bob, endsOf, mail } from "./ends.ts";

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
