import { expect, test } from "bun:test";
import { type Address, openMail } from "@sesame/core";
import fc from "fast-check";
import type { Dsn } from "../../../packages/core/mail/dsn.ts";
import { readDsn } from "../../../packages/core/mail/dsn.ts";
import { firstValue } from "../../../packages/core/mail/header.ts";
import { originalIds } from "../../../packages/core/ses/bounce.ts";
import { busyTime } from "../../busy-time.ts";
import { corpusRows } from "../corpus.ts";

const crlf = (text: string) => text.replace(/\r?\n/g, "\r\n");
const mailOf = (text: string | Uint8Array) => {
  const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return openMail(octets, octets.length);
};
const dsnOf = (text: string): Dsn => readDsn(mailOf(crlf(text)));
const report = (status: string, { type = "message/delivery-status", head = "", original = "Message-ID: <o@x.test>\n\nHi\n" } = {}) =>
  `From: MAILER-DAEMON@amazonses.com\n${head}Content-Type: multipart/report; boundary="b"; report-type=delivery-status\n\npreamble\n--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: ${type}\n\n${status}\n--b\nContent-Type: message/rfc822\n\n${original}--b--\n`;

const perMail = "Reporting-MTA: dsn; a8-95.smtp-out.amazonses.com\n\n";
const one = "gone@customer.test";
const statuses: [string, string, string[]][] = [
  ["as SES writes it", `${perMail}Action: failed\nFinal-Recipient: rfc822; ${one}\nDiagnostic-Code: smtp; 550\nStatus: 5.1.1\n\n`, [one]],
  ["fields in the order of RFC 3464", `${perMail}Final-Recipient: rfc822; ${one}\nAction: failed\nStatus: 5.0.0\n`, [one]],
  ["without a space behind the type", `${perMail}Final-Recipient: rfc822;${one}\n`, [one]],
  ["with spaces everywhere", `${perMail}Final-Recipient :   RFC822  ;   ${one}   \n`, [one]],
  ["a status with a comment", `${perMail}Final-Recipient: rfc822;${one}\nAction: failed\nStatus: 5.0.0 (permanent failure)\n`, [one]],
  [
    "a folded diagnosis",
    `${perMail}Action: failed\nDiagnostic-Code: smtp; 550\n Final-Recipient: rfc822; x@fold.test\n\tmore\nFinal-Recipient: rfc822; ${one}\n`,
    [one],
  ],
  ["a folded recipient", `${perMail}Final-Recipient:\n rfc822;\n ${one}\n`, [one]],
  ["names in other letters", `${perMail}final-recipient: rfc822; ${one}\nACTION: FAILED\n`, [one]],
  ["no block for the mail", `Final-Recipient: rfc822; ${one}\nAction: failed\n`, [one]],
  ["empty lines before, between and behind", `\n\n${perMail}\n\n\nFinal-Recipient: rfc822; ${one}\n\n\n\n`, [one]],
  ["empty lines of spaces", `Reporting-MTA: dns; x\n \t\nFinal-Recipient: rfc822; ${one}\n  \n`, [one]],
  [
    "no empty line between the blocks",
    `Reporting-MTA: dns; x\nFinal-Recipient: rfc822; ${one}\nFinal-Recipient: rfc822; b@x.test\n`,
    [one, "b@x.test"],
  ],
  [
    "a line that is no field",
    `${perMail}what is this\nFinal-Recipient: rfc822; ${one}\n\nand this\n\nFinal-Recipient: rfc822; b@x.test\n`,
    [one, "b@x.test"],
  ],
  ["brackets round the address", `${perMail}Final-Recipient: rfc822; <${one}>\n`, [one]],
  ["a comment behind it", `${perMail}Final-Recipient: rfc822; ${one} (Bob Gone)\n`, [one]],
  ["no type", `${perMail}Final-Recipient: ${one}\n`, [one]],
  ["another type", `${perMail}Final-Recipient: local; ${one}\n`, [one]],
  ["an X.400 address", `${perMail}Final-Recipient: x400; /G=Bob/S=Gone@x.test\n\nFinal-Recipient: rfc822; ${one}\n`, [one]],
  ["X34 a bracket too many", `${perMail}Final-Recipient: RFC822; ${one}>\n`, [one]],
  ["X34 a bracket too few", `${perMail}Final-Recipient: RFC822; <${one}\n`, [one]],
  ["X34 brackets in the middle", `${perMail}Final-Recipient: RFC822; a@x.test>${one}\n`, []],
  ["no address", `${perMail}Final-Recipient: rfc822; postmaster\n\nFinal-Recipient:\n\nFinal-Recipient: rfc822\n`, []],
  ["a hostile address", `${perMail}Final-Recipient: rfc822; a@b.test>, <ceo@bank.test\n\nFinal-Recipient: rfc822; "a\\"\n`, []],
  ["a quoted local part", `${perMail}Final-Recipient: rfc822; "john doe"@x.test\n`, ['"john doe"@x.test']],
  [
    "several recipients, each once, those that were reached last",
    `${perMail}Final-Recipient: rfc822; ok@x.test\nAction: delivered\n\nFinal-Recipient: rfc822; a@x.test\nAction: failed\n\nAction: relayed\nFinal-Recipient: rfc822; on@x.test\n\nFinal-Recipient: rfc822; b@x.test\nAction: delayed\n\nFinal-Recipient: rfc822; a@x.test\n`,
    ["a@x.test", "b@x.test", "ok@x.test", "on@x.test"],
  ],
  [
    "expired mail",
    `${perMail}Action: failed\nFinal-Recipient: rfc822; ${one}\nDiagnostic-Code: smtp; 554 4.4.7 Message expired\nStatus: 4.4.7\n`,
    [one],
  ],
];
for (const [what, status, expected] of statuses) {
  test(`readDsn() finds who failed: ${what}`, () => expect(dsnOf(report(status)).finalRecipients as readonly string[]).toEqual(expected));
}

