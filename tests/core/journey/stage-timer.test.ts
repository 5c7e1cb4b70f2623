import { expect, test } from "bun:test";
import type { JournalEvent } from "@sesame/core";
import { stageTimer } from "../../../packages/core/journey/stage-timer.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { FaultInjector, faultAt } from "../../fakes/faults.ts";
import { MemoryJournal } from "../../fakes/memory-journal.ts";
import { TestWay } from "../../journey/way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const stagesOf = (events: readonly JournalEvent[]) =>
  events.flatMap((event) => (event.kind === "stage" ? [[event.stage, event.seconds] as const] : []));

test("stageTimer() tells of each stage the seconds since the one before it, and of the first those since it was made", () => {
  const [clock, journal] = [new FakeClock(), new MemoryJournal()];
  const stage = stageTimer(clock, journal);
  clock.advance(1.5);
  stage("decode");
  stage("gather");
  clock.advance(0.25);
  stage("parse");
  expect(stagesOf(journal.events)).toEqual([
    ["decode", 1.5],
    ["gather", 0],
    ["parse", 0.25],
  ]);
});

test("handleEntry() tells the seven stages in order, each with its own time", async () => {
  const way = new TestWay(mail);
  way.directory.rule("alice@example.com", { ooo_active: true, ooo_message: "I am away" });
  // Time passes in the ports: for the loop key in gather, for the memory in look-up, for the claim and the courier in execute.
  const slow = (point: string, seconds: number, value: () => unknown) =>
    faultAt(point, {
      kind: "answer-by",
      make: () => {
        way.clock.advance(seconds);
        return value();
      },
    });
  way.faults = new FaultInjector([
    slow("Ledger.loopKey#1", 1, () => new Uint8Array(32)),
    slow("Ledger.recall#1", 2, () => new Map()),
    slow("Ledger.claimReply#1", 4, () => "claimed"),
  ]);
  const send = way.courier.send.bind(way.courier);
  way.courier.send = async (route, transaction) => {
    way.clock.advance(8);
    return send(route, transaction);
  };
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sent.map(({ route }) => route)).toEqual(["mailbox", "ses"]);
  expect(stagesOf(way.journal.events)).toEqual([
    ["decode", 0],
    ["gather", 1],
    ["parse", 0],
    ["look-up", 2],
    ["plan", 0],
    ["execute", 20], // the delivery, the claim of the reply and the reply
    ["close", 0],
  ]);
});

const early: readonly (readonly [what: string, point: string, answer: unknown, stages: readonly string[]])[] = [
  ["another worker has the mail", "Ledger.claim#1", { kind: "busy", until: Date.parse("2026-01-05T12:01:00Z") }, ["decode", "gather"]],
  ["the object is missing", "MailStore.open#1", "missing", ["decode", "gather"]],
  ["another worker took it over", "Ledger.record#1", "fenced", ["decode", "gather", "parse", "look-up", "plan", "execute"]],
];
for (const [what, point, value, stages] of early) {
  test(`handleEntry() tells no stage that it did not end when ${what}`, async () => {
    const way = new TestWay(mail);
    way.faults = new FaultInjector([faultAt(point, { kind: "answer", value })]);
    expect((await way.receive()).kind).not.toBe("ack");
    expect(stagesOf(way.journal.events).map(([stage]) => stage as string)).toEqual([...stages]);
  });
}
