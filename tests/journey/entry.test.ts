// What becomes of an entry that holds more than one mail, or something else than a mail.

import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { location, TestWay } from "./way.ts";

const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
const alice = "alice@example.com" as Address;
const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
const bounceEvent = {
  eventType: "Bounce",
  bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: "gone@customer.test" }] },
  mail: { messageId: id, source: "alice@example.com" },
};
const s3Put = { eventSource: "aws:s3", eventName: "ObjectCreated:Put", s3: { bucket: { name: "b" }, object: { key: "k" } } };

/** An entry with these records; "mail" stands for the mail of the way. */
const recordsWay = (...records: unknown[]) =>
  new TestWay(mail, {
    body: (body) => {
      const notice: unknown = JSON.parse((JSON.parse(body) as { Message?: string }).Message ?? body);
      const made = records.map((record) => (record === "mail" ? { eventSource: "aws:ses", ses: notice } : record));
      return JSON.stringify({ Records: made });
    },
  });

test("handleEntry() takes every record of an entry, and acknowledges it when all are done", async () => {
  const way = recordsWay("mail", { eventSource: "aws:ses", ses: bounceEvent });
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect([way.courier.mailsFor(alice).length, [...way.outbound.rows.keys()]]).toEqual([1, [id]]);
});

test("handleEntry() delivers a mail beside a record that it cannot understand, and keeps the entry", async () => {
  const way = recordsWay(s3Put, "mail");
  for (const _ of [1, 2]) expect((await way.receive()).kind).toBe("retry");
  expect(way.courier.mailsFor(alice).length).toBe(1);
  const kinds = way.journal.events.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "entry-undecodable").length).toBe(2);
  expect(kinds).toContain("already-closed");
});

test("handleEntry() delivers a mail beside a record whose port fails, and throws that failure after it", async () => {
  const way = recordsWay({ eventSource: "aws:ses", ses: bounceEvent }, "mail");
  way.faults = new FaultInjector([faultAt("Outbound.note#1", { kind: "throw-before" })]);
  await expect(way.receive()).rejects.toThrow();
  expect(way.courier.mailsFor(alice).length).toBe(1);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect([way.courier.mailsFor(alice).length, [...way.outbound.rows.keys()]]).toEqual([1, [id]]);
});

test("handleEntry() delivers a mail whose notice has no time, as old as its entry", async () => {
  const timeless = (body: string) => body.replace(/(\\?"[tT]imestamp\\?":)\\?"[^"\\]*\\?"/g, "$1null");
  const way = new TestWay(mail, { body: timeless });
  expect(await way.receive()).toEqual({ kind: "ack" });
  const closing = way.journal.events.find((event) => event.kind === "mail");
  expect([way.courier.mailsFor(alice).length, closing?.kind === "mail" && closing.receivedAt]).toEqual([1, way.clock.now()]);
});

const bounce = `Return-Path: <>\r\nReceived: from a8-95.smtp-out.amazonses.com (a8-95.smtp-out.amazonses.com [192.0.2.1]) by x; now\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; gone@customer.test\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${id}@email.amazonses.com>\r\n\r\n--b--\r\n`;
const results = (way: TestWay) => way.journal.events.flatMap((event) => (event.kind === "bounce" ? [event.result] : []));
const fromOf = (way: TestWay) => /^From: (.*)$/m.exec(new TextDecoder().decode(way.courier.mailsFor(alice)[0]).replaceAll("\r", ""))?.[1];

test("F29 handleEntry() shows who failed when the row is there, and when it comes a little later", async () => {
  const row = { MessageId: id, original_source: alice, bouncedRecipients: ["other@customer.test", "gone@customer.test"] };
  const early = new TestWay(bounce, { source: "" });
  await early.outbound.note(row);
  expect(await early.receive()).toEqual({ kind: "ack" });
  expect([results(early), fromOf(early), early.courier.sent[0]?.from]).toEqual([["rewritten"], "gone@customer.test", null]);
  const late = new TestWay(bounce, { source: "" });
  expect(await late.receive()).toEqual({ kind: "retry", afterSeconds: 30 });
  await late.outbound.note(row);
  expect(await late.receive()).toEqual({ kind: "ack" });
  expect([results(late), fromOf(late)]).toEqual([["awaited", "rewritten"], "gone@customer.test"]);
});

test("F29 handleEntry() says that a bounce is unknown when its row names nobody, and delivers it as it came", async () => {
  for (const row of [
    { original_source: alice, bouncedRecipients: [] },
    { bouncedRecipients: 7 },
    { kind: "reply", bouncedRecipients: [] },
    null,
  ]) {
    const way = new TestWay(bounce, { source: "" });
    if (row !== null) way.outbound.rows.set(id, row);
    await way.untilDone();
    expect([results(way).at(-1), fromOf(way)]).toEqual(["unknown", "MAILER-DAEMON@amazonses.com"]);
    expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
  }
});