for (const [name, lineEnd] of [
  ["bare CR", "\r"],
  ["CRLF", "\r\n"],
  ["CR CR LF", "\r\r\n"],
] as const) {
  test(`X34 readDsn() reads a report whose lines end in ${name}`, () => {
    const text = report(`${perMail}Final-Recipient: rfc822; ${one}\nAction: failed\n`, { original: "Message-ID: <o@x.test>\n\nHi\n" });
    const [head = "", ...body] = text.split("\n\n"); // the header of the mail as ever
    const dsn = readDsn(mailOf(`${crlf(head)}\r\n\r\n${body.join("\n\n").replaceAll("\n", lineEnd)}`));
    expect([dsn.finalRecipients as readonly string[], dsn.original && firstValue(dsn.original, "Message-ID")]).toEqual([
      [one],
      lineEnd === "\r\r\n" ? null : "<o@x.test>", // its first line is empty, so the header of the part is over
    ]);
  });
}

test("X34 readDsn() splits parts in linear time where one of the two line ends is missing", () => {
  for (const line of ["x\n", "x\r", "x\r\n"]) {
    const mail = mailOf(`Content-Type: multipart/report; boundary=b\r\n\r\n${line.repeat(1_000_000)}--b\n\nhi\n--b--\n`);
    const busy = busyTime();
    readDsn(mail);
    expect(busy()).toBeLessThan(2000);
  }
});

test("readDsn() reads the reports of RFC 6533", () => {
  const status = `${perMail}Final-Recipient: utf-8; jörg@bücher.example\n\nFinal-Recipient: utf-8;j\\x{F6}rgen@x.test\n\nFinal-Recipient: utf-8; a\\x{110000}@x.test\n`;
  const text = report(status, { type: "message/global-delivery-status" }).replace("message/rfc822", "message/global-headers");
  const dsn = dsnOf(text);
  expect(dsn.finalRecipients as readonly string[]).toEqual(["jörg@bücher.example", "jörgen@x.test"]);
  expect(dsn.original && firstValue(dsn.original, "Message-ID")).toBe("<o@x.test>");
});

