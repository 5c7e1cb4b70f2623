// What gets no automatic reply, and what looks like it and does. Each suppressor has rows that withhold, each with its own
// word, and rows beside them that must not.

import { expect, test } from "bun:test";
import { openMail, parseAddress } from "@sesame/core";
import { automaticReason, automaticSignsOf } from "../../../packages/core/rules/automatic.ts";
import { busyTime } from "../../busy-time.ts";
import { away, type Case, personal, replyOf } from "../sample.ts";

/** The ordinary mail with these lines more. */
const withLines = (...lines: readonly string[]): Case => ({ header: `${personal}${lines.map((line) => `${line}\r\n`).join("")}` });
/** The ordinary mail with this in the place of its To line. */
const addressed = (...lines: readonly string[]): Case => ({
  header: personal.replace("To: alice@example.com\r\n", lines.map((line) => `${line}\r\n`).join("")),
});
/** The ordinary mail with this From line. */
const writtenBy = (from: string): string => personal.replace("Bob <bob@remote.test>", from);
type Row = readonly [why: string, mail: Case, expected: string];

const nullPath: readonly Row[] = [
  ["the path is null", { from: null }, "null-reverse-path"],
  ["the path is empty", { from: "" }, "null-reverse-path"],
  ["the path is <>", { from: "<>" }, "null-reverse-path"],
  ["only the Return-Path that SES wrote says so", { header: `Return-Path: <>\r\n${personal}` }, "null-reverse-path"],
  ["the Return-Path is spelled with a space", { header: `return-path: < >\r\n${personal}` }, "null-reverse-path"],
  ["the Return-Path names the sender", { header: `Return-Path: <bob@remote.test>\r\n${personal}` }, "reply"],
  ["a lower Return-Path is an earlier host's", { header: `Return-Path: <bob@remote.test>\r\nReturn-Path: <>\r\n${personal}` }, "reply"],
];

const systemSenders: readonly Row[] = [
  ...[
    "mailer-daemon",
    "MAILER-DAEMON",
    "mailer-daemon+x",
    "listserv",
    "LISTSERV",
    "majordomo",
    "owner-dogs",
    "Owner-Dogs",
    "dogs-request",
    "dogs-REQUEST",
    "dogs-request+confirm",
    "dogs-request-help",
    "noreply",
    "no-reply",
    "NoReply",
    "no_reply",
    "no.reply",
    "noreply+abc",
    "noreply-orders",
    "orders-noreply",
    "orders.no-reply",
    "do-not-reply",
    "donotreply",
    "do_not_reply",
    "bounce",
    "bounces",
    "bounce-17",
    "bounces+17-ab=example.com",
    "dogs-bounces",
    "dogs-bounces+bob=remote.test",
    "prvs=12ab34cd=bounces",
    "prvs=12ab34cd=mailer-daemon",
    "prvs=12ab34cd=owner-dogs",
    "SRS0=ab=cd=lists.test=listserv",
  ].map((local): Row => [`${local} writes`, { from: `${local}@remote.test` }, "system-sender"]),
  ["From is an address that nobody reads", { from: "s-1@mail.shop.test", header: writtenBy("Shop <no-reply@shop.test>") }, "system-sender"],
  ["Sender is list software", withLines("Sender: dogs-bounces@lists.test"), "system-sender"],
  ...[
    "postmaster",
    "POSTMASTER",
    "abuse",
    "root",
    "owner",
    "ownership",
    "homeowner-bob",
    "request",
    "requests",
    "bob.request",
    "listservice",
    "majordomos",
    "bouncer",
    "bounced",
    "trampoline.bouncehouse",
    "norepl",
    "noreplying",
    "casino.replyer",
    "annotreply",
    "mailer",
    "daemon",
    "replies",
  ].map((local): Row => [`${local} is a person`, { from: `${local}@remote.test` }, "reply"]),
  ["the name of a person resembles a daemon", { header: writtenBy('"mailer-daemon@x.test" <bob@remote.test>') }, "reply"],
  ["the domain is called noreply", { from: "bob@noreply.test" }, "reply"],
];

