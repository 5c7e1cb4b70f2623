// Mail traits: what an automatic responder must look at, one row for each form in which it occurs (RFC 3834 §2, RFC 5230
// §4.5 and §4.6), written as the fields and the envelope that differ from those of a letter of bob to alice.

import { raw } from "./mail-forms.ts";

/** What makes one mail different from a letter of bob to alice. */
export type Trait = Readonly<{ fields?: string; sender?: string | null; recipient?: string; author?: string; to?: string }>;

const autoSubmitted = [
  "no",
  "No",
  "no (really)",
  "no; x=y",
  "auto-generated",
  "auto-replied",
  "Auto-Replied (vacation)",
  "auto-notified; a=b",
  "=?utf-8?Q?auto-generated?=",
  "",
];
const listFields = ["Id", "Owner", "Subscribe", "Post", "Unsubscribe", "Help", "Archive"];
const precedences = ["bulk", "junk", "list", "BULK", "List", "bulk (mailing)", "first-class", "normal", "special-delivery", "auto_reply"];
const suppressions = [
  "All",
  "all",
  "OOF",
  "oof",
  "DR, OOF",
  "DR,RN,NRN,OOF,AutoReply",
  "AutoReply",
  "None",
  "DR, RN, NRN",
  "",
  "OOF (x)",
  "All;OOF",
];
const systemSenders = [
  "MAILER-DAEMON",
  "mailer-daemon",
  "LISTSERV",
  "listserv",
  "Majordomo",
  "owner-list",
  "Owner-list",
  "list-owner",
  "list-request",
  "List-Request",
  "a-request-b",
  "arequest",
  "postmaster",
  "root",
  "daemon",
  "noreply",
  "no-reply",
  "No-Reply",
  "noreply+x",
  "do-not-reply",
  "donotreply",
  "bounce",
  "bounces+alice=example.com",
  "list-bounces",
  "list-bounces+alice=example.com",
  "bounceme",
  "noreplying",
];

/** Recipients, and how the mail names them or does not. */
const addressings: readonly Trait[] = [
  { to: "To: Alice <ALICE@Example.COM>\r\n" },
  { to: "Cc: alice@example.com\r\nTo: carol@remote.test\r\n" },
  { to: "Bcc: alice@example.com\r\nTo: carol@remote.test\r\n" },
  { to: "To: carol@remote.test\r\n" }, // Bcc'd, as it mostly looks
  { to: "" },
  { to: "To: undisclosed-recipients:;\r\n" },
  { to: "To:\r\n" },
  { to: "To: Team: bob@remote.test, Alice <alice@example.com>;\r\n" },
  { to: "To: carol@remote.test\r\nTo: alice@example.com\r\n" },
  { to: "To: carol@remote.test\r\nResent-To: alice@example.com\r\n" },
  { to: "To: carol@remote.test\r\nResent-Cc: alice@example.com\r\nResent-From: dave@remote.test\r\n" },
  { to: "To: carol@remote.test\r\nResent-Bcc: alice@example.com\r\n" },
  { to: "To: carol@remote.test\r\nDelivered-To: alice@example.com\r\nX-Original-To: alice@example.com\r\n" },
  { to: "To: carol@remote.test\r\nApparently-To: alice@example.com\r\n" },
  { to: 'To: "alice"@example.com\r\n' },
  { to: "To: alice@example.com (Alice (at work))\r\n" },
  { to: "To: (comment) alice (c) @ (c) example.com\r\n" },
  { to: "To: <@relay.test:alice@example.com>\r\n" },
  { to: 'To: "alice@example.com" <carol@remote.test>\r\n' },
  { to: "To: =?utf-8?Q?alice=40example=2Ecom?= <carol@remote.test>\r\n" },
  { to: "To: =?utf-8?Q?carol?= <alice@example.com>\r\n" },
  { to: "To: =?utf-8?Q?alice=40example=2Ecom=2C?= <carol@remote.test>\r\n" },
  { to: `To:${Array.from({ length: 40 }, (_, i) => `\r\n user${i}@remote.test,`).join("")}\r\n alice@example.com\r\n` },
  { to: `To: ${raw("Älice")} <alice@example.com>\r\n` },
  { to: "To : alice@example.com\r\n" },
  { to: "TO: alice@example.com\r\n" },
  { to: "To: alice@example.com.\r\n" },
  { to: "To: alice@example.com; carol@remote.test\r\n" },
  { to: "To: alice @example.com, <broken\r\n" },
  { to: "To: alice@mail.example.com\r\n" },
  { recipient: "alice+tag@example.com", to: "To: alice+tag@example.com\r\n" },
  { recipient: "alice+tag@example.com", to: "To: alice@example.com\r\n" },
  { recipient: "alice+tag@example.com", to: "To: alice+other@example.com\r\n" },
  { to: "To: alice+other@example.com\r\n" },
  { recipient: "Alice@example.com", to: "To: alice@example.com\r\n" },
  { recipient: "alice@bücher.test", to: "To: alice@xn--bcher-kva.test\r\n" },
  { recipient: "alice@xn--bcher-kva.test", to: `To: alice@${raw("bücher")}.test\r\n` },
  { recipient: "alice@xn--bcher-kva.test", to: "To: alice@xn--bcher-kva.test\r\n" },
  { recipient: '"al ice"@example.com', to: 'To: "al ice"@example.com\r\n' },
];

