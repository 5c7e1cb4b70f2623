// A part of bounce.test.ts, which would have some 380 lines with it: what bounceEdits() changes in a bounce, which bounces
// are of mail of ours, and what plan() makes of both.

import { expect, test } from "bun:test";
import { type Address, concat, type Domain } from "@sesame/core";
import fc from "fast-check";
import { readDsn } from "../../../packages/core/mail/dsn.ts";
import { renderBlock } from "../../../packages/core/mail/header-edit.ts";
import { type Bounce, bounceEdits, isBounceOfOwnMail, isSesBounce, originalIds } from "../../../packages/core/ses/bounce.ts";
import { decodeOutboundRow } from "../../../packages/core/ses/outbound-row.ts";
import { corpusRows } from "../corpus.ts";
import { away, factsOf, markOf, serveOf } from "../sample.ts";
import { id, mailOf, received, recordOf, sesHost } from "./bounce-sample.ts";

/** A bounce as SES sends it, varied by replacing parts of it. */
const bounceMail = (original = `Message-ID: <${id}@eu-west-1.amazonses.com>`, failed = "two@x.test") =>
  `Return-Path: <>\r\n${received(sesHost)}From: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\nSubject: Delivery Status Notification (Failure)\r\nReply-To: old@x.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dsn; x\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822; ${failed}\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: alice@example.com\r\n${original}\r\n\r\nHi\r\n--b--\r\n`;
/** What the mailbox gets. */
const edited = (text: string, bounce: Bounce) => {
  const mail = mailOf(text);
  const head = renderBlock(mail.block, bounceEdits(mail, bounce, readDsn(mail)));
  return new TextDecoder().decode(concat([head, mail.head.subarray(mail.bodyStart)]));
};

test("bounceEdits() shows who failed, keeps what was there, and touches nothing else", () => {
  const text = bounceMail();
  expect(edited(text, recordOf("one@x.test", "two@x.test"))).toBe(
    `X-Failed-Recipients: one@x.test, two@x.test\r\nX-Original-From: MAILER-DAEMON@amazonses.com\r\n${text
      .replace("From: MAILER-DAEMON@amazonses.com", "From: two@x.test")
      .replace("Reply-To: old@x.test", "Reply-To: two@x.test")}`,
  );
  expect(edited(text, recordOf("two@x.test"))).not.toContain("X-Failed-Recipients");
});

test("bounceEdits() leaves one From and one Reply-To, however many there were", () => {
  const text = bounceMail()
    .replace("Reply-To: old@x.test\r\n", "")
    .replace("Subject:", "From: MAILER-DAEMON@eu-west-1.amazonses.com\r\nSubject:");
  const head = (edited(text, recordOf("two@x.test")).split("\r\n\r\n")[0] ?? "").replace(/\r\n(?=[ \t])/g, "");
  expect(head.match(/^From:.*$/gm)).toEqual(["From: two@x.test"]);
  expect(head.match(/^Reply-To:.*$/gm)).toEqual(["Reply-To: two@x.test"]);
  expect(head).toContain("X-Original-From: MAILER-DAEMON@amazonses.com, MAILER-DAEMON@eu-west-1.amazonses.com");
  const twice = text.replace("Subject:", "Reply-To: a@x.test\r\nReply-To: b@x.test\r\nSubject:");
  expect(edited(twice, recordOf("two@x.test")).match(/^Reply-To:.*$/gm)).toEqual(["Reply-To: two@x.test"]);
});

test("bounceEdits() are none where nothing shall or can be changed", () => {
  const rows: [string, Bounce][] = [
    [bounceMail(), "unknown"],
    [bounceMail(), "not-a-bounce"],
    [bounceMail(), { ...recordOf(), kind: "forward" }],
    [`From bob Mon Jan 5\r\n${bounceMail()}`, recordOf("two@x.test")],
    [`\r\n${bounceMail()}`, recordOf("two@x.test")],
  ];
  for (const [text, bounce] of rows) expect(bounceEdits(mailOf(text), bounce, readDsn(mailOf(text)))).toEqual([]);
});