test("readDsn() undoes the transfer encoding of a report", () => {
  const status = crlf(`${perMail}Final-Recipient: rfc822; ${one}\n`);
  const base64 = Buffer.from(status)
    .toString("base64")
    .replace(/(.{60})/g, "$1\n");
  const quoted = status.replaceAll("=", "=3D").replace("rfc822;", "rfc8=\n22=3B").replace("gone", "=67one");
  const rows = [
    `base64\n\n${base64}`,
    `Quoted-Printable\n\n${quoted}`,
    `8bit\n\n${status}`,
    `x-unknown\n\n${status}`,
    `quoted-printable\n\n${status}=`,
    `quoted-printable\n\n${quoted.replace("rfc8=\n", "rfc8= \t\n")}`, // blanks that a host added behind the soft break
    `base64\n\n${base64.replace(/^(.{8})/, "$1 !")}`, // characters that are none of Base64 (RFC 2045 §6.8)
  ];
  for (const [index, body] of rows.entries()) {
    const text = report("").replace("message/delivery-status\n\n", `message/delivery-status\nContent-Transfer-Encoding: ${body}`);
    expect([index, dsnOf(text).finalRecipients]).toEqual([index, [one as Address]]);
  }
});

test("readDsn() reads Base64 to its last character, however long its lines are and whatever ends them", () => {
  for (const lineEnd of ["\r\n", "\n"]) {
    for (let pad = 0; pad < 80; pad++) {
      const base64 = Buffer.from(`X: ${"x".repeat(pad)}\n\nFinal-Recipient: rfc822;${one}`).toString("base64");
      const lines = base64.replace(/(.{76})/g, "$1\n");
      const text = report("").replace(
        "message/delivery-status\n\n",
        `message/delivery-status\nContent-Transfer-Encoding: base64\n\n${lines}\n`,
      );
      const mail = mailOf(lineEnd === "\n" ? text : crlf(text));
      expect([lineEnd, pad, readDsn(mail).finalRecipients]).toEqual([lineEnd, pad, [one as Address]]);
    }
  }
});

const status = `${perMail}Final-Recipient: rfc822; ${one}\nAction: failed\n`;
const shapes: [string, string, boolean][] = [
  ["LF for CRLF", report(status), true],
  ["no end", report(status).replace(/--b--\s*$/, ""), true],
  ["cut in the middle of the mail inside", report(status).replace(/<o@x[\s\S]*/, "<o@x.test>"), true],
  ["an epilogue that looks like a report", `${report("")}--b\nContent-Type: message/delivery-status\n\n${status}`, false],
  ["a boundary without quotes", report(status).replace('"b"', "b"), true],
  ["a boundary with spaces behind it", report(status).replace(/--b\n/g, "--b \t\n"), true],
  ["a boundary that starts like a longer one", report(status).replace("It failed.\n", "--bc\n--b c\n--b-\n"), true],
  ["parts of multipart/mixed", report(status).replace("multipart/report", "Multipart/Mixed"), true],
  ["names in lower case, as in 2011", report(status).replaceAll("Content-Type:", "content-type:"), true],
  ["a type with a comment", report(status).replace("message/delivery-status", "message/delivery-status (b) ; charset=us-ascii"), true],
  [
    "a report within another multipart",
    `Content-Type: multipart/mixed; boundary=out\n\n--out\n${report(status).replace(/^[\s\S]*?(?=Content-Type)/, "")}\n--out--\n`,
    true,
  ],
  [
    "a report within a mail inside",
    report("x: y").replace(
      "<o@x.test>\n",
      `<o@x.test>\nContent-Type: multipart/report; boundary=c\n\n--c\nContent-Type: message/delivery-status\n\n${status}--c--\n`,
    ),
    false,
  ],
  ["the report is all there is", `From: a@b\nContent-Type: message/delivery-status\n\n${status}`, true],
  ["no boundary", report(status).replace(' boundary="b";', ""), false],
  ["another boundary", report(status).replace('"b"', '"x"'), false],
  ["no parts at all", "From: a@b\nSubject: x\n\nIt failed.\n", false],
  ["no header", "It failed.\n", false],
];
for (const [what, text, found] of shapes) {
  test(`readDsn() ${found ? "reads" : "finds nobody in"} a report with ${what}`, () => {
    const octets = new TextEncoder().encode(what.startsWith("LF") ? text : crlf(text));
    expect(readDsn(mailOf(octets)).finalRecipients as readonly string[]).toEqual(found ? [one] : []);
  });
}

