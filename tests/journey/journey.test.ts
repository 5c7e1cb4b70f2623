import { expect, test } from "bun:test";
import { type Address, delayed, type Verdict } from "@sesame/core";
import { corpusFiles, corpusNote } from "../core/corpus.ts";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { location, mailId, TestWay } from "./way.ts";

const mail =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com, carol@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const alice = "alice@example.com" as Address;
const carol = "carol@example.com" as Address;
const bob = "bob@remote.test" as Address;
const away = { ooo_active: true, ooo_message: "I am away" };
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };

test("handleEntry() delivers every octet, marks the mail and acknowledges", async () => {
  const way = new TestWay(mail);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.mailsFor(alice).map((octets) => new TextDecoder().decode(octets))).toEqual([mail]);
  expect(way.store.attributesOf(location)).toMatchObject({ processed: "true", status: "delivered", processed_by: "worker-example.com" });
});

test("handleEntry() sends equal mails in one transaction and retries only the recipient that was delayed", async () => {
  const way = new TestWay(mail, { recipients: [alice, carol, "gone@example.com"] });
  way.courier.script("mailbox", carol, delayed("try-later", "recipient", "450"), { action: "delivered", detail: "250" });
  way.courier.script("mailbox", "gone@example.com" as Address, noMailbox);
  expect((await way.receive()).kind).toBe("retry");
  expect(way.courier.sends).toBe(1);
  await way.untilDone();
  expect([way.courier.mailsFor(alice).length, way.courier.mailsFor(carol).length, way.courier.sends]).toEqual([1, 1, 2]);
  expect(way.store.attributesOf(location)).toMatchObject({ status: "partial", invalid_inboxes: "gone@example.com" });
});

test("handleEntry() tries each recipient alone when one answer refused a whole transaction", async () => {
  const way = new TestWay(mail, { recipients: [alice, carol] });
  const refused: Verdict = { action: "failed", status: "5.7.1", reason: "policy-refused", scope: "mail", detail: "550 5.7.1" };
  way.courier.script("mailbox", alice, refused, { action: "delivered", detail: "250" });
  way.courier.script("mailbox", carol, refused);
  expect((await way.receive()).kind).toBe("ack");
  expect([way.courier.sends, way.courier.mailsFor(alice).length]).toEqual([3, 1]);
});

test("X21 handleEntry() erases a mail that every recipient blocks, after its mark and a quarter of an hour", async () => {
  const way = new TestWay(mail, { recipients: ["alice@example.com", "carol@example.com"] });
  way.directory.block("*@example.com", ["*@remote.test"]);
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 900 });
  expect(way.store.attributesOf(location)).toMatchObject({ status: "blocked", blocked_sender: "bob@remote.test" });
  way.clock.advance(900);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect([way.courier.sends, way.store.octetsOf(location)]).toEqual([0, undefined]);
  expect(way.journal.events.at(-1)).toEqual({ kind: "erased", mailId });
});

test("handleEntry() replies only after a delivery, and once for a sender", async () => {
  const way = new TestWay(mail);
  way.directory.rule(alice, { ...away, forwards: ["x@other.test"] });
  way.courier.script("mailbox", alice, delayed("try-later", "recipient", "451"), { action: "delivered", detail: "250" });
  way.courier.script("ses", bob, { action: "relayed", detail: "ses-id-1" });
  way.courier.script("ses", "x@other.test" as Address, { action: "relayed", detail: "ses-id-2" });
  await way.receive();
  expect(way.courier.sent.map(({ route }) => route)).toEqual(["mailbox"]);
  await way.untilDone();
  expect(way.courier.sent.map(({ route, recipients }) => `${route} ${recipients[0]?.address}`)).toEqual([
    "mailbox alice@example.com",
    "mailbox alice@example.com",
    "ses bob@remote.test",
    "ses x@other.test",
  ]);
  expect([...way.outbound.rows.keys()]).toEqual(["ses-id-1", "ses-id-2"]);
});

