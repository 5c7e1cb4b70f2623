// The audit mark of a mail whose worker died between the closing and the mark: written later, and only as long as the rules
// still say what was carried out.

import { describe, expect, test } from "bun:test";
import { type Address, defaultPolicy, type JourneyPorts } from "@sesame/core";
import type { VerdictStatus } from "../../../packages/core/ses/ses-verdicts.ts";
import { FaultInjector, faultAt } from "../../fakes/faults.ts";
import { location, TestWay } from "../../journey/way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const [alice, carol] = ["alice@example.com" as Address, "carol@example.com" as Address];

/** A mail that is closed, and whose worker died before it wrote the mark. */
class Unmarked extends TestWay {
  #drops = false;

  constructor(spam: VerdictStatus = "PASS") {
    super(mail, {
      recipients: [alice, carol],
      body: (body) => {
        const envelope = JSON.parse(body);
        const notice = typeof envelope.Message === "string" ? JSON.parse(envelope.Message) : envelope;
        const marked = { ...notice, receipt: { ...notice.receipt, spamVerdict: { status: spam } } };
        return JSON.stringify(typeof envelope.Message === "string" ? { ...envelope, Message: JSON.stringify(marked) } : marked);
      },
    });
  }

  /** From now on mail that SES takes for spam is dropped, or delivered again. */
  dropSpam(drops: boolean): void {
    this.#drops = drops;
  }

  override way(): JourneyPorts {
    return { ...super.way(), policy: { ...defaultPolicy, spamVerdict: this.#drops ? "drop" : "deliver" } };
  }

  async close(): Promise<void> {
    this.faults = new FaultInjector([faultAt("MailStore.mark#1", { kind: "die-before" })]);
    await this.receive();
    this.faults.revive();
    this.journal.events.length = 0;
    expect(this.status()).toBeUndefined();
  }

  status(): string | undefined {
    return this.store.attributesOf(location)?.["status"];
  }
}

type Row = readonly [what: string, before: (way: Unmarked) => void, after: (way: Unmarked) => void, status: string | undefined];
const forwarded = (way: Unmarked) => way.directory.rule(alice, { forwards: ["away@remote.test"] });
const plain = (way: Unmarked) => way.directory.rule(alice, {});
const blockedBy =
  (...recipients: readonly Address[]) =>
  (way: Unmarked) => {
    for (const each of [alice, carol]) way.directory.block(each, recipients.includes(each) ? ["*@remote.test"] : []);
  };
const dropping = (way: Unmarked) => way.dropSpam(true);
const nothing = () => {};

const rows: readonly Row[] = [
  ["nothing has changed", nothing, nothing, "delivered"],
  ["nothing has changed, with a forward", forwarded, nothing, "delivered"],
  ["nothing has changed, with one who blocks", blockedBy(carol), nothing, "delivered"],
  ["nothing has changed, and it was dropped", dropping, nothing, "rejected"],
  ["a forward was added", plain, forwarded, undefined],
  ["a forward was taken away", forwarded, plain, undefined],
  ["somebody blocks by now", nothing, blockedBy(carol), undefined],
  ["somebody blocks no more", blockedBy(carol), blockedBy(), undefined],
  ["it would be dropped by now", nothing, dropping, undefined],
  ["it would be dropped by now, and one of them had blocked it", blockedBy(carol), dropping, undefined],
  ["it was dropped, and would be delivered by now", dropping, (way) => way.dropSpam(false), undefined],
];

describe("the mark of a closed mail", () => {
  for (const [what, before, after, status] of rows) {
    test(`is ${status === undefined ? "not written" : `"${status}"`} when ${what}`, async () => {
      const way = new Unmarked(what.includes("dropped") ? "FAIL" : "PASS");
      before(way);
      await way.close();
      const sends = way.courier.sends;
      after(way);
      expect(await way.receive()).toEqual({ kind: "ack" });
      expect([way.status(), way.courier.sends, way.store.octetsOf(location) !== undefined]).toEqual([status, sends, true]);
    });
  }

  test("is none where the mail is gone, and that is no failure", async () => {
    const way = new Unmarked();
    await way.close();
    way.faults = new FaultInjector([faultAt("MailStore.open#1", { kind: "answer", value: "missing" })]);
    expect(await way.receive()).toEqual({ kind: "ack" });
    expect(way.journal.events.filter(({ kind }) => kind === "audit-failed")).toEqual([]);
  });

  test("is none where the mail cannot be read, and the journal says so", async () => {
    const way = new Unmarked();
    await way.close();
    way.faults = new FaultInjector([faultAt("MailStore.open#1", { kind: "throw-before" })]);
    expect(await way.receive()).toEqual({ kind: "ack" });
    expect(way.journal.events.filter(({ kind }) => kind === "audit-failed")).toMatchObject([{ operation: "mark" }]);
  });
});
