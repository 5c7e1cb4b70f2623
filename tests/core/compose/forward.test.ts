// The header of a forward, field by field, and that its body is the very body of the original.

import { expect, test } from "bun:test";
import { concat, openMail } from "@sesame/core";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { composeForward, readForwardFields } from "../../../packages/core/compose/forward.ts";
import { keptNames } from "../../../packages/core/compose/kept-fields.ts";
import type { Forward } from "../../../packages/core/plan/types.ts";
import { corpusMails, corpusNote } from "../corpus.ts";
import { draftOf } from "../draft.ts";
import { factsOf, personal, serveOf } from "../sample.ts";
import { fieldsIn, forwardOf, latin, outside, valuesIn } from "./forwards.ts";

const headOf = async (header: string): Promise<Uint8Array> => (await forwardOf({ header })).draft.head;
const without = (name: string) => personal.replace(new RegExp(`${name}: .*\r\n`), "");

/** Inbound field(s), the field of the forward that is looked at, and its values. */
const rows: [string, string, string, string[]][] = [
  // From: our mailbox, under a name that poses as nobody.
  ["a name", "From: Bob <bob@remote.test>", "From", ['"Bob via example.com" <alice@example.com>']],
  [
    "an encoded name with signs that it may not hold",
    "From: =?utf-8?Q?Team:_Sales, (EU)?= <b@c.test>",
    "From",
    ['"Team: Sales, (EU) via example.com" <alice@example.com>'],
  ],
  ["no name", "From: bob@remote.test", "From", ['"bob at remote.test via example.com" <alice@example.com>']],
  [
    "another alphabet",
    "From: =?utf-8?B?QsO2Yg==?= <bob@remote.test>",
    "From",
    ["=?UTF-8?Q?B=C3=B6b_via_example=2Ecom?= <alice@example.com>"],
  ],
  ["raw UTF-8", "From: Böb <bob@remote.test>", "From", ["=?UTF-8?Q?B=C3=B6b_via_example=2Ecom?= <alice@example.com>"]],
  ["an address for a name", 'From: "ceo@bank.test" <eve@evil.test>', "From", ['"eve at evil.test via example.com" <alice@example.com>']],
  ["an address in a name", 'From: "Eve (ceo@bank.test)" <eve@evil.test>', "From", ['"Eve via example.com" <alice@example.com>']],
  [
    "an encoded address in a name",
    "From: =?utf-8?Q?CEO_=3Cceo=40bank=2Etest=3E?= <eve@evil.test>",
    "From",
    ['"CEO via example.com" <alice@example.com>'],
  ],
  [
    "a wide address in a name",
    `From: =?utf-8?B?${Buffer.from("ceo＠bank.test Eve").toString("base64")}?= <eve@evil.test>`,
    "From",
    ['"Eve via example.com" <alice@example.com>'],
  ],
  ["signs of an address", 'From: "Bob @ Acme <x>" <bob@remote.test>', "From", ['"Bob Acme x via example.com" <alice@example.com>']],
  [
    "a line end and a direction override",
    "From: =?utf-8?Q?Bob=0D=0ABcc:_x=E2=80=AEmoc?= <bob@remote.test>",
    "From",
    ['"Bob Bcc: xmoc via example.com" <alice@example.com>'],
  ],
  ["invisible letters", "From: =?utf-8?Q?B=E2=80=8Bo=C2=ADb?= <bob@remote.test>", "From", ['"Bob via example.com" <alice@example.com>']],
  ["quotes", 'From: "Bob \\"the\\" B." <bob@remote.test>', "From", ['"Bob \\"the\\" B. via example.com" <alice@example.com>']],
  [
    "a local part like an address",
    'From: "ceo@bank.test x"@evil.test',
    "From",
    ['"ceo bank.test x at evil.test via example.com" <alice@example.com>'],
  ],
  ["no From", "", "From", ['"Unknown sender via example.com" <alice@example.com>']],
  ["From: garbage", "From: nobody", "From", ['"Unknown sender via example.com" <alice@example.com>']],
  ["two From fields", "From: Bob <bob@remote.test>\r\nFrom: Eve <eve@evil.test>", "From", ['"Bob via example.com" <alice@example.com>']],
  // Reply-To: where the author wants it, else to all authors.
  ["From alone", "From: Bob <bob@remote.test>", "Reply-To", ['"Bob" <bob@remote.test>']],
  [
    "Reply-To",
    "From: Bob <bob@remote.test>\r\nReply-To: Team <team@remote.test>, b@c.test",
    "Reply-To",
    ['"Team" <team@remote.test>, b@c.test'],
  ],
  ["an empty Reply-To", "From: bob@remote.test\r\nReply-To: <>", "Reply-To", ["bob@remote.test"]],
  ["two Reply-To fields", "From: bob@remote.test\r\nReply-To: a@b.test\r\nReply-To: c@d.test", "Reply-To", ["a@b.test, c@d.test"]],
  ["several authors", "From: a@b.test, C <c@d.test>", "Reply-To", ['a@b.test, "C" <c@d.test>']],
  ["an author in a display name", "From: =?utf-8?Q?eve=40evil=2Etest=2C?= <bob@remote.test>", "Reply-To", ["bob@remote.test"]],
  ["From is one encoded word", "From: =?utf-8?Q?bob=40remote=2Etest?=", "Reply-To", ["bob@remote.test"]],
  ["a local part that SES refuses bare", "From: a..b@mobile.test", "Reply-To", ['"a..b"@mobile.test']],
  ["a local part that starts with a dot", "From: .ab@mobile.test", "Reply-To", ['".ab"@mobile.test']],
  ["an address for a name", 'From: "ceo@bank.test" <eve@evil.test>', "Reply-To", ["eve@evil.test"]],
  ["domains that SES refuses", "From: a@under_score.test, a@localhost, a@[192.0.2.1], b@c.test", "Reply-To", ["b@c.test"]],
  ["an IDN", "From: a@bücher.example", "Reply-To", ["a@xn--bcher-kva.example"]],
  ["nobody to answer", "From: nobody", "Reply-To", []],
  // To and Cc: for the reader.
  [
    "To and its name",
    "To: Alice <alice@example.com>, =?utf-8?Q?B=C3=B6b?= <b@c.test>",
    "To",
    ['"Alice" <alice@example.com>, =?UTF-8?B?QsO2Yg==?= <b@c.test>'],
  ],
  ["a group", "To: Friends: a@b.test, c@d.test;", "To", ["a@b.test, c@d.test"]],
  ["nobody in To", "To: undisclosed-recipients:;", "To", ["alice@example.com"]],
  ["a bad address in To", "To: Alice, alice@example.com, <not an address>", "To", ["alice@example.com"]],
  ["two To fields", "To: a@b.test\r\nTo: c@d.test", "To", ["a@b.test, c@d.test"]],
  ["Cc alone", "Cc: a@b.test", "Cc", ["a@b.test"]],
  ["Bcc", "To: a@b.test\r\nBcc: c@d.test", "Bcc", []],
  // Subject: FWD once.
  ["a subject", "Subject: Hello", "Subject", ["FWD: Hello"]],
  ...["FWD: x", "Fwd: x", "fw: x", "FW : x", "WG: x", "wg: x", "TR: x", "tr:x", "Fwd[2]: x", "FW： x"].map(
    (text): [string, string, string, string[]] => [
      text,
      `Subject: ${text}`,
      "Subject",
      [expect.not.stringMatching(/^FWD: (?:f|w|t)/i) as never],
    ],
  ),
  ["FWD in an encoded word", "Subject: =?utf-8?Q?=46WD=3A_x?=", "Subject", ["FWD: x"]],
  ["FWD further on", "Subject: Re: FWD: x", "Subject", ["FWD: Re: FWD: x"]],
  ["a word that starts like FWD", "Subject: Training: x", "Subject", ["FWD: Training: x"]],
  ["no subject", "", "Subject", ["FWD:"]],
  ["a line end in an encoded word", "Subject: =?utf-8?Q?hi=0D=0ABcc:_evil=40x.test?=", "Subject", ["FWD: hi Bcc: evil@x.test"]],
  ["two subjects", "Subject: a\r\nSubject: b", "Subject", ["FWD: a"]],
  // Date: the original's while it is one.
  ["a date", "Date: Mon, 05 Jan 2026 12:59:50 +0100 (CET)", "Date", ["Mon, 05 Jan 2026 12:59:50 +0100 (CET)"]],
  ["an old date", "Date: 5 Jan 2026 12:59 GMT", "Date", ["5 Jan 2026 12:59 GMT"]],
  ["a date that is none", "Date: 2026-01-05T12:00:00Z", "Date", ["Mon, 05 Jan 2026 12:00:00 +0000"]],
  ["a date and more", "Date: Mon, 05 Jan 2026 12:59:50 +0100; drop", "Date", ["Mon, 05 Jan 2026 12:00:00 +0000"]],
  ...["Wed, 15 Dec 2010 59:10 -0500", "Wed, 15 Dec 2010 24:00 -0500", "Wed, 15 Dec 2010 10:60 +0000", "15 Dec 2010 10:10:61 +0000"].map(
    (text): [string, string, string, string[]] => [`X34 the hour of ${text}`, `Date: ${text}`, "Date", ["Mon, 05 Jan 2026 12:00:00 +0000"]],
  ),
  ...["0 Jan 2026 10:00 +0000", "32 Jan 2026 10:00 +0000", "99 Jan 2026 10:00 +0000"].map((text): [string, string, string, string[]] => [
    `X34 the day of ${text}`,
    `Date: ${text}`,
    "Date",
    ["Mon, 05 Jan 2026 12:00:00 +0000"],
  ]),
  ...["31 Dec 2016 23:59:60 +0000", "Fri, 01 Jan 2016 00:00:00 +0000", "Thu, 9 Jan 2020 09:09 +0000"].map(
    (text): [string, string, string, string[]] => [`X34 ${text}`, `Date: ${text}`, "Date", [text]],
  ),
  // The thread.
  ["a Message-ID", "Message-ID: <m@x>", "X-Original-Message-ID", ["<m@x>"]],
  ["a first mail", "Message-ID: <m@x>", "References", ["<m@x>"]],
  ["an answer", "Message-ID: <m@x>\r\nIn-Reply-To: <b@x>\r\nReferences: <a@x>\r\n\t<b@x>", "References", ["<a@x> <b@x> <m@x>"]],
  ["an answer, as it says", "Message-ID: <m@x>\r\nIn-Reply-To: <b@x> (Bob's)", "In-Reply-To", ["<b@x>"]],
  ["an answer without References", "Message-ID: <m@x>\r\nIn-Reply-To: <b@x>", "References", ["<b@x> <m@x>"]],
  ["no Message-ID", "References: <a@x>", "References", ["<a@x>"]],
  ["nothing of a thread", "", "References", []],
  ["ids that are none", "Message-ID: <m x>\r\nReferences: junk <a@x\r\n > <b@x>", "References", ["<b@x>"]],
  // What was replaced.
  ["an original From", "From: =?utf-8?Q?B=C3=B6b?= <bob@remote.test>", "X-Original-From", ["=?UTF-8?B?QsO2Yg==?= <bob@remote.test>"]],
  ["an original From that is no address", "From: the boss", "X-Original-From", ["the boss"]],
  ["no original From", "", "X-Original-From", []],
  // How to read the body.
  ["a type", "MIME-Version: 1.0 (x)\r\nContent-Type: text/plain; charset=utf-8;", "Content-Type", ["text/plain; charset=utf-8"]],
  [
    "a folded boundary",
    'Content-Type: multipart/mixed;\r\n\tboundary="----=_a  b"',
    "Content-Type",
    ['multipart/mixed; boundary="----=_a  b"'],
  ],
  [
    "S/MIME",
    'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="b"',
    "Content-Type",
    ['multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'],
  ],
  ["an extended name", "Content-Type: a/b; name*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Content-Type", ["a/b; name*=utf-8''Gr%C3%B6%C3%9Fe.pdf"]],
  [
    "an 8-bit name",
    `Content-Disposition: attachment; filename="Größe.pdf"`,
    "Content-Disposition",
    ["attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf"],
  ],
  ["a type that is none", "Content-Type: text; charset=utf-8", "Content-Type", []],
  ["two types", "Content-Type: text/html\r\nContent-Type: text/plain", "Content-Type", ["text/html"]],
  ["no MIME-Version beside a type", "Content-Type: text/html", "MIME-Version", ["1.0"]],
  ["no MIME at all", "", "MIME-Version", []],
  ["an encoding", "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding", ["base64"]],
  ["a description", "Content-Description: =?utf-8?Q?Gr=C3=B6=C3=9Fe?=", "Content-Description", ["=?UTF-8?B?R3LDtsOfZQ==?="]],
  ["a length that may lie", "Content-Length: 1", "Content-Length", []],
  // What machines and lists say.
  ["automatic", "Auto-Submitted: auto-generated", "Auto-Submitted", ["auto-generated"]],
  ["bulk", "Precedence: bulk", "Precedence", ["bulk"]],
  ["a list", "List-Id: The List <l.remote.test>", "List-Id", ["The List <l.remote.test>"]],
  [
    "a way out of a list",
    "List-Unsubscribe: <https://x.test/u?a=1>,\r\n <mailto:u@x.test>",
    "List-Unsubscribe",
    ["<https://x.test/u?a=1>, <mailto:u@x.test>"],
  ],
  ["an unlawful importance", "Importance: größte", "Importance", []],
  ["a word that no line holds", `Importance: ${"x".repeat(1200)}`, "Importance", []],
  ["a topic in another alphabet", "Thread-Topic: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Thread-Topic", ["=?UTF-8?B?R3LDvMOfZQ==?="]],
];
for (const [why, header, name, expected] of rows) {
  test(`composeForward() writes ${name} when there is ${why}`, async () => {
    expect(valuesIn(await headOf(`X: 1\r\n${header}${header === "" ? "" : "\r\n"}`), name)).toEqual(expected);
  });
}

