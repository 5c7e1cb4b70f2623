import { expect, test } from "bun:test";
import { decodeEntry, type EpochMs } from "@sesame/core";
import { inline, itemsOf, noticeOf, raw, received, s3, sesRecord, sns } from "./notice-sample.ts";

const keys: [string, object, string][] = [
  ["the key holds the prefix already", { ...s3, objectKeyPrefix: "mail", objectKey: "mail/0vfh5u" }, "b-emails/mail/0vfh5u"],
  ["a leading slash stays", { ...s3, objectKeyPrefix: "/emails", objectKey: "/emails/k" }, "b-emails//emails/k"],
  ["nothing is decoded", { ...s3, objectKey: "a%20b+c d/ü" }, "b-emails/a%20b+c d/ü"],
  ["without a key the id of SES is it", { type: "S3", bucketName: "b-emails" }, "b-emails/id1"],
  ["null is absent", { type: "S3", bucketName: "b-emails", objectKey: null }, "b-emails/id1"],
];
for (const [why, action, id] of keys) {
  test(`decodeEntry() takes bucket and key as they stand: ${why}`, () => {
    const { mailId, location } = noticeOf(sns(received({ action })));
    expect([mailId as string, location]).toEqual([id, { kind: "object", bucket: "b-emails", key: id.slice("b-emails/".length) }]);
  });
}

const text = "Subject: x\r\n\r\nü \u20ac";
const latin = Buffer.from("From: M\xfcller <a@b.test>\r\n\r\n\xe4\r\n", "latin1");
const base64 = (octets: Uint8Array | string) => Buffer.from(octets as string).toString("base64");
const contents: [string, unknown, unknown, Uint8Array | string][] = [
  ["declared Base64", base64(text), "BASE64", text],
  ["declared Base64 in other letters", base64(text), "Base64", text],
  ["Base64 that keeps 8-bit octets", base64(latin), "BASE64", latin],
  ["Base64 in lines", base64(text).replace(/(.{8})/g, "$1\r\n"), "BASE64", text],
  ["Base64 without a header in it, since it is declared", base64("hello"), "BASE64", "hello"],
  ["declared Base64 that is none", text, "BASE64", text],
  ["undeclared Base64", base64(text), undefined, text],
  ["undeclared Base64, declared null", base64(text), null, text],
  ["UTF-8", text, "UTF-8", text],
  ["UTF8, as it was captured", text, "UTF8", text],
  ["UTF-8 that looks like Base64", base64(text), "UTF-8", base64(text)],
  ["nothing declared", text, undefined, text],
  ["a text that only happens to be Base64", "hello123", undefined, "hello123"],
  ["an mbox line on top", `From bob Mon Jan  5 12:00:00 2026\n${text}`, undefined, `From bob Mon Jan  5 12:00:00 2026\n${text}`],
  ["an empty mail", "", undefined, ""],
];
for (const [what, content, encoding, expected] of contents) {
  test(`decodeEntry() reads an inline mail: ${what}`, () => {
    const { mailId, location } = noticeOf(sns(inline(content, encoding)));
    expect(mailId as string).toBe("sns/sns-1");
    expect(location).toEqual({ kind: "inline", octets: new Uint8Array(Buffer.from(expected as string)) });
  });
}

test("decodeEntry() names an inline mail by its announcement, so that no two mails have one name", () => {
  const names = (body: string) => itemsOf(body).map((item) => (item.kind === "mail" ? (item.notice.mailId as string) : item.kind));
  expect(names(raw(inline(text)))).toEqual(["sns/id1"]);
  expect(names(raw({ Records: [sesRecord(inline(text))] }))).toEqual(["sns/id1"]);
  expect(names(sns({ Records: [sesRecord(inline(text)), sesRecord(inline(text))] }))).toEqual(["sns/sns-1/0", "sns/sns-1/1"]);
});

const paths: [unknown, string | null | undefined][] = [
  [undefined, null],
  [null, null],
  ["", null],
  ["<>", null],
  [" <> ", null],
  ["< >", null],
  ["bob@remote.test", "bob@remote.test"],
  ["<bob@remote.test>", "bob@remote.test"],
  ["prvs=144d0cba7=sender@example.com", "prvs=144d0cba7=sender@example.com"],
  ["bounces+123-ab-alice=example.com@esp.test", "bounces+123-ab-alice=example.com@esp.test"],
  ["bob+tag@remote.test", "bob+tag@remote.test"],
  ["<@relay.test,@other.test:bob@remote.test>", "bob@remote.test"],
  ["MAILER-DAEMON", undefined],
  ["bob@remote.test>\r\nRCPT TO:<x@y.test", undefined],
  [7, undefined],
  [["bob@remote.test"], undefined],
];
for (const [source, expected] of paths) {
  test(`decodeEntry() takes the reverse-path ${JSON.stringify(source)} for ${expected ?? String(expected)}`, () => {
    expect(noticeOf(sns(received({ mail: { source } }))).envelope.reversePath).toBe(expected as never);
  });
}

test("decodeEntry() hands on the recipients of the receipt as they are spelled, and nobody from the header", () => {
  const recipients = ["Alice+Tag@Example.COM", "not an address", '"a b"@example.com', ""];
  expect(noticeOf(sns(received({ receipt: { recipients } }))).envelope.recipients).toEqual(recipients);
});

const noon = "2026-01-05T12:00:00.000Z";
const times: [unknown, string][] = [
  ["2026-01-05T12:00:00.000Z", noon],
  ["2026-01-05T12:00:00Z", noon],
  ["2026-01-05t12:00z", noon],
  ["2026-01-05T13:00:00+01:00", noon],
  ["2026-01-05T13:00:00.5+0100", "2026-01-05T12:00:00.500Z"],
  ["2026-01-05T11:00-01", noon],
  ["2026-01-05T12:00:00.123456789Z", "2026-01-05T12:00:00.123Z"],
  ["2026-01-05T12:00:00", noon],
  [" 2026-01-05T12:00:00Z ", noon],
];
for (const [timestamp, expected] of times) {
  test(`decodeEntry() reads the time ${JSON.stringify(timestamp)}`, () => {
    expect(new Date(noticeOf(sns(received({ mail: { timestamp } }))).receivedAt).toISOString()).toBe(expected);
  });
}

test("decodeEntry() takes the next best time where a notice has none, the same in every receive", () => {
  const at = (body: string, sentAt?: number) => {
    const [item] = itemsOf(body, sentAt as EpochMs | undefined);
    return item?.kind === "mail" ? new Date(item.notice.receivedAt).toISOString() : item?.kind;
  };
  for (const timestamp of [undefined, null, "", "yesterday", 1_767_614_400, "5", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z"]) {
    const none = received({ mail: { timestamp } });
    expect(at(sns(received({ mail: { timestamp }, receipt: { timestamp: "2026-01-05T12:00:01Z" } })))).toBe("2026-01-05T12:00:01.000Z");
    expect(at(sns(none, { Timestamp: "2026-01-05T12:00:02Z" }))).toBe("2026-01-05T12:00:02.000Z");
    expect(at(sns(none), Date.parse("2026-01-05T12:00:03Z"))).toBe("2026-01-05T12:00:03.000Z");
    expect(decodeEntry(sns(none)).ok).toBe(false);
  }
});