test("handleEntry() forwards an address that has no mailbox, and lets a forward wait an hour at the most", async () => {
  const only = new TestWay(mail);
  only.directory.rule(alice, { forwards: ["x@other.test"] });
  only.courier.script("mailbox", alice, noMailbox);
  await only.untilDone();
  expect(only.store.attributesOf(location)).toMatchObject({ status: "delivered" });
  const down = new TestWay(mail);
  down.directory.rule(alice, { forwards: ["x@other.test"] });
  down.courier.script("mailbox", alice, delayed("unreachable", "host", "refused"));
  await down.receive();
  expect(down.courier.mailsFor("x@other.test" as Address).length).toBe(0);
  down.clock.advance(3601);
  await down.receive();
  expect(down.courier.mailsFor("x@other.test" as Address).length).toBe(1);
});

test("handleEntry() keeps in the queue what is missing, cannot be decoded or may not be opened", async () => {
  const missing = new TestWay(mail);
  missing.faults = new FaultInjector([faultAt("MailStore.open#1", { kind: "answer", value: "missing" })]);
  expect((await missing.receive()).kind).toBe("retry");
  expect(missing.journal.events.some(({ kind }) => kind === "object-missing")).toBe(true);
  const garbled = new TestWay(mail, { body: () => "{not json" });
  expect((await garbled.receive()).kind).toBe("retry");
  expect(garbled.journal.events).toMatchObject([{ kind: "entry-undecodable", text: expect.stringMatching(/^Cannot decode/) }]);
  const foreign = new TestWay(mail, { body: (body) => body.replaceAll("example-com-emails", "payroll") });
  await expect(foreign.receive()).rejects.toThrow("MAIL_OBJECTS does not allow this object");
  expect([missing, garbled, foreign].map((way) => way.courier.sends)).toEqual([0, 0, 0]);
});

test("handleEntry() acknowledges a mail that is closed without touching anything", async () => {
  const way = new TestWay(mail);
  await way.receive();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sends).toBe(1);
  expect(way.journal.events.at(-1)).toEqual({ kind: "already-closed", mailId });
});

test("handleEntry() waits once for the event of an SES bounce, then delivers it as it is", async () => {
  const bounce =
    "Received: from a (a1.smtp-out.amazonses.com [1.2.3.4]) by x; Mon, 05 Jan 2026 12:00:00 +0000\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\n\r\nfailed\r\n";
  const way = new TestWay(bounce, { source: "" });
  expect(await way.receive()).toEqual({ kind: "retry", afterSeconds: 30 });
  way.clock.advance(30);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.mailsFor(alice).map((octets) => new TextDecoder().decode(octets))).toEqual([bounce]);
});

test("handleEntry() sets a mail aside that crashed its worker three times", async () => {
  const way = new TestWay(mail);
  for (let i = 0; i < 3; i++) {
    way.faults = new FaultInjector([faultAt("Courier.send#1", { kind: "die-before" })]);
    await way.receive().catch(() => {});
    way.clock.advance(121);
  }
  way.faults = new FaultInjector();
  expect((await way.receive()).kind).toBe("retry");
  expect(way.journal.events.some(({ kind }) => kind === "set-aside")).toBe(true);
  expect(way.courier.sends).toBe(0);
});

test("handleEntry() tries a mail that was set aside again when its entry was moved back, and as often as before", async () => {
  const way = new TestWay(mail);
  const die = async () => {
    way.faults = new FaultInjector([faultAt("Courier.send#1", { kind: "die-before" })]);
    await way.receive().catch(() => {});
    way.faults = new FaultInjector();
    way.clock.advance(121);
  };
  for (let i = 0; i < 3; i++) await die();
  expect(await way.receive()).toMatchObject({ kind: "retry" });
  way.moveBack();
  for (let i = 0; i < 3; i++) await die();
  expect(await way.receive()).toMatchObject({ kind: "retry" });
  expect([way.courier.sends, way.journal.events.filter(({ kind }) => kind === "set-aside").length]).toEqual([0, 2]);
  way.moveBack();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.sends).toBe(1);
});

