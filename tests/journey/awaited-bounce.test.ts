// How long an SES bounce waits for the row that tells whose mail it was: once, or as long as it is young.

import { expect, test } from "bun:test";
import { type EntryOutcome, type EpochMs, handleEntry, type QueueEntry } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { location, TestWay } from "./way.ts";

const id = "0100018f0c9a1b2c-11111111-2222-3333-4444-555555555555-000000";
const bounce = `Return-Path: <>\r\nReceived: from a8-95.smtp-out.amazonses.com (a8-95.smtp-out.amazonses.com [192.0.2.1]) by x; now\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; gone@customer.test\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${id}@email.amazonses.com>\r\n\r\n--b--\r\n`;

/** One receive of a bounce that came so many seconds ago. */
async function receive(receiveCount: number, ageSeconds: number): Promise<readonly [EntryOutcome, string | undefined]> {
  const way = new TestWay(bounce, { source: "" });
  const receivedAt = (way.clock.now() - ageSeconds * 1000) as EpochMs;
  const head = new TextEncoder().encode(bounce);
  const body = writeNotice({ sesId: "k1", location, source: "", recipients: ["alice@example.com"], head, receivedAt });
  const entry: QueueEntry = { id: "e1", receiptHandle: "r", receiveCount, sentAt: receivedAt, body };
  const outcome = await handleEntry(entry, way.way());
  const results = way.journal.events.flatMap((event) => (event.kind === "bounce" ? [event.result] : []));
  return [outcome, results.at(-1)];
}

const rows: readonly [string, number, number, EntryOutcome][] = [
  ["at the first receive", 1, 1, { kind: "retry", afterSeconds: 30 }],
  // After an outage the event that brings the row may stand behind it in the queue.
  ["at the first receive, however late", 1, 7200, { kind: "retry", afterSeconds: 30 }],
  ["at a later receive while it is young, for the rest of that time", 2, 12, { kind: "retry", afterSeconds: 18 }],
  ["at a later receive for its last second", 2, 29.5, { kind: "retry", afterSeconds: 1 }],
  ["not at a later receive when it is old enough", 2, 30, { kind: "ack" }],
  ["not for ever when its time is wrong", 2, -86_400, { kind: "ack" }],
];
for (const [when, count, age, expected] of rows) {
  test(`handleEntry() waits for the row of a bounce ${when}`, async () => {
    const [outcome, result] = await receive(count, age);
    expect([outcome, result]).toEqual([expected, expected.kind === "retry" ? "awaited" : "unknown"]);
  });
}
