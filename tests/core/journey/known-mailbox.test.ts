// Whose refusal must be repeated, when it is, and that it costs one attempt and no write of its own.

import { expect, test } from "bun:test";
import type { Address, EffectKey, EpochMs, Final, Verdict } from "@sesame/core";
import { type Mailboxes, noKnownMailboxes } from "@sesame/core/journey";
import { firstRefusal, needsSecondTry, splitFirstRefusals } from "../../../packages/core/journey/known-mailbox.ts";
import { location, TestWay } from "../../journey/way.ts";

const alice = "alice@example.com" as Address;
const bob = "bob@example.com" as Address;
const mail = "From: Carol <carol@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const noSuch: Final = {
  action: "failed",
  status: "5.1.1",
  reason: "no-such-mailbox",
  scope: "recipient",
  detail: "550 5.1.1 no such user",
};
const full: Verdict = { action: "failed", status: "5.2.2", reason: "mailbox-full", scope: "recipient", detail: "552 5.2.2" };

const anyMailbox: Mailboxes = { mayExist: () => true, tookMail: () => {} };

/** Why, the verdict, the row that applies, whether the mailbox took mail before, and whether a second try is needed. */
const cases: readonly (readonly [why: string, verdict: Verdict, row: string | null, took: boolean, needed: boolean])[] = [
  ["nobody knows the mailbox", noSuch, null, false, false],
  ["a catch-all row applies", noSuch, "*@example.com", false, false],
  ["it has a row of its own", noSuch, "alice@example.com", false, true],
  ["it took mail", noSuch, null, true, true],
  ["it is full", full, "alice@example.com", true, false],
  ["it took this mail", { action: "delivered", detail: "250" }, "alice@example.com", true, false],
];
for (const [why, verdict, row, took, needed] of cases) {
  test(`X09 needsSecondTry() says ${needed} when ${why}`, () => {
    expect(needsSecondTry(verdict, alice, row, took ? anyMailbox : noKnownMailboxes)).toBe(needed);
  });
}

test("X09 splitFirstRefusals() finds what firstRefusal() wrote, and leaves the finals", () => {
  const delivery = 'deliver "a b"@example.com' as EffectKey;
  const recorded = new Map<EffectKey, Final>([firstRefusal(delivery, 1234 as EpochMs, noSuch), [delivery, noSuch]]);
  expect(splitFirstRefusals(recorded)).toEqual({
    finals: new Map([[delivery, noSuch]]),
    firstRefusals: new Map([[delivery, 1234 as EpochMs]]),
  });
});

const actions = (way: TestWay) => way.journal.events.flatMap((event) => (event.kind === "deed" ? [event.verdict.action] : []));

test("X09 a known mailbox is tried again once, ten minutes later, and delivered if the server knows it then", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards: [] });
  way.courier.script("mailbox", alice, noSuch, { action: "delivered", detail: "250" });
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 600 });
  way.clock.advance(599);
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 600 });
  expect(way.courier.sent.length).toBe(1);
  way.clock.advance(2);
  way.changeWorker();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect([way.courier.sent.length, actions(way)]).toEqual([2, ["delayed", "delayed", "delivered"]]);
});

test("X09 a known mailbox that is refused twice has failed, and only its own recipient waits", async () => {
  const way = new TestWay(mail, { recipients: [alice, bob] });
  way.directory.rule(alice, { forwards: [] });
  way.courier.script("mailbox", alice, noSuch);
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 600 });
  expect(way.courier.mailsFor(bob).length).toBe(1);
  way.clock.advance(601);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect([way.courier.mailsFor(bob).length, way.courier.sends]).toEqual([1, 2]);
  expect(way.store.attributesOf(location)).toMatchObject({ status: "partial", invalid_inboxes: alice });
});

test("X09 a mailbox that took mail before counts as known, and writes to the ledger are as many as for a mail that waits otherwise", async () => {
  const way = new TestWay(mail);
  way.courier.script("mailbox", alice, noSuch);
  expect(await way.receive({ mailboxes: anyMailbox })).toEqual({ kind: "retry", afterSeconds: 600 });
  const plain = new TestWay(mail);
  plain.courier.script("mailbox", alice, {
    action: "delayed",
    status: "4.2.0",
    reason: "try-later",
    scope: "recipient",
    detail: "450",
    possibleDuplicate: false,
  });
  await plain.receive();
  expect(way.faults.points.filter((point) => point.startsWith("Ledger"))).toEqual(
    plain.faults.points.filter((point) => point.startsWith("Ledger")),
  );
});