test("composeForward() reads raw Latin-1 where it is no UTF-8", async () => {
  const octets = new Uint8Array(
    Buffer.from('From: B\u00f6b <b@c.test>\r\nContent-Disposition: attachment; filename="\u00fc.pdf"\r\n\r\n', "latin1"),
  );
  const { head } = (await forwardOf({ facts: { mail: openMail(octets, octets.length) } })).draft;
  expect(valuesIn(head, "From")).toEqual(["=?UTF-8?Q?B=C3=B6b_via_example=2Ecom?= <alice@example.com>"]);
  expect(valuesIn(head, "Content-Disposition")).toEqual(["attachment; filename*=utf-8''%C3%BC.pdf"]);
});

const dropped =
  "Return-Path Sender Delivered-To X-Original-To DKIM-Signature DomainKey-Signature Feedback-ID ARC-Seal ARC-Message-Signature " +
  "ARC-Authentication-Results Authentication-Results Received-SPF Bcc Resent-To Resent-From Resent-Message-ID " +
  "Disposition-Notification-To Disposition-Notification-Options Return-Receipt-To Errors-To Bounces-to X-SES-CONFIGURATION-SET " +
  "X-SES-MESSAGE-TAGS X-SES-SOURCE-ARN X-SES-FROM-ARN X-SES-RETURN-PATH-ARN X-SES-LIST-MANAGEMENT-OPTIONS X-SES-Receipt " +
  "X-SES-Spam-Verdict x-ses-anything X-Failed-Recipients Content-Length Original-Recipient X-Anything";