const autoSubmitted: readonly Row[] = [
  ...[
    "auto-replied",
    "auto-generated",
    "auto-notified",
    "AUTO-REPLIED",
    "auto-replied (vacation)",
    "(note) auto-replied",
    "(a (nested) note) auto-generated",
    "auto-generated; owner-email=bob@remote.test",
    "auto-notified;\r\n owner-email=bob@remote.test",
    "\r\n auto-replied",
    "yes",
    "no-but-yes",
    "nope",
    "no auto-replied",
    "no, auto-replied",
    "=?utf-8?Q?auto-replied?=",
    "",
  ].map((value): Row => [`Auto-Submitted is ${JSON.stringify(value)}`, withLines(`Auto-Submitted: ${value}`), "auto-submitted"]),
  ["the name is written in lower case", withLines("auto-submitted: auto-replied"), "auto-submitted"],
  ["there is a space before the colon", withLines("Auto-Submitted : auto-replied"), "auto-submitted"],
  ["one of several fields says so", withLines("Auto-Submitted: no", "Auto-Submitted: auto-generated"), "auto-submitted"],
  ["an older responder says so", withLines("X-Autoreply: yes"), "auto-submitted"],
  ["another one repeats the subject", withLines("X-Autorespond: Re: Hello"), "auto-submitted"],
  ...[
    "no",
    "NO",
    "No ",
    "no (not at all)",
    "(really) no",
    "no; x=auto-replied",
    "\r\n no",
    "no (auto-replied)",
    "(a (nested) note) no",
  ].map((value): Row => [`Auto-Submitted is ${JSON.stringify(value)}`, withLines(`Auto-Submitted: ${value}`), "reply"]),
  ["several fields say no", withLines("Auto-Submitted: no", "auto-submitted: No"), "reply"],
  ["another field has a like name", withLines("X-Auto-Submitted-By: robot", "Auto-Submitted-Not: auto-replied"), "reply"],
  ["the subject speaks of it", { header: personal.replace("Hello", "Auto-Submitted: auto-replied") }, "reply"],
  ["the body speaks of it", { body: "Auto-Submitted: auto-replied\r\n" }, "reply"],
];

const mailingList: readonly Row[] = [
  ...["List-Id", "List-Owner", "List-Subscribe", "List-Post", "List-Unsubscribe", "List-Help", "List-Archive", "LIST-ID", "list-id"].map(
    (name): Row => [`it has ${name}`, withLines(`${name}: <x.remote.test>`), "mailing-list"],
  ),
  ["the field is empty", withLines("List-Id:"), "mailing-list"],
  ["the field is folded", withLines("List-Unsubscribe:\r\n <mailto:x@remote.test>"), "mailing-list"],
  ["list mail names its recipient", { ...addressed("To: alice@example.com", "List-Post: NO") }, "mailing-list"],
  ...["X-List-Id", "List-Idea", "Listing", "List", "Id-List", "X-Listing: x\r\nMailing-List-Manager", "List-Unsubscribed"].map(
    (name): Row => [`it has ${JSON.stringify(name)}`, withLines(`${name}: x`), "reply"],
  ),
  ["a fold of another field begins with the name", withLines("X-Note: see\r\n List-Id: <x.remote.test>"), "reply"],
];

const precedence: readonly Row[] = [
  ...[
    "bulk",
    "junk",
    "list",
    "Bulk",
    "LIST",
    " bulk ",
    "bulk (mass)",
    "(mass) bulk",
    "first-class;bulk",
    "first-class; list",
    "\r\n bulk",
    "auto_reply",
    "=?us-ascii?Q?bulk?=",
  ].map((value): Row => [`Precedence is ${JSON.stringify(value)}`, withLines(`Precedence: ${value}`), "bulk-precedence"]),
  ["one of several fields says so", withLines("Precedence: normal", "precedence: list"), "bulk-precedence"],
  ...["normal", "first-class", "special-delivery", "urgent", "bulky", "playlist", "", "not-bulk", "normal (bulk)"].map(
    (value): Row => [`Precedence is ${JSON.stringify(value)}`, withLines(`Precedence: ${value}`), "reply"],
  ),
  ["another field has a like name", withLines("X-Precedence-Of: bulk", "Precedences: bulk"), "reply"],
];

const suppressed: readonly Row[] = [
  ...[
    "All",
    "OOF",
    "all",
    "oof",
    "DR, OOF,\tRN",
    "DR,OOF",
    "DR,\r\n OOF",
    "AutoReply, OOF",
    "None, All",
    "OOF (please)",
    "DR OOF",
    "DR;OOF",
  ].map((value): Row => [`the value is ${JSON.stringify(value)}`, withLines(`X-Auto-Response-Suppress: ${value}`), "response-suppressed"]),
  ["one of several fields says so", withLines("X-Auto-Response-Suppress: DR", "x-auto-response-suppress: OOF"), "response-suppressed"],
  ...["None", "AutoReply", "DR", "NDR, RN, NRN", "DR, NDR, RN, NRN, AutoReply", "", "OOFF", "Allow", "overall", "x-oof"].map(
    (value): Row => [`the value is ${JSON.stringify(value)}`, withLines(`X-Auto-Response-Suppress: ${value}`), "reply"],
  ),
];

