// Two notices of one mail under one name, each for its own recipients: what one of them does must not cost the other.

import { expect, test } from "bun:test";
import {
  type Address,
  delayed,
  type EffectKey,
  type EntryOutcome,
  type Final,
  handleEntry,
  type QueueEntry,
  type Verdict,
} from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { formerNoticeId } from "../../packages/core/journey/second-notice.ts";
import { emptyMailRow } from "../fakes/memory-ledger.ts";
import { location, mailId, TestWay } from "./way.ts";

const [alice, carol] = ["alice@example.com" as Address, "carol@example.com" as Address];
const mailTo = (to: string) => `From: bob@remote.test\r\nTo: ${to}\r\nSubject: Hi\r\n\r\nHello\r\n`;
const both = mailTo("alice@example.com, Carol <CAROL@example.com>");
const ack: EntryOutcome = { kind: "ack" };

class TwoNotices extends TestWay {
  readonly #mail: string;

  constructor(mail: string) {
    super(mail);
    this.#mail = mail;
  }

  announce(...recipients: readonly string[]): Promise<EntryOutcome> {
    const head = new TextEncoder().encode(this.#mail);
    const body = writeNotice({ sesId: "k1", location, source: "bob@remote.test", recipients, head, receivedAt: this.clock.now() });
    const entry: QueueEntry = { id: recipients.join(), receiptHandle: "r", receiveCount: 1, sentAt: this.clock.now(), body };
    this.clock.advance(10); // a closed mail is not opened again at once
    return handleEntry(entry, this.way());
  }

  reached(): readonly string[] {
    return this.courier.sent.flatMap(({ recipients }) => recipients.map(({ address }) => address as string));
  }

  async isKept(): Promise<boolean> {
    return (await this.store.open(location)) !== "missing";
  }
}

test("a mail that one notice blocks is not erased while its header names somebody whom another notice may serve", async () => {
  const two = new TwoNotices(both);
  two.directory.block(alice, ["*@remote.test"]);
  expect(await two.announce(alice)).toEqual(ack);
  expect(await two.isKept()).toBe(true);
  expect(await two.announce(carol)).toEqual(ack);
  expect(two.reached()).toEqual([carol]);
});

test("a mail that all its recipients block is erased, whoever else of other domains is named", async () => {
  for (const mail of [mailTo("alice@example.com"), mailTo("Alice@Example.com, dave@remote.test"), mailTo("undisclosed:;")]) {
    const one = new TwoNotices(mail);
    one.directory.block(alice, ["*@remote.test"]);
    expect(await one.announce(alice)).toEqual({ kind: "retry", afterSeconds: 900 });
    one.clock.advance(900);
    expect(await one.announce(alice)).toEqual(ack);
    expect(await one.isKept()).toBe(false);
  }
});

test("a notice that comes second erases no mail that the first one delivered", async () => {
  const two = new TwoNotices(mailTo("list@remote.test"));
  two.directory.block(carol, ["*@remote.test"]);
  await two.announce(alice);
  expect(await two.announce(carol)).toEqual(ack);
  expect([two.reached(), await two.isKept()]).toEqual([[alice], true]);
});

test("a forward that waits is made although another notice of its mail was carried out meanwhile", async () => {
  const two = new TwoNotices(both);
  two.directory.rule(alice, { forwards: ["away@remote.test"] });
  const target = "away@remote.test" as Address;
  two.courier.script("ses", target, delayed("throttled", "mail", "slow down"), { action: "relayed", detail: "0101" });
  expect(await two.announce(alice)).toMatchObject({ kind: "retry" });
  expect(await two.announce(carol)).toEqual(ack);
  expect(await two.announce(alice)).toEqual(ack);
  const expected = [alice, target, carol, target]; // the first try to forward was turned away
  expect(two.reached()).toEqual(expected);
  for (const again of [alice, carol]) expect(await two.announce(again)).toEqual(ack);
  expect(two.reached()).toEqual(expected);
});

test("a delivery that waits is made although another notice of its mail was closed meanwhile", async () => {
  const two = new TwoNotices(both);
  two.courier.script("mailbox", alice, delayed("try-later", "recipient", "450"), { action: "delivered", detail: "250" });
  expect(await two.announce(alice)).toMatchObject({ kind: "retry" });
  for (const each of [carol, alice, carol, alice]) expect(await two.announce(each)).toEqual(ack);
  expect(two.reached()).toEqual([alice, carol, alice]); // the first of them was turned away
});

for (const spelling of ["Alice@example.com", '"alice"@example.com', "ALICE@EXAMPLE.COM"]) {
  test(`X20 a mailbox that a second notice spells ${spelling} gets neither the mail nor its forward twice`, async () => {
    const two = new TwoNotices(both);
    two.directory.rule(alice, { forwards: ["away@remote.test"] });
    const target = "away@remote.test" as Address;
    two.courier.script("ses", target, delayed("throttled", "mail", "slow down"), { action: "relayed", detail: "0101" });
    expect(await two.announce(alice)).toMatchObject({ kind: "retry" });
    expect(await two.announce(spelling, carol)).toEqual(ack);
    expect(await two.announce(alice)).toEqual(ack);
    expect([...two.reached()].sort()).toEqual([alice, target, target, carol].sort()); // the first try to forward was turned away
  });
}

test("X20 a forward of a recipient whom three notices name is made once: to alice, to alice, carol and dave, to carol", async () => {
  const dave = "dave@example.com";
  const target = "away@remote.test" as Address;
  const later = delayed("throttled", "mail", "slow down");
  for (const order of [
    [[alice], [alice, carol, dave], [carol]],
    [[carol], [alice, carol, dave], [alice]],
    [[alice, carol, dave], [carol], [alice]],
  ]) {
    const three = new TwoNotices(both);
    three.directory.rule(carol, { forwards: [target] });
    three.courier.script("ses", target, later, { action: "relayed", detail: "0101" });
    for (let turn = 0; turn < 3; turn++) for (const recipients of order) await three.announce(...recipients);
    const relayed = three.courier.sent.filter(({ verdicts }) => [...verdicts.values()].some(({ action }) => action === "relayed"));
    expect(relayed.length).toBe(1);
    expect(
      three
        .reached()
        .filter((each) => each !== target)
        .sort(),
    ).toEqual([alice, carol, dave]);
    expect(three.ledger.tables.mails.get(mailId)).toMatchObject({ closed: true, waiting: new Set() });
  }
});

test("X22 the audit mark tells of the recipients of all notices, whichever is closed last", async () => {
  const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };
  for (const order of [
    [["gone@example.com"], [carol], [alice]],
    [[alice], ["gone@example.com"], [carol]],
    [[carol], [alice], ["gone@example.com"]],
  ]) {
    const three = new TwoNotices(mailTo("list@remote.test"));
    three.directory.block(carol, ["*@remote.test"]);
    three.courier.script("mailbox", "gone@example.com" as Address, noMailbox);
    for (const recipients of order) await three.announce(...recipients);
    const mark = { status: "partial", invalid_inboxes: "gone@example.com", blocked_sender: "bob@remote.test" };
    expect(three.store.attributesOf(location)).toMatchObject(mark);
  }
});