test("composeForward() leaves behind what SES refuses or obeys, what cannot verify, and what it does not know", async () => {
  const head = await headOf(
    personal +
      dropped
        .split(" ")
        .map((name) => `${name}: a@b.test\r\n  folded\r\n`)
        .join(""),
  );
  const names = fieldsIn(head).map(([name]) => name.toLowerCase());
  for (const name of dropped.split(" ")) expect(names).not.toContain(name.toLowerCase());
  expect(latin(head)).not.toContain("folded");
});

test("X17 composeForward() does not pass on List-Unsubscribe-Post: the target's provider could unsubscribe the subscriber", async () => {
  const header = `${personal}List-Unsubscribe: <https://x.test/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n`;
  const { draft } = await forwardOf({ header });
  expect(valuesIn(draft.head, "List-Unsubscribe")).toEqual(["<https://x.test/u>"]);
  expect(valuesIn(draft.head, "List-Unsubscribe-Post")).toEqual([]);
});

// SES Developer Guide, "Amazon SES header fields": these may stand once.
const single =
  "Accept-Language acceptLanguage Archived-At Auto-Submitted Bounces-to Comments Content-Alternative Content-Base Content-Class " +
  "Content-Description Content-Disposition Content-Duration Content-ID Content-Language Content-Length Content-Location Content-MD5 " +
  "Content-Transfer-Encoding Content-Type Date Delivered-To Disposition-Notification-Options Disposition-Notification-To " +
  "DKIM-Signature DomainKey-Signature Errors-To From Importance In-Reply-To Keywords List-Archive List-Help List-Id List-Owner " +
  "List-Post List-Subscribe List-Unsubscribe List-Unsubscribe-Post Message-Context Message-ID MIME-Version Organization " +
  "Original-From Original-Message-ID Original-Recipient Original-Subject Precedence Priority References Reply-To Return-Path " +
  "Return-Receipt-To Sender Solicitation Sensitivity Subject Thread-Index Thread-Topic User-Agent VBR-Info To Cc";
