// What a row of rules means: decoded strictly, a wrong type switches one rule off and never on by accident. And which of
// several rows counts.

import { describe, expect, test } from "bun:test";
import { decodeRuleRow } from "@sesame/core";
import { draftOf } from "../draft.ts";
import { away, type Case, replyOf, serveOf } from "../sample.ts";

describe("decodeRuleRow() switches the reply off, aloud, when", () => {
  const off: readonly (readonly [why: string, row: object, rule: string])[] = [
    ...[
      ["a text", "true"],
      ["a text that says no", "false"],
      ["1", 1],
      ["0", 0],
      ["NULL", null],
      ["empty", ""],
      ["a list", [true]],
      ["a map", { BOOL: true }],
    ].map(([what, value]) => [`ooo_active is ${what}`, { ...away, ooo_active: value }, "ooo_active must be true or false"] as const),
    ["there is no message", { ooo_active: true }, "ooo_message must be a text"],
    ["the message is NULL", { ...away, ooo_message: null }, "ooo_message must be a text"],
    ["the message is a number", { ...away, ooo_message: 7 }, "ooo_message must be a text"],
    ["the message is empty", { ...away, ooo_message: "" }, "ooo_message must say something"],
    ["the message is white space", { ...away, ooo_message: " \r\n\t\u00a0" }, "ooo_message must say something"],
    ["the message has an octet too many", { ...away, ooo_message: "x".repeat(65_537) }, "ooo_message must have at most 65536 octets"],
    ["the message is too long in octets only", { ...away, ooo_message: "日".repeat(21_846) }, "ooo_message must have at most 65536 octets"],
    ["the subject is too long", { ...away, ooo_subject: "ü".repeat(2049) }, "ooo_subject must have at most 4096 octets"],
    ["the message fills an item of the table", { ...away, ooo_message: "x".repeat(400_000) }, "ooo_message must have at most 65536 octets"],
    ["the content type is unknown", { ...away, ooo_content_type: "markdown" }, "ooo_content_type must be"],
    ["the content type has other letters", { ...away, ooo_content_type: "HTML" }, "ooo_content_type must be"],
    ["the content type is a media type", { ...away, ooo_content_type: "text/html" }, "ooo_content_type must be"],
    ["the subject is a number", { ...away, ooo_subject: 1 }, "ooo_subject must be a text"],
    ["the start is a number", { ...away, ooo_start: 1_767_225_600 }, "ooo_start must be a text"],
    ["the end is a map", { ...away, ooo_end: {} }, "ooo_end must be a text"],
    ["the zone is a number", { ...away, ooo_timezone: 1 }, "ooo_timezone must be a text"],
    ["the zone is unknown", { ...away, ooo_timezone: "Mars/Olympus" }, "ooo_timezone must be an IANA name"],
    ["the zone is an offset", { ...away, ooo_timezone: "+01:00" }, "ooo_timezone must be an IANA name"],
    ["the end comes before the start", { ...away, ooo_start: "2026-01-03", ooo_end: "2026-01-02" }, "ooo_end must come after ooo_start"],
    [
      "the end is the start",
      { ...away, ooo_start: "2026-01-03T10:00Z", ooo_end: "2026-01-03T11:00+01:00" },
      "ooo_end must come after ooo_start",
    ],
    ...[
      "2026-01-01T08:00",
      "2026-01-01T08:00:00",
      "2026-01-01 08:00Z",
      "2026-1-1",
      "01.01.2026",
      "20260101",
      "2026-02-30",
      "2025-02-29",
      "2026-13-01",
      "2026-00-10",
      "0000-00-00",
      "0026-01-01",
      "2026-02-30T10:00Z",
      "2026-01-01T24:00Z",
      "2026-01-01T10:60Z",
      "2026-01-01T10:00:61Z",
      "2026-01-01T10:00+24:00",
      "2026-01-01T10:00+01:60",
      "2026-01-01Z",
      "2026-01-01+01:00",
      "tomorrow",
      "1767225600",
      "2026-01-01T10:00Z2026-01-01T10:00Z",
    ].map(
      (value) =>
        [`the start is ${value}`, { ...away, ooo_start: value }, "ooo_start must be a date or an ISO 8601 instant with offset"] as const,
    ),
  ];
  for (const [why, row, rule] of off) {
    test(`F85 ${why}`, () => {
      const { reply, errors } = decodeRuleRow(row);
      expect(reply).toBeNull();
      expect(errors.length).toBe(1);
      expect(errors[0]).toStartWith(`Cannot use the out-of-office rule: ${rule}`);
      expect(errors[0]).toMatch(/, is ./s);
      expect(errors[0]?.length).toBeLessThan(300);
    });
  }
});

test("decodeRuleRow() keeps the words of a user out of an error text", () => {
  expect(decodeRuleRow({ ...away, ooo_message: `secret ${"x".repeat(70_000)}` }).errors).toEqual([
    "Cannot use the out-of-office rule: ooo_message must have at most 65536 octets, is 70007 octets",
  ]);
});

describe("decodeRuleRow() is silent when no reply is asked for:", () => {
  for (const row of [
    {},
    { ...away, ooo_active: false },
    { ooo_message: "x", unknown: 1 },
    { ...away, ooo_active: undefined },
    { ooo_active: false, ooo_end: 7 },
  ]) {
    test(JSON.stringify(row), () => expect(decodeRuleRow(row)).toEqual({ reply: null, forwards: [], errors: [] }));
  }
});