const reports: readonly Row[] = [
  ...[
    "multipart/report; boundary=x",
    "MULTIPART/Report; report-type=delivery-status; boundary=x",
    "multipart/report",
    "(a note) multipart/report; boundary=x",
    "\r\n multipart/report;\r\n boundary=x",
    "message/delivery-status",
    "message/disposition-notification",
    "message/global-delivery-status",
    "message/feedback-report",
  ].map((value): Row => [`Content-Type is ${JSON.stringify(value)}`, withLines(`Content-Type: ${value}`), "report"]),
  ["it names who failed", withLines("X-Failed-Recipients: carol@remote.test"), "report"],
  ...[
    "multipart/mixed; boundary=x",
    "multipart/reporting; boundary=x",
    "text/plain; name=multipart/report",
    "message/rfc822",
    "report",
  ].map((value): Row => [`Content-Type is ${JSON.stringify(value)}`, withLines(`Content-Type: ${value}`), "reply"]),
  ["a fold names a report", withLines("X-Note: see\r\n Content-Type: multipart/report"), "reply"],
];

const fromSelf: readonly Row[] = [
  ["the path is the recipient", { from: "alice@example.com" }, "from-self"],
  ["the path has other letters", { from: "ALICE@Example.COM" }, "from-self"],
  ["the path has a tag", { from: "alice+notes@example.com" }, "from-self"],
  ["the recipient has a tag", { from: "alice@example.com", to: ["alice+notes@example.com"] }, "from-self"],
  ["the path is quoted", { from: '"alice"@example.com' }, "from-self"],
  [
    "From is the recipient and the path is what SES made of it",
    {
      from: "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@eu-west-1.amazonses.com",
      header: writtenBy("alice@example.com"),
    },
    "from-self",
  ],
  ["From hides the recipient in an encoded word", { header: writtenBy("=?utf-8?Q?alice=40example.com?=") }, "from-self"],
  ["the domain is another one", { from: "alice@another.test" }, "reply"],
  ["the name only begins alike", { from: "alice.b@example.com" }, "reply"],
  // A row names one mailbox; which others are the same person's only the mail server behind knows. One reply a week is the price.
  ["another address of the same person writes", { from: "alice.smith@example.com" }, "reply"],
  // A catch-all row may be one person's domain or a whole company's notice; a colleague shall get the latter.
  ["the same catch-all row serves the sender", { from: "carol@example.com", rules: { "*@example.com": away } }, "reply"],
];

const notAddressed: readonly Row[] = [
  ["the recipient is nowhere", addressed("To: list@example.com"), "not-addressed"],
  ["there is no To", addressed(), "not-addressed"],
  ["To is an empty group", addressed("To: undisclosed-recipients:;"), "not-addressed"],
  ["only the display name says it", addressed('To: "alice@example.com" <list@example.com>'), "not-addressed"],
  ["only a comment says it", addressed("To: list@example.com (for alice@example.com)"), "not-addressed"],
  ["only an encoded word says it", addressed("To: =?utf-8?Q?alice=40example=2Ecom?= <list@example.com>"), "not-addressed"],
  ["an encoded word pretends to be an address", addressed("To: =?utf-8?Q?alice=40example=2Ecom=2C?= <list@example.com>"), "not-addressed"],
  ["only From and Reply-To say it", addressed("To: list@example.com", "Reply-To: alice@example.com"), "not-addressed"],
  ["only Delivered-To says it", addressed("To: list@example.com", "Delivered-To: alice@example.com"), "not-addressed"],
  ["the name only begins alike", addressed("To: alice2@example.com, xalice@example.com"), "not-addressed"],
  ["the domain is a part of another", addressed("To: alice@example.com.evil.test, alice@sub.example.com"), "not-addressed"],
  ["the catch-all's other address is named", { ...addressed("To: info@example.com"), rules: { "*@example.com": away } }, "not-addressed"],
  ["a fold of another field names it", addressed("To: list@example.com", "X-Note: see\r\n To: alice@example.com"), "not-addressed"],
  ...["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc", "TO", "cc"].map(
    (name): Row => [`${name} names the recipient`, addressed(`${name}: alice@example.com`), "reply"],
  ),
  ["other letters are used", addressed("To: Alice@EXAMPLE.com"), "reply"],
  ["a display name stands before it", addressed('To: "Smith, Alice" <alice@example.com>'), "reply"],
  ["an encoded display name stands before it", addressed("To: =?utf-8?Q?=C3=84lice?= <alice@example.com>"), "reply"],
  ["it is in a group", addressed("To: Team: bob@remote.test, alice@example.com;"), "reply"],
  ["it is in a second group", addressed("To: A: x@y.test;, B: Alice <alice@example.com>;"), "reply"],
  ["it is folded", addressed("To: x@y.test,\r\n\talice@example.com"), "reply"],
  ["the second To names it", addressed("To: list@example.com", "To: alice@example.com"), "reply"],
  ["the local part is quoted", addressed('To: "alice"@example.com'), "reply"],
  ["the domain ends with a dot", addressed("To: alice@example.com."), "reply"],
  ["a tag was added on the way", { ...addressed("To: alice@example.com"), to: ["alice+shop@example.com"] }, "reply"],
  ["the named address has a tag", addressed("To: alice+shop@example.com"), "reply"],
  [
    "the catch-all's address is named",
    { ...addressed("To: info@example.com"), to: ["info@example.com"], rules: { "*@example.com": away } },
    "reply",
  ],
  [
    "it is the last of a thousand",
    addressed(`To: ${Array.from({ length: 999 }, (_, i) => `u${i}@y.test`).join(",\r\n ")},\r\n alice@example.com`),
    "reply",
  ],
];

