// The closing of a mail: how long it took, and that nothing is left under way when the entry hears of it.

import { expect, test } from "bun:test";
import { type Address, delayed } from "@sesame/core";
import { FaultInjector, faultAt } from "../../fakes/faults.ts";
import { location, mailId, TestWay } from "../../journey/way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const alice = "alice@example.com" as Address;

test("the closing line says how many seconds the work on the mail took", async () => {
  for (const seconds of [0, 2.5, 600]) {
    const way = new TestWay(mail);
    const send = way.courier.send.bind(way.courier);
    way.courier.send = async (route, transaction) => {
      way.clock.advance(seconds);
      return send(route, transaction);
    };
    way.clock.advance(30); // waited in the queue
    await way.receive();
    const lines = way.journal.events.filter(({ kind }) => kind === "mail");
    expect(lines).toMatchObject([{ mailId, seconds, receiveCount: 1, from: "bob@remote.test", sesId: "k1" }]);
  }
});

test("the row of a forward is there before the entry is acknowledged", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards: ["away@remote.test"] });
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  way.faults = new FaultInjector([faultAt("Outbound.note#1", { kind: "answer-by", make: () => gate })]);
  const ended: string[] = [];
  const receiving = way.receive().then(({ kind }) => ended.push(kind));
  for (let turn = 0; turn < 50; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect([way.faults.points.includes("Outbound.note#1"), ...ended]).toEqual([true]);
  release();
  await receiving;
  expect(ended).toEqual(["ack"]);
});

test("a row that cannot be written costs neither the mark nor the acknowledgement", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards: ["away@remote.test"] });
  way.faults = new FaultInjector([faultAt("Outbound.note#1", { kind: "throw-before" })]);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
  expect(way.journal.events.filter(({ kind }) => kind === "port-error")).toMatchObject([{ port: "Outbound", operation: "note" }]);
});

test("a mail that comes again is not closed: it has no mark before it ends", async () => {
  const way = new TestWay(mail);
  way.courier.script("mailbox", alice, delayed("try-later", "recipient", "450"), { action: "delivered", detail: "250" });
  expect((await way.receive()).kind).toBe("retry");
  expect(way.store.attributesOf(location)).toEqual({});
  expect(way.journal.events.filter(({ kind }) => kind === "mail")).toMatchObject([{ settlement: { kind: "retry", reason: "try-later" } }]);
});
