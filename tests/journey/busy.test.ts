// A second entry of a mail that this process works on, and a claim whose other questions fail.

import { expect, test } from "bun:test";
import { type EntryOutcome, handleEntry, type QueueEntry } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { type Fault, FaultInjector } from "../fakes/faults.ts";
import { location, mailId, TestWay } from "./way.ts";

const mail = "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";

function entryOf(way: TestWay, receiveCount: number): QueueEntry {
  const head = new TextEncoder().encode(mail);
  const recipients = ["alice@example.com"];
  const body = writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients, head, receivedAt: way.clock.now() });
  return { id: "e2", receiptHandle: "r", receiveCount, sentAt: way.clock.now(), body };
}

test("handleEntry() lets a second entry of a mail in work wait, and longer each time: that work may take ten minutes", async () => {
  const test = new TestWay(mail);
  const way = test.way();
  way.inWork.add(mailId);
  const waits: number[] = [];
  for (let count = 1; count < 10; count++) {
    const outcome: EntryOutcome = await handleEntry(entryOf(test, count), way);
    waits.push(outcome.kind === "retry" ? outcome.afterSeconds : 0);
  }
  expect(waits[0]).toBeGreaterThanOrEqual(5);
  expect(waits[0]).toBeLessThan(20);
  expect(waits.reduce((sum, seconds) => sum + seconds, 0)).toBeGreaterThan(3600);
  expect(test.courier.sends).toBe(0);
});

test("handleEntry() tells of the question that failed, also where the claim cannot be given back", async () => {
  const test = new TestWay(mail);
  const fails = (port: string, method: string, text: string): Fault => {
    return { port, method, call: 0, act: { kind: "throw-before", error: new Error(text) } };
  };
  test.faults = new FaultInjector([fails("MailStore", "open", "S3 is away"), fails("Ledger", "record", "DynamoDB is away")]);
  await expect(handleEntry(entryOf(test, 1), test.way())).rejects.toThrow("S3 is away");
});
