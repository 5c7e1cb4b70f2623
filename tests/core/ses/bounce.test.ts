import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { noDsn, readDsn } from "../../../packages/core/mail/dsn.ts";
import { failedAddress, isFromSesComplaints, isFromSesDaemon, isSesBounce, originalIds } from "../../../packages/core/ses/bounce.ts";
import { id, mailOf, received, receivedBy, recordOf, sesHost } from "./bounce-sample.ts";

// "lax": for withholding a reply any reading counts. "strict": for showing another sender only the plain one does.
const senders: [string, "strict" | "lax" | "no", string?][] = [
  ["MAILER-DAEMON@amazonses.com", "strict", "us-east-1"],
  ["MAILER-DAEMON@us-west-2.amazonses.com", "strict"],
  ["MAILER-DAEMON@eu-west-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@eu-central-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@ap-northeast-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@ap-south-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@sa-east-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@us-gov-west-1.amazonses.com", "strict"],
  ["MAILER-DAEMON@email-bounces.amazonses.com", "strict", "of old"],
  ["mailer-daemon@AmazonSES.com", "strict"],
  ["<MAILER-DAEMON@amazonses.com>", "strict"],
  ["Mail Delivery Subsystem <MAILER-DAEMON@amazonses.com>", "strict"],
  ['"Mail Delivery Subsystem" <mailer-daemon@us-west-2.amazonses.com>', "strict"],
  ["MAILER-DAEMON@amazonses.com (Mail Delivery Subsystem)", "strict"],
  ["=?utf-8?Q?Zustellung_gescheitert?= <MAILER-DAEMON@eu-central-1.amazonses.com>", "strict"],
  ["=?utf-8?Q?eve=40evil.test?= <MAILER-DAEMON@amazonses.com>", "strict", "a name is no address"],
  ['"MAILER-DAEMON"@amazonses.com', "strict", "quotes are no part of it"],
  ["MAILER-DAEMON @ amazonses . com", "strict", "the obsolete white space of RFC 5322 §4.4"],
  ["MAILER-DAEMON@amazonses.com.", "strict"],
  ["MAILER-DAEMON@amazonses.com.evil.test", "no", "a suffix"],
  ["MAILER-DAEMON@evil-amazonses.com", "no", "a prefix"],
  ["MAILER-DAEMON@notamazonses.com", "no"],
  ["MAILER-DAEMON@amazonses.co", "no"],
  ["MAILER-DAEMON@amazonses.com.cn", "no"],
  ["MAILER-DAEMON@аmazonses.com", "no", "a Cyrillic letter"],
  ["MAILER-DAEMON@amazon\u200bses.com", "no", "a letter without width"],
  ["MAILER-DAEMON@us_west.amazonses.com", "no"],
  ["MAILER-DAEMON+x@amazonses.com", "no"],
  ["xMAILER-DAEMON@amazonses.com", "no", "a longer name"],
  ['"x mailer-daemon"@amazonses.com', "no", "a longer name in quotes"],
  ["x@amazonses.com", "no"],
  ["postmaster@amazonses.com", "no"],
  ['"MAILER-DAEMON@amazonses.com" <eve@evil.test>', "no", "a display name"],
  ["MAILER-DAEMON@amazonses.com <eve@evil.test>", "no", "a display name without quotes"],
  ["eve@evil.test (MAILER-DAEMON@amazonses.com)", "no", "a comment"],
  ["MAILER-DAEMON@amazonses.com, eve@evil.test", "lax", "somebody stands beside it"],
  ["=?utf-8?Q?=3CMAILER-DAEMON=40amazonses.com=3E?= <eve@evil.test>", "lax", "only when decoded"],
  ["eve@evil.test\r\nFrom: MAILER-DAEMON@amazonses.com", "lax", "a second field"],
  ["MAILER-DAEMON@amazonses.com\r\nFrom: eve@evil.test", "lax", "a second field"],
  ["", "no"],
];
for (const [from, expected, why] of senders) {
  test(`isFromSesDaemon() and isSesBounce() say ${expected} of ${JSON.stringify(from)}${why ? `: ${why}` : ""}`, () => {
    const mail = mailOf(`${received(sesHost)}From: ${from}\r\n\r\n`);
    expect([isFromSesDaemon(mail), isSesBounce(mail)]).toEqual([expected !== "no", expected === "strict"]);
  });
}

test("isFromSesComplaints() knows the machine that passes on complaints", () => {
  for (const from of ["complaints@email-abuse.amazonses.com", "<Complaints@eu-west-1.email-abuse.amazonses.com>"])
    expect(isFromSesComplaints(mailOf(`From: ${from}\r\n\r\n`))).toBe(true);
  for (const from of ["complaints@amazonses.com", "complaints@email-abuse.amazonses.com.evil.test", "x@email-abuse.amazonses.com"])
    expect(isFromSesComplaints(mailOf(`From: ${from}\r\n\r\n`))).toBe(false);
});

