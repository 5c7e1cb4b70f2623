// Two receipt rules that match one mail announce it twice, under one name, each for its own recipients.

import { expect, test } from "bun:test";
import { type EntryOutcome, handleEntry, type QueueEntry } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { location, TestWay } from "./way.ts";

const mail = "From: bob@remote.test\r\nTo: alice@example.com, carol@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";

class TwoRules extends TestWay {
  announce(recipients: readonly string[]): Promise<EntryOutcome> {
    const head = new TextEncoder().encode(mail);
    const body = writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients, head, receivedAt: this.clock.now() });
    const entry: QueueEntry = { id: recipients.join(), receiptHandle: "r", receiveCount: 1, sentAt: this.clock.now(), body };
    this.clock.advance(10); // a closed mail is not opened again at once
    return handleEntry(entry, this.way());
  }

  /** Recipients in the order in which they got the mail. */
  reached(): readonly string[] {
    return this.courier.sent.flatMap(({ recipients }) => recipients.map(({ address }) => address as string));
  }
}

test("each recipient gets the mail once, whichever rule named him", async () => {
  const two = new TwoRules(mail);
  const ack: EntryOutcome = { kind: "ack" };
  expect(await two.announce(["alice@example.com"])).toEqual(ack);
  expect(await two.announce(["Alice@example.com", "carol@example.com"])).toEqual(ack);
  expect(two.reached()).toEqual(["alice@example.com", "carol@example.com"]);
  expect(await two.announce(["alice@example.com"])).toEqual(ack);
  expect(await two.announce(["carol@example.com"])).toEqual(ack); // SNS says it again
  expect(await two.announce(["Alice@example.com", "carol@example.com"])).toEqual(ack);
  expect(two.reached()).toEqual(["alice@example.com", "carol@example.com"]);
});

test("a recipient who blocked the sender stays blocked in the second notice", async () => {
  const two = new TwoRules(mail);
  two.directory.block("alice@example.com", ["*@remote.test"]);
  await two.announce(["alice@example.com", "carol@example.com"]);
  two.directory.block("alice@example.com", []); // too late for this mail
  await two.announce(["alice@example.com"]);
  expect(two.reached()).toEqual(["carol@example.com"]);
});