const own = [
  "From",
  "Reply-To",
  "Subject",
  "Date",
  "Message-ID",
  "In-Reply-To",
  "References",
  "X-Original-Message-ID",
  "X-Original-From",
  "X-SES-Worker-Processed",
  "X-Loop",
];
const allowed = new Set([...keptNames, ...own].map((name) => name.toLowerCase()));

test("composeForward() writes each field once that SES refuses twice", async () => {
  const twice = single.split(" ").flatMap((name) => [`${name}: <a@b.test>\r\n`, `${name.toUpperCase()} : text/plain\r\n`]);
  const names = fieldsIn(await headOf(twice.join(""))).map(([name]) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("composeForward() keeps every Received, for their number ends a loop", async () => {
  const trace = ["Received: from a\r\n\tby b; x\r\n", "RECEIVED:\r\n", `Received: ${"x".repeat(3000)}\r\n`, "received : ü\r\n"];
  const values = valuesIn(await headOf(trace.join("") + personal), "Received");
  expect(values).toEqual(["from a by b; x", "(empty)", expect.stringMatching(/^x{900}$/), "?"]);
});

test("composeForward() replaces what other programs say of loops and workers by its own", async () => {
  const head = await headOf(`${personal}X-Loop: alice@example.com\r\nX-SES-Worker-Processed: worker-evil\r\n`);
  expect(valuesIn(head, "X-SES-Worker-Processed")).toEqual(["worker-example.com"]);
  const form = /^alice@example\.com; id=[0-9a-f]{32}; hop=1; to=[0-9a-f]{16}; at=1767614400; mac=[0-9a-f]{32}$/;
  expect(valuesIn(head, "X-Loop")).toEqual([expect.stringMatching(form)]);
});

test("composeForward() keeps the marks of other installations, as many as a mail may have hosts", async () => {
  const marks = Array.from({ length: 40 }, (_, i) => `a@b.test; id=${String(i).padStart(32, "0")}; hop=1; mac=${"0".repeat(32)}`);
  const folded = marks.map((each) => `X-Loop: ${each.replace("; hop", ";\r\n hop")}\r\n`).join("");
  const found = valuesIn(await headOf(`${personal}${folded}${folded}X-Loop: ü@b.test; ${marks[0]?.slice(10)}\r\n`), "X-Loop");
  expect(found.slice(1)).toEqual(marks.slice(0, 30));
});

test("composeForward() names 49 addressees by SES, which counts them as recipients, and all of them inside", async () => {
  const header = `To: ${Array.from({ length: 40 }, (_, i) => `b${i}@c.test`).join(", ")}\r\nCc: ${Array.from({ length: 40 }, (_, i) => `c${i}@c.test`).join(", ")}\r\n${without("To")}`;
  const count = (head: Uint8Array) => ["To", "Cc"].map((name) => valuesIn(head, name)[0]?.match(/@/g)?.length);
  expect(count(await headOf(header))).toEqual([40, 9]);
  const inside = await forwardOf({ header, rules: { "alice@example.com": { forwards: ["carol@another.test"] } } });
  expect(count(inside.draft.head)).toEqual([40, 40]);
});

test("composeForward() cuts lists that are an attack, and stays small", async () => {
  const many = Array.from({ length: 3000 }, (_, i) => `=?utf-8?Q?B=C3=B6b_${i}?= <b${i}@c.test>`);
  const head = await headOf(`To: ${many.join(",\r\n ")}\r\nReply-To: ${many.slice(0, 500).join(",\r\n ")}\r\n${without("To")}`);
  expect([head.length < 30_000, valuesIn(head, "Reply-To")[0]?.match(/@/g)?.length]).toEqual([true, 20]);
});

/** The whole forward of a mail. */
function whole(forward: Forward, octets: Uint8Array, bodyStart: number): Uint8Array {
  const { head, body } = draftOf(forward);
  return concat([head, body === "original" ? octets.subarray(bodyStart) : body]);
}

test("composeForward() writes a lawful header of allowed names whatever stands in the original", () => {
  const name = fc.oneof(
    fc.constantFrom(...single.split(" "), ...keptNames, ...own, ...dropped.split(" ")),
    fc.string({ unit: fc.constantFrom(...'aB-:_ \t"'), minLength: 1, maxLength: 12 }),
  );
  const unit = fc.constantFrom(
    ..."aB1 :;,@<>()\"\\=?_-.\r\n\t\0\u00fc\u0085\u00ad*'%[]",
    "\r\n ",
    "=?utf-8?Q?",
    "=0D=0A",
    "?=",
    "<a@b.test>",
    "text/plain; ",
    "boundary=",
    "日🙂",
    "\u2028",
    "＠",
  );
  const value = fc.oneof(
    fc.string({ unit, maxLength: 80 }),
    fc.string({ unit, minLength: 900, maxLength: 1300 }),
    fc.constant(`"${"x".repeat(1100)}"`),
  );
  const field = fc.tuple(name, value).map(([key, text]) => Buffer.from(`${key}: ${text}\r\n`, text.length % 2 ? "utf8" : "latin1"));
  fc.assert(
    fc.property(fc.array(field, { maxLength: 12 }), fc.uint8Array({ maxLength: 50 }), (fields, body) => {
      const octets = new Uint8Array(Buffer.concat([Buffer.from("X: 1\r\n"), ...fields, Buffer.from("\r\n"), body]));
      const mail = openMail(octets, octets.length);
      const { mailId, receivedAt, loopKey } = factsOf({});
      const compose = () =>
        composeForward({
          mail,
          mailId,
          receivedAt,
          recipient: "alice@example.com" as never,
          target: "x@other.test" as never,
          route: "ses",
          loopKey,
          original: readForwardFields(mail),
        });
      const { head, body: kind } = compose();
      expect(kind).toBe("original");
      const text = latin(head);
      expect(text).toMatch(/^(?:[!-9;-~]+:(?: [ -~]*)?\r\n(?:[ \t][ -~]*\r\n)*)+\r\n$/);
      expect(text.split("\r\n").every((line) => line.length <= 998)).toBe(true);
      const names = fieldsIn(head).map(([key]) => key.toLowerCase());
      for (const key of names) expect(allowed).toContain(key);
      const once = names.filter((key) => key !== "received" && key !== "x-loop");
      expect(new Set(once).size).toBe(once.length);
      expect(names.filter((key) => key === "received").length).toBe(mail.block.fields.filter(({ key }) => key === "received").length);
      const again = openMail(octets, octets.length); // opened anew
      expect(
        composeForward({
          mail: again,
          mailId,
          receivedAt,
          recipient: "alice@example.com" as never,
          target: "x@other.test" as never,
          route: "ses",
          loopKey,
          original: readForwardFields(again),
        }).head,
      ).toEqual(head);
    }),
    { numRuns: 1500 },
  );
});

test("composeForward() makes a mail in which another parser finds the same text, files, subject and answer address", async () => {
  const letter = fc.constantFrom(...'abc .-()ßü日🙂"\\');
  const text = fc.string({ unit: letter, minLength: 1, maxLength: 60 }).map((value) => value.replace(/\s+/g, " ").trim() || "x");
  const boundary = fc.string({ unit: fc.constantFrom(..."abc=_'()+,-./:?"), minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, text, text, boundary, fc.boolean(), async (subject, author, file, edge, isRaw) => {
      const word = (value: string) => (isRaw ? value : `=?UTF-8?B?${Buffer.from(value).toString("base64")}?=`);
      const named = isRaw ? `"${author.replace(/["\\]/g, "\\$&")}"` : word(author);
      const header = `From: ${named} <bob@remote.test>\nSubject: ${word(subject)}\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary="${edge}"\n`;
      const body = `--${edge}\n\nHi ß\n--${edge}\nContent-Type: a/b\nContent-Disposition: attachment; filename*=utf-8''${encodeURIComponent(file)}\n\ndata\n--${edge}--\n`;
      const octets = new Uint8Array(Buffer.from(`${header}\n${body}`.replaceAll("\n", "\r\n")));
      const mail = openMail(octets, octets.length);
      const forward = await forwardOf({ facts: { mail } });
      const [before, after] = [
        await simpleParser(Buffer.from(octets)),
        await simpleParser(Buffer.from(whole(forward, octets, mail.bodyStart))),
      ];
      expect(after.attachments.map(({ filename, content }) => [filename, content])).toEqual(
        before.attachments.map(({ filename, content }) => [filename, content]),
      );
      expect(after.text).toEqual(before.text as never);
      expect(after.subject?.replace(/\s+/g, " ")).toBe(`FWD: ${before.subject ?? ""}`.replace(/\s+/g, " ").trim());
      expect(after.replyTo?.value.map(({ address }) => address)).toEqual(["bob@remote.test"]);
    }),
    { numRuns: 150 },
  );
});

const noSemicolon = ["fixtures/mime/type-without-a-semicolon.eml", "corpus/mime/malformed-017.eml"];
test(`composeForward() makes a lawful header over the same body of every mail of the corpus${corpusNote}`, async () => {
  for (const { name, octets } of corpusMails()) {
    const mail = openMail(octets, octets.length);
    if (mail.defects.includes("no-header-block")) continue;
    const { mailId, receivedAt, loopKey } = factsOf({});
    const draft = composeForward({
      mail,
      mailId,
      receivedAt,
      recipient: "alice@example.com" as never,
      target: "x@other.test" as never,
      route: "ses",
      loopKey,
      original: readForwardFields(mail),
    });
    const sent = concat([draft.head, octets.subarray(mail.bodyStart)]);
    expect([name, fieldsIn(draft.head).every(([key]) => allowed.has(key.toLowerCase()))]).toEqual([name, true]);
    if (noSemicolon.includes(name)) continue; // its Content-Type lacks a semicolon: the forward is read better
    const [before, after] = [await simpleParser(Buffer.from(octets)), await simpleParser(Buffer.from(sent))];
    const files = (parsed: typeof before) => parsed.attachments.map(({ filename, checksum }) => `${filename} ${checksum}`);
    expect([name, ...files(after)]).toEqual([name, ...files(before)]);
    expect([name, after.text]).toEqual([name, before.text]);
  }
});

const latin1 = (header: string) => Buffer.from(`${header}\r\n`, "latin1");
const longList = (i: number) =>
  `List-${["Help", "Subscribe", "Unsubscribe", "Post", "Owner", "Archive"][i]}: <mailto:${"l".repeat(700)}@x.test>\r\n`;
const longLists = `List-Id: <l.x.test>\r\n${Array.from({ length: 6 }, (_, i) => longList(i)).join("")}`;
const longReferences = `References: ${Array.from({ length: 20 }, (_, i) => `<${"r".repeat(235)}${i}@x.test>`).join("\r\n ")}\r\n`;
const longReceived = (count: number) => `Received: from ${"h".repeat(900)}.x.test; Mon, 05 Jan 2026 12:00:00 +0000\r\n`.repeat(count);
const longAddressees = `Cc: ${Array.from({ length: 40 }, (_, i) => `<${"c".repeat(60)}${i}@${"d".repeat(60)}.${"e".repeat(60)}.test>`).join(",\r\n ")}\r\n`;
const longContent = `Content-Type: application/x-long; ${Array.from({ length: 16 }, (_, i) => `p${i}="${"v".repeat(900)}"`).join(";\r\n ")}\r\n`;

/** What was long, what is left out, and how many Received fields keep their text; their number stays. */
const longHeaders: readonly (readonly [why: string, header: string, leftOut: readonly string[], received: number])[] = [
  ["it fits", `${personal + longReceived(10) + longReferences.slice(0, 800)}@x.test>\r\n`, [], 10],
  ["References alone are enough", personal + longReceived(26) + longReferences, ["References"], 26],
  ["then the older Received", personal + longReceived(29) + longReferences + longLists, ["References", "Received"], 5],
  [
    "then the List fields",
    personal + longReceived(29) + longReferences + longLists + longAddressees + longContent,
    ["References", "Received", "List fields"],
    5,
  ],
  ["where nobody wrote References", personal.replace(/Message-ID: .*\r\n/, "") + longReceived(29) + longLists, ["Received"], 5],
];
for (const [why, header, leftOut, received] of longHeaders) {
  test(`X02 a forward of a mail with a long header: ${why}`, async () => {
    const { draft } = await forwardOf({ header });
    const warnings = (await serveOf({ header, rules: outside })).warnings.filter(({ kind }) => kind === "forward-header-shortened");
    expect(warnings).toEqual(leftOut.length > 0 ? [{ kind: "forward-header-shortened", leftOut: leftOut as never }] : []);
    const trace = valuesIn(draft.head, "Received");
    expect([trace.length, trace.filter((value) => value.startsWith("from ")).length]).toEqual([
      valuesIn(latin1(header), "Received").length,
      received,
    ]);
    expect(valuesIn(draft.head, "References").length > 0).toBe(header.includes("m1@remote.test") && !leftOut.includes("References"));
    expect(fieldsIn(draft.head).some(([name]) => name.startsWith("List-"))).toBe(
      header.includes("List-Id") && !leftOut.includes("List fields"),
    );
    for (const name of ["Cc", "Content-Type"]) expect(valuesIn(draft.head, name).length).toBe(header.includes(`${name}:`) ? 1 : 0);
    expect(draft.head.length).toBeLessThanOrEqual(32 * 1024);
  });
}