const ip = "[192.0.2.1]";
const clients: [string, boolean, string][] = [
  [`from ${sesHost} (${sesHost} ${ip})`, true, "as SES writes it"],
  [`from b224-11.smtp-out.eu-central-1.amazonses.com (b224-11.smtp-out.eu-central-1.amazonses.com ${ip})`, true, "a region"],
  [`from ${sesHost}  (${sesHost}\r\n ${ip} )\r\n\t`, true, "folded"],
  [`FROM ${sesHost} (${sesHost.toUpperCase()} ${ip})`, true, "other letters"],
  [`from ${sesHost} (${sesHost}. ${ip})`, true, "a final dot"],
  [`from ${sesHost} (${sesHost} [IPv6:2001:db8::5])`, true, "an IPv6 address"],
  [`from ${sesHost} (${sesHost} [2001:db8::5])`, true, "an IPv6 address without its tag"],
  [`from whoever (${sesHost} ${ip})`, true, "the client's own word does not count"],
  [`from ${sesHost} (mail.evil.test ${ip})`, false, "only the client says so"],
  [`from ${sesHost} (unknown ${ip})`, false, "no name"],
  [`from ${sesHost} (${ip})`, false, "no name"],
  [`from ${sesHost}`, false, "nothing but the client's word"],
  [`from 127.0.0.1  (EHLO ${sesHost}) (192.0.2.225)`, false, "the client's word in brackets"],
  [`from smtp.example.com (smtp.example.com ${ip})`, false, "a host of ours"],
  [`from x (${sesHost}.evil.test ${ip})`, false, "a suffix"],
  [`from x (evil-smtp-out.amazonses.com ${ip})`, false, "a prefix"],
  [`from x (a.smtp-out.evil.amazonses.com.evil.test ${ip})`, false, "a suffix"],
  [`from x (a.smtp-out.a.b.amazonses.com ${ip})`, false, "a region is one word"],
  [`from x (inbound-smtp.us-east-1.amazonaws.com ${ip})`, false, "another host of Amazon's"],
  [`from x (ec2-192-0-2-1.compute-1.amazonaws.com ${ip})`, false, "anybody's host at Amazon's"],
  [`from x (${sesHost} ${ip} (may be forged))`, false, "a name that was not confirmed"],
  [`from x (${sesHost} [6.6.6.6]) (mail.evil.test ${ip})`, false, "the client's word holds brackets"],
  [`from x (${sesHost} [6.6.6.6]) by inbound-smtp.x (mail.evil.test ${ip})`, false, "the client's word holds a whole line"],
  [`from (${sesHost} [6.6.6.6]) (mail.evil.test ${ip})`, false, "the client's word is a bracket"],
  [`from x(${sesHost} ${ip}`, false, "no end"],
];
for (const [client, expected, why] of clients) {
  test(`isSesBounce() says ${expected} when the topmost Received is ${JSON.stringify(client)}: ${why}`, () => {
    const lower = expected ? received("mail.evil.test") : received(sesHost);
    expect(
      isSesBounce(mailOf(`Return-Path: <>\r\nReceived: ${client} ${receivedBy}${lower}From: MAILER-DAEMON@amazonses.com\r\n\r\n`)),
    ).toBe(expected);
  });
}

test("isSesBounce() needs a Received field", () => expect(isSesBounce(mailOf("From: MAILER-DAEMON@amazonses.com\r\n\r\n"))).toBe(false));

const embedded = (header: string) =>
  `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n${header}\r\n\r\n--b--\r\n`;