const idn = (to: string, named: string): Case => ({
  ...addressed(`To: ${named}`),
  to: [to],
  rules: { "*@xn--bcher-kva.example": away },
  facts: { domains: ["xn--bcher-kva.example" as never] },
});
const international: readonly Row[] = [
  ["the envelope has A-labels and To U-labels", idn("alice@xn--bcher-kva.example", "alice@bücher.example"), "reply"],
  ["the envelope has U-labels and To A-labels", idn("alice@bücher.example", "alice@XN--BCHER-KVA.example"), "reply"],
  ["To spells the U-label with a combining mark", idn("alice@bücher.example", "alice@bu\u0308cher.example"), "reply"],
  ["To names another domain", idn("alice@bücher.example", "alice@bucher.example"), "not-addressed"],
  ["the local part is not ASCII", idn("jörg@bücher.example", "jörg@bücher.example"), "address-unsupported"],
  ["the sender's local part is not ASCII", { from: "jörg@remote.test" }, "address-unsupported"],
  ["the sender's domain is a literal, which SES does not take", { from: "bob@[192.0.2.1]" }, "address-unsupported"],
  ["the sender's domain has no dot, which SES does not take", { from: "bob@localhost" }, "address-unsupported"],
];

const tables: Readonly<Record<string, readonly Row[]>> = {
  "null reverse-path": nullPath,
  "system sender": systemSenders,
  "Auto-Submitted": autoSubmitted,
  "mailing list": mailingList,
  Precedence: precedence,
  "X-Auto-Response-Suppress": suppressed,
  report: reports,
  "from self": fromSelf,
  "not addressed": notAddressed,
  "international address": international,
};
for (const [name, rows] of Object.entries(tables)) {
  for (const [why, mail, expected] of rows) {
    test(`plan() decides ${expected} by ${name} when ${why}`, async () => {
      expect(await replyOf(mail)).toBe(expected);
    });
  }
}

test("plan() names the reason that is found first when several apply", async () => {
  const all = "Auto-Submitted: auto-replied\r\nList-Id: <x>\r\nPrecedence: bulk\r\nX-Auto-Response-Suppress: All\r\n";
  expect(await replyOf({ header: `${personal}${all}`, from: null })).toBe("null-reverse-path");
  expect(await replyOf({ header: `${personal}${all}`, from: "dogs-request@remote.test" })).toBe("auto-submitted");
  expect(await replyOf({ header: `${personal}List-Id: <x>\r\n`, from: "dogs-bounces@remote.test" })).toBe("mailing-list");
});

test("automaticReason() takes linear time when a header is full of comments, commas or addresses", () => {
  const recipient = parseAddress("alice@example.com");
  const sender = parseAddress("bob@remote.test");
  if (!recipient.ok || !sender.ok) throw new Error("no address");
  const filler = [
    "(".repeat(60_000),
    "(\\".repeat(30_000),
    ",;".repeat(30_000),
    "a@b.test,".repeat(7_000),
    "=?utf-8?Q?=28?= ".repeat(4_000),
  ];
  for (const value of filler) {
    for (const name of ["Auto-Submitted: no", "Precedence", "X-Auto-Response-Suppress", "Content-Type", "To", "From", "Sender"]) {
      const octets = new TextEncoder().encode(`${name}: ${value}\r\n\r\n`);
      const busyMs = busyTime();
      automaticReason(automaticSignsOf(openMail(octets, octets.length), sender.value), recipient.value);
      expect(busyMs()).toBeLessThan(1000);
    }
  }
});