test("no recipient of a DSN or of a row can break the header", () => {
  const hostile = fc.oneof(
    fc.constantFrom(
      "a@b.test\r\nBcc: c@d.test",
      '"\r\n"@b.test',
      "a@b.test>, <c@d.test",
      "=?utf-8?Q?=0D=0A?=@b.test",
      '"a@evil x"@b.test',
      "a\u2028@b.test",
    ),
    fc.string({ unit: fc.constantFrom(...'ab@.<>",; \r\n\t\0ü\u2028=?'), maxLength: 40 }),
  );
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 4 }), hostile, hostile, (recipients, failed, from) => {
      const record = decodeOutboundRow({ bouncedRecipients: [...recipients, "one@x.test"] });
      const head = edited(
        bounceMail(undefined, failed).replace("From: MAILER", `From: ${from.replace(/[\r\n]/g, "")}\r\nFrom: MAILER`),
        record ?? "unknown",
      );
      const fields = (head.split("\r\n\r\n")[0] ?? "").split(/\r\n(?![ \t])/);
      expect(fields.filter((field) => /^(?:bcc|cc)\b/i.test(field))).toEqual([]);
      expect(fields.filter((field) => /^from:/i.test(field)).length).toBe(1);
      for (const field of fields) expect(field).toMatch(/^[!-9;-~]+:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*$/);
    }),
    { numRuns: 300 },
  );
});

// One condition missing, and the mail is delivered as it came.
const row = { original_source: "alice@example.com", bouncedRecipients: ["one@x.test", "two@x.test"] };
const forgeries: [string, string, unknown, boolean][] = [
  ["all is well", bounceMail(), row, true],
  ["From is another", bounceMail().replace("MAILER-DAEMON@amazonses.com", "MAILER-DAEMON@amazonses.com.evil.test"), row, false],
  [
    "From names somebody else too",
    bounceMail().replace("MAILER-DAEMON@amazonses.com", "MAILER-DAEMON@amazonses.com, eve@evil.test"),
    row,
    false,
  ],
  ["the host is another", bounceMail().replaceAll(sesHost, "mail.evil.test"), row, false],
  ["the host stands in a lower field", bounceMail().replace("Received:", `${received("mail.evil.test")}Received:`), row, false],
  ["the mail that failed has no row", bounceMail(), null, false],
  ["no id is in it", bounceMail("Message-ID: <x@evil.test>"), null, false],
  ["the row is unusable", bounceMail(), { bouncedRecipients: 7 }, false],
];
for (const [what, text, stored, rewritten] of forgeries) {
  test(`F81 plan() ${rewritten ? "shows who failed" : "delivers the bounce as it came"} when ${what}`, async () => {
    const mail = mailOf(text);
    const bounce: Bounce = isSesBounce(mail)
      ? (decodeOutboundRow(originalIds(mail, readDsn(mail)).includes(id) ? stored : null) ?? "unknown")
      : "not-a-bounce";
    const course = await serveOf({ from: null, facts: { mail, bounce } });
    const [deliver] = course.effects;
    if (deliver?.kind !== "deliver") throw new Error("no delivery");
    const names = deliver.edits.map(({ kind, name }) => `${kind} ${name}`);
    expect(deliver.from).toBeNull(); // RFC 5321 §4.5.5
    expect(names).toEqual([
      "remove Return-Path",
      ...(rewritten ? ["replace From", "replace Reply-To", "prepend X-Original-From", "prepend X-Failed-Recipients"] : []),
    ]);
  });
}

const key = factsOf({}).loopKey;
const mark = (loopKey: Uint8Array, daysBefore = 0) => `X-Loop: ${markOf("alice@example.com", daysBefore, loopKey)}`;
const own: [string, string, Bounce, boolean][] = [
  ["its row is of a forward", bounceMail(), { ...recordOf("two@x.test"), kind: "forward" }, true],
  ["its row is of a reply", bounceMail(), { ...recordOf("two@x.test"), kind: "reply" }, true],
  ["its row is of a reply and names nobody", bounceMail(), { ...recordOf(), kind: "reply" }, true],
  ["our mark is inside", bounceMail(mark(key)), recordOf("two@x.test"), true],
  ["X15 our mark of long ago is inside", bounceMail(mark(key, 400)), recordOf("two@x.test"), true],
  ["our mark is inside and no row is known", bounceMail(mark(key)), "unknown", true],
  ["a forged mark is inside", bounceMail(mark(new Uint8Array(32))), recordOf("two@x.test"), false],
  ["the target of the forward failed", bounceMail(undefined, "Target@other.test"), "unknown", true],
  ["a user's own mail failed", bounceMail(), recordOf("two@x.test"), false],
  ["nothing is known", bounceMail(), "unknown", false],
];
for (const [what, text, bounce, expected] of own) {
  test(`plan() ${expected ? "keeps" : "forwards"} a bounce when ${what}, and never answers it`, async () => {
    const mail = mailOf(text);
    expect(isBounceOfOwnMail(bounce, readDsn(mail), key, ["target@other.test" as Address])).toBe(expected);
    const rules = { "alice@example.com": { ...away, forwards: ["target@other.test"] } };
    const course = await serveOf({ from: "somebody@amazonses.com", rules, facts: { mail, bounce, domains: ["example.com" as Domain] } });
    expect(course.effects.map(({ kind }) => kind)).toEqual(expected ? ["deliver"] : ["deliver", "forward"]);
    expect(course.withheld.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
      "reply ses-bounce",
      ...(expected ? ["forward bounce-of-ours"] : []),
    ]);
  });
}