const idNo = (n: number) => id.replace(/^./, String(n));
const idRows: [string, string, string[]][] = [
  ["the Message-ID of the mail inside", embedded(`Message-ID: <${id}@eu-west-1.amazonses.com>`), [id]],
  ["the same in capitals", embedded(`MESSAGE-ID: <${id.toUpperCase()}@EU-WEST-1.AMAZONSES.COM>`), [id]],
  ["the same folded", embedded(`Message-ID:\r\n <${id}@email.amazonses.com>`), [id]],
  ["the same without brackets", embedded(`Message-ID: ${id}@email.amazonses.com`), [id]],
  ["its reverse-path, as in 2011", embedded(`Return-Path: ${id}@email-bounces.amazonses.com\r\nMessage-ID: <other@x.test>`), [id]],
  ["its reverse-path at a domain of ours", embedded(`Return-Path: <${id}@bounces.example.com>`), [id]],
  [
    "a newer form of id at Amazon's domain",
    embedded("Message-ID: <0200019abcdef01-newform-000001@amazonses.com>"),
    ["0200019abcdef01-newform-000001"],
  ],
  [
    "to whom it was sent",
    `X-Original-To: ${id}@email-bounces.amazonses.com\r\nDelivered-To: ${idNo(1)}@amazonses.com\r\n\r\n`,
    [id, idNo(1)],
  ],
  ["what it refers to", `In-Reply-To: <${id}@amazonses.com>\r\nReferences: <x@y.test> <${idNo(1)}@amazonses.com>\r\n\r\n`, [id, idNo(1)]],
  ["its own Message-ID", `Message-ID: <${id}@email.amazonses.com>\r\n\r\n`, [id]],
  [
    "all of them, the likeliest first, each once",
    `Message-ID: <${idNo(9)}@amazonses.com>\r\nIn-Reply-To: <${idNo(4)}@amazonses.com>\r\nX-Original-To: ${idNo(3)}@amazonses.com\r\n${embedded(
      `Return-Path: ${idNo(2)}@amazonses.com\r\nMessage-ID: <${idNo(1)}@amazonses.com>\r\nMessage-ID: <${idNo(3)}@amazonses.com>`,
    )}`,
    [1, 3, 2, 4, 9].map(idNo),
  ],
  [
    "nothing that SES made",
    `Message-ID: <a@b.test>\r\nIn-Reply-To: <short@amazonses.com>\r\n${embedded("Message-ID: <CAB+x=y@mail.gmail.test>")}`,
    [],
  ],
  [
    "X34 an id in the text of a report that encloses nothing",
    `Subject: x\r\n\r\nThe mail <${id}@amazonses.com> failed (${idNo(1)}).\r\n`,
    [id, idNo(1)],
  ],
  [
    "X34 an id in the text of the first part",
    `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nMessage-ID: ${id.toUpperCase()}\r\n--b--\r\n`,
    [id],
  ],
  [
    "X34 no id in the text where the failed mail is enclosed: the host that refused it chose the text",
    `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\n${idNo(1)}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${id}@amazonses.com>\r\n\r\n--b--\r\n`,
    [id],
  ],
  ["X34 nothing that is only like an id", `\r\n\r\nx${id} ${id}0 ${id.slice(1)}\r\n`, []],
  ["no id of a look-alike domain", embedded("Message-ID: <0200019abcdef01-newform-000001@amazonses.com.evil.test>"), []],
];
for (const [what, text, expected] of idRows) {
  test(`originalIds() finds ${what}`, () => {
    const mail = mailOf(text);
    expect(originalIds(mail, readDsn(mail))).toEqual(expected);
  });
}

test("originalIds() asks for twenty at the most", () => {
  const many = Array.from({ length: 500 }, (_, i) => `<${id.slice(0, -3)}${String(i).padStart(3, "0")}@amazonses.com>`);
  const mail = mailOf(`References: ${many.join("\r\n ")}\r\n\r\n`);
  expect(originalIds(mail, readDsn(mail)).length).toBe(20);
});

const shown: [string, string[], string[], string | null][] = [
  ["the Final-Recipient that the row names", ["one@x.test", "two@x.test"], ["two@x.test"], "two@x.test"],
  ["in the DSN's spelling", ["one@x.test", "two@x.test"], ["TWO@X.test"], "TWO@X.test"],
  ["past one that the row does not name", ["one@x.test", "two@x.test"], ["ceo@bank.test", "two@x.test"], "two@x.test"],
  ["the row's first, where the row names none of the DSN's", ["one@x.test", "two@x.test"], ["ceo@bank.test"], "one@x.test"],
  ["the row's first, where the DSN names none", ["one@x.test", "two@x.test"], [], "one@x.test"],
  ["as A-labels", ["one@x.test", "a@xn--bcher-kva.example"], ["a@bücher.example"], "a@xn--bcher-kva.example"],
  ["nobody where the row names none", [], ["ceo@bank.test"], null],
];
test("X34 failedAddress() shows an Original-Recipient where the row names it and not the Final-Recipient", () => {
  const shownFor = (row: readonly string[], ...blocks: string[]) => {
    const status = `Reporting-MTA: dns; mx.test\r\n\r\n${blocks.join("\r\n")}`;
    const mail = mailOf(
      `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n${status}\r\n--b--\r\n`,
    );
    return failedAddress(recordOf(...row), readDsn(mail)) as string | null;
  };
  const block = (final: string, original: string, action = "failed") =>
    `Original-Recipient: rfc822; ${original}\r\nFinal-Recipient: rfc822; ${final}\r\nAction: ${action}\r\n`;
  const row = ["one@x.test", "two@x.test"];
  expect(shownFor(row, block("box17@internal.test", "two@x.test"))).toBe("two@x.test");
  expect(shownFor(row, block("box17@internal.test", "ceo@bank.test"))).toBe("one@x.test"); // the row does not confirm it
  expect(shownFor(row, block("two@x.test", "one@x.test"))).toBe("two@x.test");
  expect(shownFor(row, "Original-Recipient: rfc822; two@x.test\r\nFinal-Recipient: x400; /S=Two/\r\nAction: failed\r\n")).toBe(
    "two@x.test",
  );
  expect(shownFor(row, block("box1@internal.test", "one@x.test", "delivered"), block("box2@internal.test", "two@x.test"))).toBe(
    "two@x.test",
  );
  expect(shownFor(row, block("box2@internal.test", "two@x.test"), block("one@x.test", "one@x.test"))).toBe("two@x.test");
});

for (const [what, row, dsn, expected] of shown) {
  test(`failedAddress() shows ${what}`, () =>
    expect(failedAddress(recordOf(...row), { ...noDsn, namedRecipients: dsn as Address[] })).toBe(expected as Address | null));
}