test("readDsn() finds the header of the mail that failed, in each form", () => {
  for (const type of ["message/rfc822", "text/rfc822-headers", "message/global", "MESSAGE/RFC822; charset=utf-8"]) {
    for (const original of [
      "Message-ID: <o@x.test>\n\nHi\n",
      "\n\nMessage-ID: <o@x.test>\n",
      "From bob Mon Jan 5\nMessage-ID: <o@x.test>\n\n",
    ]) {
      const dsn = dsnOf(report(status, { original }).replace("message/rfc822", type));
      expect([type, dsn.original && firstValue(dsn.original, "Message-ID")]).toEqual([type, "<o@x.test>"]);
    }
  }
  expect(dsnOf(report(status).replace("message/rfc822", "text/plain")).original).toBeNull();
});

test("readDsn() looks into four multiparts at the most", () => {
  const nested = (depth: number): string => {
    const inner = depth === 1 ? `Content-Type: message/delivery-status\n\n${status}` : nested(depth - 1);
    return `Content-Type: multipart/mixed; boundary=b${depth}\n\n--b${depth}\n${inner}\n--b${depth}--\n`;
  };
  expect([1, 2, 4, 5, 50].map((depth) => dsnOf(nested(depth)).finalRecipients.length)).toEqual([1, 1, 1, 0, 0]);
});

const texts: [string, string, string[]][] = [
  [
    "SES's own words",
    "An error occurred while trying to deliver the mail to the following recipients:\na@x.test\nb@x.test\n\nTechnical report: c@x.test\n",
    ["a@x.test", "b@x.test"],
  ],
  [
    "SES's own words, with addresses behind its list",
    "… to the following recipients:\na@x.test\n\nThe host said\nb@x.test\nc@x.test\n",
    ["a@x.test"],
  ],
  ["a list with an empty line in it", "… to the following recipients:\na@x.test\n\nb@x.test\n", ["a@x.test", "b@x.test"]],
  ["a list behind a tab", "… to the following recipients:\t\na@x.test\n", ["a@x.test"]],
  ["one recipient", "… to the following recipient:\n<a@x.test>\n", ["a@x.test"]],
  [
    "SES's words of 2011",
    "The following message to <a@x.test> was undeliverable.\nThe reason for the problem:\n5.1.0 <b@x.test>",
    ["a@x.test"],
  ],
  ["fields among the text", "Technical report:\n\nAction: failed\nFinal-Recipient: rfc822; a@x.test\n", ["a@x.test"]],
  ["nothing that SES would write", "Your mail to bob@x.test failed. Ask postmaster@x.test.\n", []],
];
for (const [what, text, expected] of texts) {
  test(`readDsn() reads a report without fields by ${what}`, () => {
    const plain = `From: MAILER-DAEMON@email-bounces.amazonses.com\n\n${text}`;
    const parts = `Content-Type: multipart/mixed; boundary=b\n\n--b\n\n${text}\n--b--\n`;
    for (const mail of [plain, parts]) expect(dsnOf(mail).finalRecipients as readonly string[]).toEqual(expected);
  });
}

test("readDsn() takes X-Failed-Recipients before the text, and a Final-Recipient before both", () => {
  const head = "X-Failed-Recipients: a@x.test, <b@x.test>,\n garbage\nX-Failed-Recipients: c@x.test\n";
  const named = ["a@x.test", "b@x.test", "c@x.test"] as Address[];
  expect(dsnOf(report("", { head }).replace("It failed.", "following recipients:\nd@x.test")).finalRecipients).toEqual(named);
  expect(dsnOf(report(status, { head })).finalRecipients).toEqual([one as Address]);
});

