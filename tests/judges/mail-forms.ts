// Mail forms: the parts that generated mails are put together from, each with what a person would read in it. Text is
// written octet for octet: "latin1" strings, so that a raw 8-bit octet stands here as one character.

import { Buffer } from "node:buffer";

/** UTF-8 octets of a text as a latin1 string. */
export function raw(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** How a subject field's value is written, and what it says; `null` where the mail has no subject. */
export type SubjectForm = readonly [value: string | null, reads: string | null];

export const subjects: readonly SubjectForm[] = [
  ["Lunch on Friday", "Lunch on Friday"],
  ["Re: the offer", "Re: the offer"],
  ["Fwd: the offer", "Fwd: the offer"],
  ["WG: Angebot", "WG: Angebot"],
  [null, null],
  ["", ""],
  ["=?UTF-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Grüße aus Köln"],
  ["=?iso-8859-1?Q?Pr=FCfung?= heute", "Prüfung heute"],
  ["=?utf-8?B?5pel5pys6Kqe44Gu5Lu25ZCN?=", "日本語の件名"],
  ["=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=", "日本語"],
  ["=?utf-8?B?8J+Ygg==?= =?utf-8?B?8J+Ygg==?= party", "😂😂 party"],
  ["=?utf-8?Q?split_=C3?= =?utf-8?Q?=BC_inside?=", "split ü inside"],
  ["=?utf-8?Q?Hi=0D=0ABcc:_victim=40remote.test=0D=0A=0D=0Abody?=", "Hi Bcc: victim@remote.test body"],
  [raw("Grüße ohne Kodierung"), "Grüße ohne Kodierung"],
  ["Gr\xfc\xdfe in Latin-1", "Grüße in Latin-1"],
  ["two  spaces\tand a tab", "two spaces and a tab"],
  ["A subject that is folded\r\n over two lines", "A subject that is folded over two lines"],
  [`long ${"word ".repeat(60)}end`, `long ${"word ".repeat(60)}end`],
  ["x".repeat(300), "x".repeat(300)],
  [`=?utf-8?Q?${"=C3=A4".repeat(9)}?=\r\n`.repeat(8).replaceAll("\r\n", "\r\n ").trimEnd(), "ä".repeat(72)],
  ["Price: 5 =?unknown-charset?Q?abc?=", "Price: 5 abc"],
  ["=?utf-8*en?Q?with_a_language?=", "with a language"],
  ['[ticket #42] (urgent) "quoted" <x@y.test>, a; b', '[ticket #42] (urgent) "quoted" <x@y.test>, a; b'],
  [raw("right\u202eto left"), "right to left"],
  ["=?utf-8?Q?=E2=80=AEoverride?=", "override"],
];

/** From fields for an author `<bob@remote.test>`: the whole value, or `null` for none. */
export const authors: readonly (string | null)[] = [
  "Bob <bob@remote.test>",
  "bob@remote.test",
  "<bob@remote.test>",
  '"Builder, Bob" <bob@remote.test>',
  '"Bob \\"the builder\\" B." <bob@remote.test>',
  "bob@remote.test (Bob (the) Builder)",
  "=?utf-8?Q?B=C3=B6b_B=C3=BCilder?= <bob@remote.test>",
  '"=?utf-8?Q?B=C3=B6b?=" <bob@remote.test>',
  raw("Böb Büilder <bob@remote.test>"),
  "B\xf6b <bob@remote.test>",
  "Bob <bob@remote.test>, Carol <carol@remote.test>",
  "Team: bob@remote.test, carol@remote.test;",
  "Bob",
  "",
  null,
  "bob@remote.test <bob@remote.test>",
  '"alice@example.com" <bob@remote.test>',
  "=?utf-8?Q?ceo=40bank=2Etest_=3Cceo=40bank=2Etest=3E?= <bob@remote.test>",
  "=?utf-8?Q?Bob=0D=0ABcc:_victim=40remote.test?= <bob@remote.test>",
  "Bob <bob@b\xc3\xbccher.test>",
  "Bob <bob@xn--bcher-kva.test>",
  '"bob b" <"bob b"@remote.test>',
  "Bob <bob@[192.0.2.7]>",
  "Bob <@relay.test:bob@remote.test>",
  `${"Bob ".repeat(80)}<bob@remote.test>`,
];

/** Header fields about the body, and the body. */
export type BodyForm = readonly [fields: string, body: string];

const boundary = (type: string, parts: readonly string[]): BodyForm => [
  `MIME-Version: 1.0\r\nContent-Type: multipart/${type}; boundary="=_b1"\r\n`,
  `preamble\r\n${parts.map((part) => `--=_b1\r\n${part}\r\n`).join("")}--=_b1--\r\n`,
];
const plainPart =
  "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe, see below=2E\r\n";
const htmlPart =
  "Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Hello &amp; bye</p><script>alert(1)</script></body></html>\r\n";
const pdfPart =
  'Content-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\nJVBERi0xLjQKJSVFT0YK\r\n';

export const bodies: readonly BodyForm[] = [
  ["", "Hello Alice,\r\n\r\nhow are you?\r\n"],
  ["MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n", "Plain.\r\n"],
  ["MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", raw("Grüße, 日本語 😂\r\n")],
  ["MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n", "Gr\xfc\xdfe\r\n"],
  ["MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", "R3LDvMOfZQ0K\r\n"],
  ["MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n", "<p>Only <b>HTML</b> &lt;here&gt;</p>\r\n"],
  ["", ""],
  ["", "no line end at the end"],
  ["", "a\r\n\r\n\r\n\r\n"],
  ["", `.\r\n..\r\n.dot\r\nFrom the start\r\n${"=".repeat(80)}\r\n`],
  ["", `${"long line ".repeat(150)}\r\n`],
  ["", `${"x".repeat(5000)}\r\n`],
  ["", `${"A text of more than two kilobytes. ".repeat(200)}\r\n`],
  boundary("alternative", [plainPart, htmlPart]),
  boundary("mixed", [plainPart, pdfPart]),
  boundary("mixed", [
    `Content-Type: multipart/alternative; boundary="=_b2"\r\n\r\n--=_b2\r\n${plainPart}\r\n--=_b2\r\n${htmlPart}\r\n--=_b2--\r\n`,
    pdfPart,
  ]),
  boundary("mixed", [plainPart, "Content-Type: message/rfc822\r\n\r\nFrom: carol@remote.test\r\nSubject: inner\r\n\r\ninner text\r\n"]),
  boundary("related", [
    htmlPart,
    "Content-Type: image/gif\r\nContent-ID: <i1>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n",
  ]),
  boundary("alternative", [htmlPart]),
];

/** Fields of a thread. Ids that no header could hold again are among them. */
export const threads: readonly string[] = [
  "Message-ID: <m1@remote.test>\r\n",
  "Message-ID: <m1@remote.test>\r\nIn-Reply-To: <m0@example.com>\r\nReferences: <m0@example.com>\r\n",
  `Message-ID: <m1@remote.test>\r\nReferences:${Array.from({ length: 60 }, (_, i) => `\r\n <ref-${i}-0123456789abcdef@a.long.host.name.test>`).join("")}\r\n`,
  "Message-ID: <m1@remote.test>\r\nReferences: garbage <a b@c> <ok@remote.test> <<x>> =?utf-8?Q?=3Ce=40x=3E?=\r\n",
  "Message-ID: <with space@remote.test>\r\n",
  "Message-ID: no-brackets@remote.test\r\n",
  `Message-ID: <${"m".repeat(240)}@r.test>\r\n`,
  `Message-ID: <${"m".repeat(400)}@remote.test>\r\n`,
  "Message-Id:\r\n <folded@remote.test>\r\n",
  "Message-ID: <b\xc3\xbc@remote.test>\r\n",
  "Message-ID: <1@[192.0.2.1]>\r\n",
  "Message-ID: <A.B!C$D#E%F@remote.test>\r\nIn-Reply-To: Bob's mail of Friday <m0@example.com>\r\n",
  "",
];

/** What else may stand in a header, without meaning for a reply. */
export const oddities: readonly string[] = [
  "",
  "",
  "",
  "Date: Mon, 05 Jan 2026 12:00:00 +0100\r\n",
  "Date: yesterday\r\nX-Mailer: odd\r\n",
  "Received: from a.test (a.test [192.0.2.1])\r\n\tby b.test with ESMTP id 1 for <alice@example.com>;\r\n\tMon, 5 Jan 2026 12:00:00 +0000\r\n",
  "X-Loop: alice@example.com; id=0; hop=1; mac=0\r\nX-SES-Configuration-Set: theirs\r\nX-SES-MESSAGE-TAGS: a=b\r\n",
  "Sender: assistant@remote.test\r\nReply-To: Bob's office <office@remote.test>, second@remote.test\r\n",
  `Reply-To: ${raw("Büro")} <b\xc3\xbcro@remote.test>\r\n`,
  "DKIM-Signature: v=1; a=rsa-sha256; d=remote.test; s=x; h=from; bh=x; b=x\r\nDelivered-To: x@remote.test\r\nBcc: hidden@remote.test\r\n",
  "Importance: high\r\nX-Priority: 1\r\nThread-Topic: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nThread-Index: AdAbCdEf==\r\nContent-Language: de\r\n",
  "Importance: high\r\nimportance: low\r\nSubject: a second subject\r\n",
  "A line without a colon\r\nX-Empty:\r\n",
  "X-Bare: a\rb\r\nX-Nul: a\0b\r\n",
];