const odd: readonly Trait[] = [
  { sender: '"bob b"@remote.test' },
  { sender: "prvs=0123abcdef=bob@remote.test" },
  { sender: "bob+verp-alice=example.com@remote.test" },
  { sender: "SRS0=ab=cd=remote.test=bob@relay.test" },
  { sender: "bob@[192.0.2.7]" },
  { sender: "bob@xn--bcher-kva.test" },
  { sender: "jürgen@remote.test" },
  { sender: "bob@bücher.test" },
  { sender: "0100018c0c0c0c0c-01234567-89ab-cdef-0123-456789abcdef-000000@amazonses.com" },
  { sender: "alice@example.com" },
  { sender: "ALICE@EXAMPLE.COM" },
  { sender: "alice+x@example.com" },
  { sender: `${"b".repeat(64)}@remote.test` },
  { sender: "bob@example.com" },
  { author: "Shop <noreply@remote.test>" },
  { author: "Mail Delivery System <MAILER-DAEMON@remote.test>" },
  { author: "MAILER-DAEMON@eu-central-1.amazonses.com" },
  { author: "Alice <alice@example.com>" },
  { author: "Bob <bob@remote.test>", fields: "Sender: owner-list@remote.test\r\n" },
  { fields: "Return-Path: <>\r\n" },
  { fields: "X-Failed-Recipients: x@remote.test\r\n" },
  { fields: "Return-Path: <bob@remote.test>\r\n" },
  { fields: "X-Spam-Flag: YES\r\nX-Loop: bob@remote.test\r\n" },
  { fields: "Auto-Submitted: auto-generated\r\nList-Id: <x.remote.test>\r\nPrecedence: bulk\r\n" },
  { fields: "auto-submitted: no\r\nAUTO-SUBMITTED: auto-replied\r\n" },
  { fields: "Feedback-ID: 1:2:3\r\nX-Auto-Reply: yes\r\n" },
  { fields: "X-Autoreply: yes\r\n" },
  { fields: "X-Autorespond: 1\r\n" },
];

const report = `MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="r"\r\n`;
const reports: readonly Trait[] = [
  { sender: null, fields: report },
  { sender: "MAILER-DAEMON@remote.test", fields: report },
  { sender: "bob@remote.test", fields: report },
  { sender: "bob@remote.test", fields: report.replace("delivery-status", "disposition-notification") },
  { sender: null, fields: `${report}Auto-Submitted: auto-replied\r\n` },
  { sender: null },
  { sender: null, fields: "X-Failed-Recipients: x@remote.test\r\n" },
];

const kinds: readonly (readonly [kind: string, rows: readonly Trait[]])[] = [
  ["personal", Array.from({ length: 18 }, () => ({}))],
  ["addressing", addressings],
  ["sender", systemSenders.map((local) => ({ sender: `${local}@remote.test` }))],
  ["auto-submitted", autoSubmitted.map((value) => ({ fields: `Auto-Submitted: ${value}\r\n` }))],
  ["list", listFields.map((name) => ({ fields: `List-${name}: <mailto:list@remote.test>\r\n` }))],
  ["precedence", precedences.map((value) => ({ fields: `Precedence: ${value}\r\n` }))],
  ["suppress", suppressions.map((value) => ({ fields: `X-Auto-Response-Suppress: ${value}\r\n` }))],
  ["report", reports],
  ["odd", odd],
];

/** All traits in order, each with the name of its kind. */
export const traits: readonly (readonly [kind: string, trait: Trait])[] = kinds.flatMap(([kind, rows]) =>
  rows.map((trait) => [kind, trait] as const),
);

/** The body that goes with a multipart/report of these traits. */
export const reportBody =
  "--r\r\n\r\nIt failed.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.remote.test\r\n\r\n" +
  "Final-Recipient: rfc822; x@remote.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--r--\r\n";