test("X22 no audit mark is written while the recipients of another notice wait", async () => {
  const two = new TwoNotices(both);
  two.courier.script("mailbox", alice, delayed("try-later", "recipient", "450"), { action: "delivered", detail: "250" });
  await two.announce(alice);
  expect(await two.announce(carol)).toEqual(ack);
  expect(two.store.attributesOf(location)).toEqual({});
  expect(await two.announce(alice)).toEqual(ack);
  expect(two.store.attributesOf(location)).toMatchObject({ status: "delivered" });
});

test("X20 a mail that an earlier version closed is opened for others, and what it kept of them under another id is not repeated", async () => {
  const two = new TwoNotices(both);
  const [final, relayed] = [
    { action: "delivered", detail: "250" },
    { action: "relayed", detail: "0101" },
  ] as const;
  const target = "away@remote.test";
  two.directory.rule(carol, { forwards: [target, "second@remote.test"] });
  const closed = { ...emptyMailRow(), finals: new Map([[`deliver ${alice}` as EffectKey, final]]), closed: true };
  const done = new Map<EffectKey, Final>([
    [`deliver ${carol}` as EffectKey, final],
    [`forward ${carol} ${target}` as EffectKey, relayed],
  ]);
  two.ledger.tables.mails.set(mailId, closed);
  two.ledger.tables.mails.set(formerNoticeId(mailId, [carol]), { ...emptyMailRow(), finals: done });
  expect(await two.announce(carol)).toEqual(ack);
  expect(two.reached()).toEqual(["second@remote.test"]);
});