test("F85 decodeRuleRow() refuses a row that is no map", () => {
  for (const row of [null, undefined, 7, "row", true, [away]])
    expect(decodeRuleRow(row)).toMatchObject({ reply: null, forwards: [], errors: [expect.stringContaining("must be a map")] });
});

test("decodeRuleRow() takes what is optional as absent when it is NULL or empty", () => {
  const absent = decodeRuleRow(away);
  expect(absent.reply).toMatchObject({ text: "I am away", contentType: "text", subject: null, from: null, until: null });
  for (const value of [null, undefined])
    expect(
      decodeRuleRow({ ...away, ooo_content_type: value, ooo_subject: value, ooo_start: value, ooo_end: value, ooo_timezone: value }),
    ).toEqual(absent);
  expect(decodeRuleRow({ ...away, ooo_subject: " ", ooo_start: "", ooo_end: " ", ooo_timezone: "" })).toEqual(absent);
  expect(decodeRuleRow({ ...away, ooo_active_since: "x", aliases: [7] })).toEqual(absent);
});

test("decodeRuleRow() takes a text of 64 KiB as it is", () => {
  const text = ` ${"日".repeat(21_844)}x \n`;
  expect(Buffer.byteLength(text)).toBe(65_536);
  expect(decodeRuleRow({ ...away, ooo_message: text }).reply?.text).toBe(text);
});

test("decodeRuleRow() lets a broken forward not switch the reply off, nor a broken reply the forwards", () => {
  const broken = decodeRuleRow({ ...away, forwards: 7 });
  expect([broken.reply?.text, broken.forwards.length, broken.errors.length]).toEqual(["I am away", 0, 1]);
  const other = decodeRuleRow({ ooo_active: "true", forwards: ["a@x.test"] });
  expect([other.reply, other.forwards, other.errors.length]).toEqual([null, ["a@x.test"] as never, 1]);
});

test("F85 decodeRuleRow() takes each valid target once and names the others", () => {
  const rules = decodeRuleRow({ forwards: new Set(["a@x.test", " A@X.test", "no address", 7, "", null]) });
  expect(rules.forwards).toEqual(["a@x.test"] as never);
  expect(rules.errors.length).toBe(4);
  for (const forwards of ["a@x.test", { a: "a@x.test" }, 7, true]) {
    expect(decodeRuleRow({ forwards })).toMatchObject({ forwards: [], errors: [expect.stringContaining("list or set")] });
  }
  expect(decodeRuleRow({ forwards: [["a@x.test"]] })).toMatchObject({
    forwards: [],
    errors: [expect.stringContaining("must be an address")],
  });
  expect(decodeRuleRow({ forwards: Array.from({ length: 60 }, (_, i) => `u${i}@x.test`) }).forwards.length).toBe(50);
});

describe("plan() takes the nearest row:", () => {
  const named = (address: string) => `From: bob@remote.test\r\nTo: ${address}\r\n`;
  const to = (address: string, rules: Record<string, unknown>): Case => ({ to: [address], header: named(address), rules });
  const says = (ooo_message: string) => ({ ...away, ooo_message });
  const rows: readonly (readonly [why: string, mail: Case, expected: string])[] = [
    [
      "the exact address before the one without tag",
      to("a+x@example.com", { "a+x@example.com": says("exact"), "a@example.com": says("plain"), "*@example.com": says("all") }),
      "exact",
    ],
    [
      "the address without tag before the catch-all",
      to("a+x@example.com", { "a@example.com": says("plain"), "*@example.com": says("all") }),
      "plain",
    ],
    ["the catch-all at last", to("a+x@example.com", { "b@example.com": says("b"), "*@example.com": says("all") }), "all"],
    ["other letters in the recipient", to("A+X@Example.COM", { "a@example.com": says("plain") }), "plain"],
    ["another domain's catch-all is none", to("a@example.com", { "*@another.test": says("all") }), "no rule"],
    ["a row with upper-case key is never found", to("a@example.com", { "A@example.com": says("plain") }), "no rule"],
    [
      "an exact row without a reply hides the catch-all's",
      to("a@example.com", { "a@example.com": { forwards: [] }, "*@example.com": says("all") }),
      "no rule",
    ],
    [
      "an exact row with a broken reply hides it too",
      to("a@example.com", { "a@example.com": { ...says("a"), ooo_active: "true" }, "*@example.com": says("all") }),
      "no rule",
    ],
    [
      "an exact row whose time is over hides it too",
      to("a@example.com", { "a@example.com": { ...says("a"), ooo_end: "2025-01-01" }, "*@example.com": says("all") }),
      "not-active",
    ],
  ];
  for (const [why, mail, expected] of rows) {
    test(why, async () => {
      const { effects } = await serveOf(mail);
      const reply = effects.find(({ kind }) => kind === "reply");
      const draft = reply?.kind === "reply" ? draftOf(reply) : null;
      const body = draft !== null && draft.body !== "original" ? new TextDecoder().decode(draft.body) : await replyOf(mail);
      expect(body.split("\r\n")[0]).toBe(expected);
    });
  }
});
