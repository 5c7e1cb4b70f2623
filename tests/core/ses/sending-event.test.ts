import { expect, setSystemTime, test } from "bun:test";
import type { OutboundRow } from "@sesame/core";
import { decodeSendingEvent } from "../../../packages/core/ses/sending-event.ts";

const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
const mail = { messageId: id, source: "alice@example.com", destination: ["gone@customer.test"], timestamp: "2026-01-05T12:00:00Z" };
const bounce = (more: object = {}, outer: object = {}) => ({
  notificationType: "Bounce",
  bounce: {
    bounceType: "Permanent",
    bounceSubType: "General",
    bouncedRecipients: [{ emailAddress: "gone@customer.test", action: "failed", status: "5.1.1", diagnosticCode: "smtp; 550 5.1.1" }],
    timestamp: "2026-01-05T12:00:02.000Z",
    feedbackId: "f1",
    reportingMTA: "dsn; a8-95.smtp-out.amazonses.com",
    ...more,
  },
  mail,
  ...outer,
});
const complaint = (more: object = {}) => ({
  eventType: "Complaint",
  complaint: {
    complainedRecipients: [{ emailAddress: "angry@customer.test" }],
    timestamp: "2026-01-05T12:00:03.000Z",
    complaintFeedbackType: "abuse",
    ...more,
  },
  mail,
});

const row: OutboundRow = {
  MessageId: id,
  original_source: "alice@example.com",
  bouncedRecipients: ["gone@customer.test"],
  bounceType: "Permanent",
  bounceSubType: "General",
  timestamp: "2026-01-05T12:00:02.000Z",
};
const { bounceType: _, bounceSubType: __, ...bare } = row;

const recipients = (...items: unknown[]) => bounce({ bouncedRecipients: items });
const events: [string, unknown, "bounce" | "complaint", OutboundRow][] = [
  ["a bounce of an identity", bounce(), "bounce", row],
  ["a bounce of event publishing", { ...bounce(), notificationType: undefined, eventType: "Bounce", tags: {} }, "bounce", row],
  [
    "a bounce by the account's suppression list",
    bounce({ bounceSubType: "OnAccountSuppressionList" }),
    "bounce",
    { ...row, bounceSubType: "OnAccountSuppressionList" },
  ],
  [
    "an out-of-office reply to a mail of ours",
    bounce({ bounceType: "Transient", bouncedRecipients: [{ emailAddress: "gone@customer.test" }] }),
    "bounce",
    { ...row, bounceType: "Transient" },
  ],
  [
    "several recipients, each once",
    recipients({ emailAddress: "a@x.test" }, { emailAddress: "b@x.test" }, { emailAddress: "a@x.test" }),
    "bounce",
    { ...row, bouncedRecipients: ["a@x.test", "b@x.test"] },
  ],
  ["an address in brackets", recipients({ emailAddress: "<gone@customer.test>" }), "bounce", row],
  ["an address with a name", recipients({ emailAddress: '"Gone, Bob" <gone@customer.test>' }), "bounce", row],
  ["an address between spaces", recipients({ emailAddress: "  gone@customer.test " }), "bounce", row],
  [
    "what is no recipient beside one",
    recipients({ emailAddress: "gone@customer.test" }, {}, null, 7, "x@y.test", { emailAddress: 7 }, { emailAddress: "" }),
    "bounce",
    row,
  ],
  ["no recipients", bounce({ bouncedRecipients: undefined }), "bounce", { ...row, bouncedRecipients: [] }],
  ["recipients of the wrong type", bounce({ bouncedRecipients: "gone@customer.test" }), "bounce", { ...row, bouncedRecipients: [] }],
  ["types of the wrong type", bounce({ bounceType: 7, bounceSubType: null, timestamp: {} }), "bounce", omit(row)],
  [
    "an id in brackets, with its domain",
    bounce({}, { mail: { ...mail, messageId: `<${id.toUpperCase()}@eu-west-1.amazonses.com>` } }),
    "bounce",
    row,
  ],
  ["a source with a name", bounce({}, { mail: { ...mail, source: "Alice <alice@example.com>" } }), "bounce", row],
  ["no source", bounce({}, { mail: { messageId: id } }), "bounce", { ...row, original_source: "" }],
  ["a source that is no text", bounce({}, { mail: { messageId: id, source: null } }), "bounce", { ...row, original_source: "" }],
  ["a complaint", complaint(), "complaint", { ...bare, bouncedRecipients: ["angry@customer.test"], timestamp: "2026-01-05T12:00:03.000Z" }],
  [
    "a complaint that names nobody",
    complaint({ complainedRecipients: [], timestamp: undefined }),
    "complaint",
    omit({ ...row, bouncedRecipients: [] }),
  ],
  [
    "a complaint beside a bounce: the type decides",
    { ...complaint(), bounce: bounce().bounce },
    "complaint",
    { ...bare, bouncedRecipients: ["angry@customer.test"], timestamp: "2026-01-05T12:00:03.000Z" },
  ],
];
function omit({ MessageId, original_source, bouncedRecipients }: OutboundRow): OutboundRow {
  return { MessageId, original_source, bouncedRecipients };
}
for (const [what, value, kind, expected] of events) {
  test(`decodeSendingEvent() makes a row of ${what}`, () => {
    const event = decodeSendingEvent(JSON.parse(JSON.stringify(value)));
    expect(event.ok ? event.value : event.error).toEqual({ kind, row: expected });
  });
}

test("decodeSendingEvent() makes the same row whenever it is asked, so that an event that comes twice changes nothing", () => {
  const rows = ["2026-01-05T12:00:00Z", "2031-07-01T00:00:00Z"].map((now) => {
    setSystemTime(new Date(now));
    return [decodeSendingEvent(bounce()), decodeSendingEvent(complaint({ timestamp: undefined }))];
  });
  setSystemTime();
  expect(rows[1]).toEqual(rows[0] ?? []);
});

test("decodeSendingEvent() keeps a row within what the table takes", () => {
  const many = decodeSendingEvent(recipients(...Array.from({ length: 30_000 }, (_, i) => ({ emailAddress: `a${i}@x.test` }))));
  expect(many.ok && JSON.stringify(many.value.row).length < 400_000).toBe(true);
});

const refused: [string, unknown][] = [
  ["nothing", undefined],
  ["a list", [bounce()]],
  ["no mail", { ...bounce(), mail: undefined }],
  ["no id", bounce({}, { mail: { source: "alice@example.com" } })],
  ["an empty id", bounce({}, { mail: { ...mail, messageId: "" } })],
  ["an id that is a number", bounce({}, { mail: { ...mail, messageId: 7 } })],
  ["an id with a line end", bounce({}, { mail: { ...mail, messageId: "a\r\nb" } })],
  ["an id longer than a key", bounce({}, { mail: { ...mail, messageId: "a".repeat(3000) } })],
  ["a bounce without its bounce", { ...bounce(), bounce: undefined }],
  ["a complaint without its complaint", { ...complaint(), complaint: undefined }],
  ["a bounce of the wrong type", { ...bounce(), bounce: "Permanent" }],
];
for (const [what, value] of refused) {
  test(`decodeSendingEvent() refuses ${what}: without its key a row is none`, () => {
    const event = decodeSendingEvent(value);
    expect(event.ok ? "decoded" : event.error).toMatch(/^Cannot decode a sending event: .*, is /);
  });
}
