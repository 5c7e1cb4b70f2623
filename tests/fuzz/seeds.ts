// Seeds: inputs to begin with: the corpus, the golden mails, and the few lines that reach each form.

import { corpusFiles, corpusMails } from "../core/corpus.ts";
import { hostileMails } from "../core/hostile-mails.ts";
import { inline, raw, received, records, s3Record, sesRecord, sns, snsRecord } from "../core/ses/notice-sample.ts";
import { maxInput } from "./bytes.ts";
import { octetsOf } from "./target.ts";

type Seeds = [Uint8Array, ...Uint8Array[]];

const person =
  'From: Bob <bob@remote.test>\r\nTo: alice@example.com, "a b"@example.com\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n' +
  "Message-ID: <m1@remote.test>\r\nReferences: <m0@remote.test>\r\nReceived: from x by y\r\n\r\nHi Alice\r\n";

/** Mails. */
export const mailSeeds: Seeds = [
  octetsOf(person),
  ...corpusMails().map(({ octets }) => octets.slice(0, maxInput)),
  ...hostileMails
    .filter(({ why }) => !/40 MB|\d00,000|1,000,000/.test(why))
    .map(({ octets }) => octets())
    .filter(({ length }) => length < 100_000),
];

/** Delivery reports: those of the corpus, and one that is whole and short. */
export const reportSeeds: Seeds = [
  octetsOf(
    "From: MAILER-DAEMON@amazonses.com\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt failed.\r\n" +
      "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; gone@x.test\r\nAction: failed\r\n\r\n" +
      "Final-Recipient: utf-8; j\\x{F6}rg@x.test\r\nAction: delivered\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" +
      "Message-ID: <0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000@email.amazonses.com>\r\nSubject: x\r\n\r\nx\r\n--b--\r\n",
  ),
  octetsOf(
    "X-Failed-Recipients: a@x.test, b@x.test\r\n\r\nAn error occurred while delivering the following message to <gone@x.test>.\r\n" +
      "The following recipients:\r\nc@x.test\r\nd@x.test\r\n\r\n",
  ),
  ...mailSeeds.filter((octets) => /delivery-status|MAILER-DAEMON/i.test(Buffer.from(octets.subarray(0, 4000)).toString("latin1"))),
];

const stored = corpusFiles("sns-bodies").map(({ octets }) => octets);

/** Bodies of queue entries. */
export const entrySeeds: Seeds = [
  octetsOf(sns(received(), { Timestamp: "2026-01-05T12:00:00Z" })),
  ...[raw(received()), sns(inline("From: a@b\r\n\r\nx")), raw(inline("RnJvbTogYUBiDQoNCng=", "BASE64"))].map(octetsOf),
  ...[records(sesRecord(received()), snsRecord(received()), s3Record("ObjectCreated:Copy")), raw({ Event: "s3:TestEvent" })].map(octetsOf),
  ...[
    {
      notificationType: "Bounce",
      bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: "x@y.test" }] },
      mail: { messageId: "e1" },
    },
    {
      eventType: "Complaint",
      complaint: { complainedRecipients: [{ emailAddress: "x@y.test" }] },
      mail: { messageId: "e1", source: "a@b" },
    },
    { Type: "SubscriptionConfirmation", SubscribeURL: "https://x.test" },
  ].map((value) => octetsOf(JSON.stringify(value))),
  ...stored,
];

/** Rows of the rules table, as JSON; `{"set": […]}` stands for a set. */
export const rowSeeds: Seeds = [
  octetsOf('{"ooo_active":true,"ooo_message":"I am away","forwards":["x@other.test"]}'),
  ...[
    '{"ooo_active":true,"ooo_message":"<p>Away</p>","ooo_content_type":"html","ooo_subject":"Away","ooo_start":"2026-01-01","ooo_end":"2026-02-01T08:00:00+01:00","ooo_timezone":"Europe/Berlin"}',
    '{"ooo_active":"false","ooo_message":null,"ooo_end":"","forwards":{"set":["a@b.test","a@b.test"," c@d.test ",7,null]}}',
    '{"ooo_active":1,"forwards":"x@other.test","blocked_patterns":["*@spam.test","[!a]*","","*"]}',
    "[]",
    "null",
  ].map(octetsOf),
];

/** Addresses and the fields that hold them, one input each. */
export const addressSeeds: Seeds = [
  octetsOf("alice+tag@example.com"),
  ...[
    '"a@evil x"@dom.test',
    "a@b@c",
    "<@a.test,@b.test:bob@remote.test>",
    "jörg@bücher.example",
    "a@[IPv6:2001:db8::1]",
    "undisclosed: a@x.test, Bob <b@x.test>;, c@x.test (Carol)",
    '"Bob, the \\"one\\"" <bob@remote.test>, =?utf-8?Q?x=3A_eve=40evil=2Etest=3B?= <bob@remote.test>',
    "prvs=1234=bob@remote.test",
    "a (b (c) d) @ x . test",
    `${"a".repeat(64)}@${"b".repeat(60)}.test`,
  ].map(octetsOf),
];

/** A pattern, a line end, and the text that it is held against. */
export const patternSeeds: Seeds = [
  octetsOf("*@spam.test\na@spam.test"),
  ...[
    "[!a-c]*@x\nd@x",
    "*a*a*a*b\naaaaaaaaaaaaaaaaaaaab",
    "[c-a!-z]\n5",
    "[]a]?\n]🙂",
    "a[b-\na[b-",
    "É*\ne\u0301a",
    "[[:alpha:]]\na]",
  ].map(octetsOf),
];

/** What a server says. */
export const answerSeeds: Seeds = [
  octetsOf("250-mx.test\r\n250-SIZE 1000\r\n250 8BITMIME\r\n"),
  ...[
    "220 mx.test ESMTP\r\n250 2.1.0 ok\r\n550 5.1.1 <a@b> User unknown\r\n354 go\r\n",
    "450-4.7.1 grey\r\n450-4.7.1 come\r\n450 4.7.1 back\r\n421 4.3.2 bye\n",
    "2500 ok\r\n\r\n250\r\n250-a\r\n550 b\r\n999 x\r\n",
    "552 5.3.4 gr\xc3\xb6\xc3\x9fer\r\n554 caf\xe9\r\n",
  ].map((text) => new Uint8Array(Buffer.from(text, "latin1"))),
];

/** Header values with encoded words. */
export const wordSeeds: Seeds = [
  octetsOf("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?utf-8?B?YQ==?="),
  ...[
    "=?utf-8?B?5pel?= =?utf-8?B?5pys?= plain =?iso-2022-jp?B?GyRCRnwbKEI=?=",
    "=?x-unknown*en?q?a_b=3D?=\t=?us-ascii?Q?=0D=0ABcc:?=",
    "=?utf-8?Q?=F0=9F?= =?utf-8?Q?=99=82?=",
    "=?UTF-16?B?AGE=?= =?utf-8?B?not base64?=",
  ].map(octetsOf),
];