test("plan() neither rewrites nor answers a complaint that SES passes on", async () => {
  const header = "From: complaints@eu-west-1.email-abuse.amazonses.com\r\nTo: alice@example.com\r\nSubject: Complaint\r\n";
  for (const type of ["", "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n"]) {
    const rules = { "alice@example.com": away };
    const course = await serveOf({ header: `${received(sesHost)}${header}${type}`, from: "no-reply@amazonses.com", rules });
    expect(course.effects).toMatchObject([{ kind: "deliver", edits: [] }]);
    expect(course.withheld).toEqual([{ kind: "reply", reason: "report" }]);
  }
});

// As they were captured some came through another host last, or name SES only in the client's own word.
const believed: Readonly<Record<string, Readonly<{ believed: boolean; bounced: readonly string[]; shown: string }>>> = {
  "fixtures/ses-bounces/old-form-by-ses-itself.eml": {
    believed: true,
    bounced: ["other@customer.test", "nobody@customer.test"],
    shown: "nobody@customer.test",
  },
  "fixtures/ses-bounces/handed-on-by-two-hosts.eml": {
    believed: false,
    bounced: ["bounce@simulator.amazonses.com"],
    shown: "bounce@simulator.amazonses.com",
  },
  "fixtures/ses-bounces/host-named-by-itself-alone.eml": {
    believed: false,
    bounced: ["info@shop.customer.test"],
    shown: "info@shop.customer.test",
  },
  "fixtures/ses-bounces/expired-after-many-tries.eml": {
    believed: false,
    bounced: ["carol@customer.test"],
    shown: "carol@customer.test",
  },
  "fixtures/ses-bounces/report-inside-a-text-by-workmail.eml": {
    believed: true,
    bounced: ["other@customer.test", "carol@customer.test"],
    shown: "carol@customer.test",
  },
  "corpus/ses-bounces/amazonses-01.eml": {
    believed: true,
    bounced: ["other@example.co.jp", "shironeko@example.co.jp"],
    shown: "shironeko@example.co.jp",
  },
  "corpus/ses-bounces/amazonses-05.eml": {
    believed: false,
    bounced: ["bounce@simulator.amazonses.com"],
    shown: "bounce@simulator.amazonses.com",
  },
  "corpus/ses-bounces/amazonses-14.eml": {
    believed: false,
    bounced: ["sironeko@neko.example.org"],
    shown: "sironeko@neko.example.org",
  },
  "corpus/ses-bounces/amazonses-17.eml": { believed: false, bounced: ["kijitora@example.com"], shown: "kijitora@example.com" },
  "corpus/ses-bounces/amazonworkmail-01.eml": {
    believed: true,
    bounced: ["other@example.jp", "kijitora@example.jp"],
    shown: "kijitora@example.jp",
  },
};
for (const { name, octets, row } of corpusRows("ses-bounces", believed)) {
  test(`${name} is shown as from ${row.shown} when SES handed it in`, () => {
    expect(isSesBounce(mailOf(octets))).toBe(row.believed);
    const mail = mailOf(concat([new TextEncoder().encode(received(sesHost)), octets]));
    expect(isSesBounce(mail)).toBe(true);
    const record = decodeOutboundRow({ bouncedRecipients: [...row.bounced] });
    const edits = bounceEdits(mail, record ?? "unknown", readDsn(mail));
    expect(edits[0]).toEqual({ kind: "replace", name: "From", value: row.shown });
  });
}