test("handleEntry() sets no mail aside whose lease could not be given back, however often: its worker lives", async () => {
  const way = new TestWay(mail);
  const later = delayed("try-later", "mail", "451 4.3.0 Later");
  way.courier.script("mailbox", alice, ...Array<Verdict>(5).fill(later), { action: "delivered", detail: "250" });
  for (let i = 0; i < 5; i++) {
    way.faults = new FaultInjector([1, 2].map((nth) => faultAt(`Ledger.record#${nth}`, { kind: "throw-before" })));
    await expect(way.receive()).rejects.toThrow();
    way.clock.advance(3600);
  }
  way.faults = new FaultInjector();
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.journal.events.some(({ kind }) => kind === "set-aside" || kind === "taken-over")).toBe(false);
});

test("handleEntry() reads no more of a 25 MB mail than its head when nothing is sent", async () => {
  const large = new TestWay(new TextEncoder().encode(`${mail}${"x".repeat(25_000_000)}`));
  large.directory.block("*@example.com", ["*@remote.test"]);
  await large.receive();
  expect([large.store.restOpens, large.store.octetsRead <= 256 * 1024]).toEqual([0, true]);
});

test("handleEntry() finds the failed address of a bounce whose report stands behind the head", async () => {
  const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
  const parts = [
    `Content-Type: text/plain\r\n\r\n${"An error occurred.\r\n".repeat(20_000)}`,
    "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; gone@x.test\r\n",
    `Content-Type: message/rfc822\r\n\r\nFrom: alice@example.com\r\nMessage-ID: <${id}@email.amazonses.com>\r\n\r\nHi\r\n`,
  ];
  const header =
    "Received: from a (a1.smtp-out.amazonses.com [1.2.3.4]) by x; Mon, 05 Jan 2026 12:00:00 +0000\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\nContent-Type: multipart/report; boundary=b\r\n\r\n";
  const way = new TestWay(`${header}${parts.map((part) => `--b\r\n${part}`).join("\r\n")}\r\n--b--\r\n`, { source: "" });
  await way.outbound.note({ MessageId: id, original_source: alice, bouncedRecipients: ["gone@x.test"] });
  expect(await way.receive()).toEqual({ kind: "ack" });
  const [shown] = way.courier.mailsFor(alice).map((octets) => new TextDecoder().decode(octets));
  expect(shown).toContain("\r\nFrom: gone@x.test\r\nTo: alice@example.com\r\n");
  expect(shown?.endsWith("\r\n--b--\r\n")).toBe(true);
});

test(`handleEntry() delivers bounces of the corpus without a row to the octet${corpusNote}`, async () => {
  for (const { name, octets } of corpusFiles("ses-bounces")) {
    const way = new TestWay(octets, { source: "" });
    await way.untilDone();
    const text = Buffer.from(octets)
      .toString("latin1")
      .replace(/^Return-Path:.*\r?\n/i, "");
    expect([name, way.courier.mailsFor(alice).map((mail) => Buffer.from(mail).toString("latin1"))]).toEqual([name, [text]]);
  }
});

for (const [why, answer, status] of [
  ["a mail that every recipient got", { action: "delivered", detail: "250" }, undefined],
  ["a mail that somebody did not get", noMailbox, "all_invalid"],
] as const) {
  test(`handleEntry() with AUDIT_MARK=exceptions ${status === undefined ? "does not mark" : "marks"} ${why}, also when it comes again`, async () => {
    const way = new TestWay("From: bob@remote.test\r\nTo: alice@example.com\r\n\r\nHi\r\n");
    way.courier.script("mailbox", "alice@example.com" as Address, answer);
    for (let i = 0; i < 2; i++) expect(await way.receive({ auditMarks: "exceptions" })).toEqual({ kind: "ack" });
    expect(way.store.attributesOf(location)?.["status"]).toBe(status as string);
  });
}