test("readDsn() ends soon, whatever a sender makes of it", () => {
  const many = (count: number, text: string) => text.repeat(count);
  const hostile = [
    `Content-Type: multipart/report; boundary=b\n\n${many(100_000, "--b\n\n")}`,
    `Content-Type: multipart/report; boundary=b\n\n${many(300_000, "--b-\n")}`,
    many(3000, "Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
    `Content-Type: multipart/mixed; boundary=b; ${many(20_000, "boundary=c;")}\n\n--b\n`,
    report(many(20_000, `Final-Recipient: rfc822; ${one}\n\n`)),
    report(`Final-Recipient:${many(200_000, " ")}x`),
    report(`${many(100_000, "\t")}\n${many(60_000, "\n \n")}`),
    report(`Final-Recipient: ${many(60_000, "(")}\nFinal-Recipient: a ${many(60_000, " (")}`),
    report("").replace("It failed.", `following recipients:\n${many(100_000, "a@x.test\n")}`),
    report("").replace("It failed.", `Content-Transfer-Encoding: quoted-printable\n\n${many(100_000, "=41= ")}`),
    report(status, { original: many(100_000, "X: y\n") }),
    report(status, { original: `${many(4_000_000, "a")}\n` }),
  ];
  const busyMs = busyTime();
  for (const text of hostile) expect(dsnOf(text).finalRecipients.length).toBeLessThanOrEqual(1000);
  expect(busyMs() / hostile.length).toBeLessThan(500); // quadratic work takes minutes
});

test("readDsn() never throws", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "--b\r\n",
      "--b--\r\n",
      "\r\n",
      "Content-Type: message/delivery-status\r\n",
      "Content-Type: multipart/mixed; boundary=b\r\n",
      status,
    ),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const dsn = readDsn(mailOf(`Content-Type: multipart/report; boundary=b\r\n\r\n${pieces.join("")}`));
      for (const address of dsn.finalRecipients) expect(address).toContain("@");
    }),
    { numRuns: 500 },
  );
});

/** The id under which the original was sent, and who failed. */
const reports: Readonly<Record<string, readonly [string, string]>> = {
  "fixtures/ses-bounces/old-form-by-ses-itself.eml": [
    "0000013a4c21d07e-5b6e7f80-91a2-4b3c-8d4e-5f60718293a4-000000",
    "nobody@customer.test",
  ],
  "fixtures/ses-bounces/handed-on-by-two-hosts.eml": [
    "010101a2b3c4d5e6-20314253-6475-4869-8a9b-acbdcedfe0f1-000000",
    "bounce@simulator.amazonses.com",
  ],
  "fixtures/ses-bounces/host-named-by-itself-alone.eml": [
    "0100019c8d7e6f50-41526374-8596-4a7b-8c9d-becfd0e1f203-000000",
    "info@shop.customer.test",
  ],
  "fixtures/ses-bounces/expired-after-many-tries.eml": [
    "0100019c9a8b7c60-63748596-a7b8-4c9d-8ebf-d0e1f2031425-000000",
    "carol@customer.test",
  ],
  // WorkMail merges the report into a quoted-printable text.
  "fixtures/ses-bounces/report-inside-a-text-by-workmail.eml": [
    "0000019ca5b6c7d0-8596a7b8-c9da-4ebf-a0d1-f20314253647-000000",
    "carol@customer.test",
  ],
  "corpus/ses-bounces/amazonses-01.eml": ["000001321defbd2a-788e31c8-2be1-422f-a8d4-cf7765cc9ed7-000000", "shironeko@example.co.jp"],
  "corpus/ses-bounces/amazonses-05.eml": ["01010157b3c0c026-110cf920-4be1-4c36-87c0-1f48d0cc6639-000000", "bounce@simulator.amazonses.com"],
  "corpus/ses-bounces/amazonses-14.eml": ["ffffffffffffffff-00000000-2222-2222-2222-111111111111-ffffff", "sironeko@neko.example.org"],
  "corpus/ses-bounces/amazonses-17.eml": ["20220022eefe0000-20222022-aeef-eefa-eeaf-eefe202200ee-000000", "kijitora@example.com"],
  "corpus/ses-bounces/amazonworkmail-01.eml": ["000001523f1865dd-0dbfd06e-bfce-4637-b049-3318ea42f98a-000000", "kijitora@example.jp"],
};
for (const { name, octets, row } of corpusRows("ses-bounces", reports)) {
  test(`readDsn() finds original id and who failed in ${name}`, () => {
    const mail = mailOf(octets);
    const dsn = readDsn(mail);
    expect([originalIds(mail, dsn)[0], ...dsn.finalRecipients]).toEqual([...row]);
  });
}
