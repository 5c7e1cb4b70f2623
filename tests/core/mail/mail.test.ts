import { describe, expect, test } from "bun:test";
import { openMail } from "@sesame/core";
import { hopsOf, idsOf, isEditable, isReadable, mailboxesOf, messageIdOf, subjectOf } from "../../../packages/core/mail/mail.ts";

const opened = (text: string) => {
  const octets = new Uint8Array(Buffer.from(text, "latin1"));
  return openMail(octets, octets.length);
};

describe("openMail()", () => {
  const rows: [string, string, boolean, boolean, string[]][] = [
    // why, mail, editable, readable, defects
    ["it is plain", "Return-Path: <a@x>\r\nFrom: a@x\r\n\r\nbody", true, true, []],
    ["it has no header block", "body only", false, false, ["no-header-block"]],
    ["an mbox line stands on top", "From a@x Mon\nFrom: a@x\n\n", false, true, ["mbox-line"]],
    ["its header is too long", `A: 1\r\nX: ${"x".repeat(300_000)}\r\n\r\n`, true, false, ["field-too-long", "header-too-long"]],
    ["its only field is cut", `Return-Path: ${"x".repeat(300_000)}\r\n\r\n`, false, false, ["field-too-long", "header-too-long"]],
    ["it has too many fields", "A: 1\r\n".repeat(2000), true, false, ["too-many-fields"]],
    ["one field is too long", `A: 1\r\nX: ${"x".repeat(70_000)}\r\n\r\n`, true, true, ["field-too-long"]],
    ["NUL is in the header", "A: \0\r\n\r\n\0", true, true, ["nul"]],
    ["NUL is in the body", "A: 1\r\n\r\n\0", true, true, ["nul"]],
    ["NUL is all there is", "\0", false, false, ["no-header-block", "nul"]],
    ["a bare CR is in the body", "A: 1\r\n\r\na\rb", true, true, []],
  ];
  for (const [why, mail, editable, readable, defects] of rows) {
    test(`openMail() says what may be done with a mail when ${why}`, () => {
      const one = opened(mail);
      expect([isEditable(one), isReadable(one)]).toEqual([editable, readable]);
      expect([...one.defects] as string[]).toEqual(defects);
    });
  }
});

test("idsOf() keeps only what can stand in a header again", () => {
  const rows: [string, string[]][] = [
    ["<a@x> <b@x>", ["<a@x>", "<b@x>"]],
    ["<a@x>\r\n <b@x>", ["<a@x>", "<b@x>"]],
    ["<a@x>,<b@x>;(c)<c@x>", ["<a@x>", "<b@x>", "<c@x>"]],
    ["<a b@x> <<c@x>> <d@x", ["<c@x>"]],
    ["<a@x\0> <b\x80@x> <c\x7f@x>", []],
    [`<${"a".repeat(300)}@x> <b@x>`, ["<b@x>"]],
    ["=?utf-8?Q?<a@x>?=", ["<a@x>"]],
    ["<=?utf-8?Q?=0D=0ABcc:?=@x>", ["<=?utf-8?Q?=0D=0ABcc:?=@x>"]],
    ["none", []],
  ];
  for (const [value, ids] of rows) expect([...idsOf(opened(`References: ${value}\r\n\r\n`), "References")]).toEqual(ids);
  expect(messageIdOf(opened("Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n\r\n"))).toBe("<1@x>");
  expect(messageIdOf(opened("Message-ID: 1@x\r\n\r\n"))).toBeNull();
});

test("subjectOf() gives the first subject, decoded once", () => {
  expect(subjectOf(opened("Subject: =?utf-8?Q?=C3=BC?=\r\nSubject: other\r\n\r\n"))).toBe("ü");
  expect(subjectOf(opened("From: a@x\r\n\r\n"))).toBeNull();
  expect(subjectOf(opened("Subject:\r\n\r\n"))).toBe("");
});

describe("mailboxesOf()", () => {
  const b = (text: string) => `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
  const rows: [string, string, string[]][] = [
    ["there are two From fields", "From: a@x.test\r\nFrom: b@x.test", ["a@x.test", "b@x.test"]],
    ["the same address stands twice", "From: a@x.test, A <a@x.test>", ["a@x.test"]],
    ["the name pretends to be an address", 'From: "b@y.test" <a@x.test>', ["a@x.test"]],
    ["an encoded name hides a group", `From: ${b("friends: b@y.test;")} <a@x.test>`, ["a@x.test", "b@y.test"]],
    ["an encoded word is the whole address", `From: ${b("a@x.test")}`, ["a@x.test"]],
    ["a bare CR stands behind the address", "From: a@x.test\rX-Evil: 1", ["a@x.test"]],
    ["groups are nested", "From: a: b: a@x.test; , c: b@x.test;;", ["a@x.test", "b@x.test"]],
    ["it is folded everywhere", "From: A\r\n <a@x.test>,\r\n\tB <b@x.test>", ["a@x.test", "b@x.test"]],
    ["NUL is in the address", "From: a\0@x.test", []],
    ["it is Latin-1", "From: M\xfcller <a@x.test>", ["a@x.test"]],
  ];
  for (const [why, field, addresses] of rows) {
    test(`mailboxesOf() reads every mailbox when ${why}`, () => {
      const mail = opened(`${field}\r\n\r\n`);
      expect(mailboxesOf(mail, "From").map(({ address }) => address as string)).toEqual(addresses);
      expect(mailboxesOf(mail, "from", "From").length).toBe(addresses.length);
    });
  }

  test("mailboxesOf() decodes a name once", () => {
    const [box] = mailboxesOf(opened(`From: ${b("=?utf-8?Q?=41?=")} <a@x.test>\r\n\r\n`), "From");
    expect(box?.name).toBe("=?utf-8?Q?=41?=");
  });

  test("mailboxesOf() reads a thousand of them, once for all that ask", () => {
    const mail = opened(`To: ${Array.from({ length: 5000 }, (_, index) => `a${index}@x`).join(",")}\r\n\r\n`);
    const boxes = mailboxesOf(mail, "To");
    expect(boxes.length).toBe(1000);
    expect(boxes.at(-1)?.address as string).toBe("a999@x");
    expect(mailboxesOf(mail, "To")).toBe(boxes);
    expect(mailboxesOf(mail, "Cc")).toEqual([]);
  });
});

test("hopsOf() counts hosts", () => {
  expect(hopsOf(opened("Received: a\r\nreceived: b\r\nX-Received: c\r\n\r\nReceived: d"))).toBe(2);
});
