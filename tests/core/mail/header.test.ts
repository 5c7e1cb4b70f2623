import { describe, expect, test } from "bun:test";
import { concat, headLimit } from "@sesame/core";
import fc from "fast-check";
import { firstValue, maxFields, maxHeader, maxValue, splitHeader } from "../../../packages/core/mail/header.ts";
import { renderBlock } from "../../../packages/core/mail/header-edit.ts";
import { corpusMails, corpusNote } from "../corpus.ts";

const octets = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** What is left of a mail when it is split and put together again without edits. */
function roundTrip(bytes: Uint8Array, complete: boolean): string {
  const { block, bodyStart, defects } = splitHeader(bytes, complete);
  const rendered = renderBlock(block, []);
  // An mbox line stands above the block and is no part of it.
  const above = bytes.subarray(0, bodyStart - rendered.length);
  if (above.length > 0) expect(defects).toContain("mbox-line");
  return text(concat([above, rendered, bytes.subarray(bodyStart)]));
}

describe("splitHeader()", () => {
  const name = fc.constantFrom("From", "from", "To ", "Subject\t", "Return-Path", "Received", "X-\x80", "", ">From", "From bob Mon Jan 5");
  const value = fc.string({ unit: fc.constantFrom(..."aB: \t-<>=?\0\x80\xff"), maxLength: 30 });
  const end = fc.constantFrom("\r\n", "\n", "\r", "\r\n ", "\n\t", "\r ", "\r\r\n", "\n\n", "\r\n\r\n", "", "\0");
  const line = fc.tuple(name, fc.constantFrom(":", "", " :", ": "), value, end).map((parts) => parts.join(""));
  const header = fc.array(line, { maxLength: 8 }).map((lines) => octets(lines.join("")));
  const anyOctets = fc.oneof(header, fc.uint8Array({ maxLength: 300 }));

  test("splitHeader() gives back every octet when any octets are parsed and rendered", () => {
    fc.assert(
      fc.property(anyOctets, fc.boolean(), (bytes, complete) => {
        expect(roundTrip(bytes, complete)).toBe(text(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test(`splitHeader() gives back every octet of each mail of the corpus, cut anywhere${corpusNote}`, () => {
    for (const { name: file, octets: mail } of corpusMails()) {
      expect(`${file} ${roundTrip(mail, true)}`).toBe(`${file} ${text(mail)}`);
      for (let cut = 0; cut < Math.min(mail.length, 3000); cut += 7) {
        const head = mail.subarray(0, cut);
        expect(`${file} ${roundTrip(head, false)}`).toBe(`${file} ${text(head)}`);
      }
    }
  });

  test("splitHeader() says the same of the first octets of a mail as of the whole", () => {
    for (const header of ["A: b\r\n".repeat(60_000), `X: ${"x".repeat(300_000)}\r\n`, `${"A: b\r\n c\r\n".repeat(900)}`]) {
      const mail = octets(`From: a@x.test\r\n${header}\r\nbody`);
      const [whole, head] = [splitHeader(mail, true), splitHeader(mail.subarray(0, headLimit), mail.length <= headLimit)];
      expect(head.defects).toEqual(whole.defects);
      expect(head.bodyStart).toBe(whole.bodyStart);
      expect(head.block.fields.length).toBe(whole.block.fields.length);
    }
  });

  const shapes: [string, string, string[], string | null, string][] = [
    // why, mail, defects, From, body
    ["the mail is plain", "From: a@x.test\r\n\r\nbody", [], "a@x.test", "body"],
    ["lines end in LF", "From : a@x.test\n\nbody", [], "a@x.test", "body"],
    ["lines end in CR", "From: a@x.test\rTo: b\r\rbody\r", ["bare-cr"], "a@x.test", "body\r"],
    ["line ends are mixed", "A: 1\nFrom: a@x.test\r\nB: 2\r\n\nbody", [], "a@x.test", "body"],
    ["a field is folded", "from: a@x.test\r\n b\r\n\r\n", [], "a@x.test b", ""],
    ["a field is folded behind a bare CR", "From: a\r b\r\n\r\n", ["bare-cr"], "a b", ""],
    ["a bare CR hides a field", "From: a@x.test\rX-Evil: 1\r\n\r\n", ["bare-cr"], "a@x.test", ""],
    ["a bare CR hides the end of the header", "From: a@x.test\r\n\rTo: b\r\n\r\n", ["bare-cr"], "a@x.test", "To: b\r\n\r\n"],
    ["an mbox line stands on top", "From a@x.test Mon\r\nFrom: b@x.test\r\n\r\nbody", ["mbox-line"], "b@x.test", "body"],
    ["the name From stands before space and colon", "From  : b@x.test\r\n\r\n", [], "b@x.test", ""],
    ["an mbox line stands further down", "A: 1\r\nFrom a@x.test Mon\r\nFrom: b@x.test\r\n\r\n", ["field-without-colon"], "b@x.test", ""],
    ["there is an mbox line only", "From a@x.test Mon\r\n", ["no-header-block"], null, "From a@x.test Mon\r\n"],
    ["there is no header", "no header here\r\n\r\nbody", ["no-header-block"], null, "no header here\r\n\r\nbody"],
    ["the first line is blank", "\r\nFrom: a@x.test\r\n\r\n", ["no-header-block"], null, "\r\nFrom: a@x.test\r\n\r\n"],
    ["the first line is folded", " From: a@x.test\r\n\r\n", ["no-header-block"], null, " From: a@x.test\r\n\r\n"],
    ["the first field has no name", ": x\r\nFrom: a@x.test\r\n\r\n", ["no-header-block"], null, ": x\r\nFrom: a@x.test\r\n\r\n"],
    ["there is nothing", "", ["no-header-block"], null, ""],
    ["there is one octet", "F", ["no-header-block"], null, "F"],
    ["a line has no colon", "A: 1\r\ngarbage\r\nFrom: a@x.test\r\n\r\n", ["field-without-colon"], "a@x.test", ""],
    ["a field has no name", "A: 1\r\n: x\r\nFrom: a@x.test\r\n\r\n", ["field-without-colon"], "a@x.test", ""],
    ["a name holds NUL", "A: 1\r\nFrom\0: a@x.test\r\n\r\n", ["field-without-colon", "nul"], null, ""],
    ["a value holds NUL", "From: a\0b\r\n\r\n", ["nul"], "a\0b", ""],
    ["a name is 8-bit", "A: 1\r\nFr\xf6m: a@x.test\r\n\r\n", ["field-without-colon"], null, ""],
    ["a value is Latin-1", "From: M\xfcller <a@x.test>\r\n\r\n", [], "Müller <a@x.test>", ""],
    ["a value is UTF-8", "From: M\xc3\xbcller <a@x.test>\r\n\r\n", [], "Müller <a@x.test>", ""],
    ["the header ends with the mail", "From: a@x.test", [], "a@x.test", ""],
  ];
  for (const [why, mail, defects, from, body] of shapes) {
    test(`splitHeader() reads past what is odd when ${why}`, () => {
      const split = splitHeader(octets(mail), true);
      expect([...split.defects] as string[]).toEqual(defects);
      expect(firstValue(split.block, "From")).toBe(from);
      expect(text(octets(mail).subarray(split.bodyStart))).toBe(body);
    });
  }

  const cuts: [string, string, string[]][] = [
    ["in the name of a field", "From: a@x.test\r\nSubj", ["field-without-colon", "header-too-long"]],
    ["between CR and LF", "From: a@x.test\r\nTo: b\r", ["header-too-long"]],
    ["inside the empty line", "From: a@x.test\r\n\r", ["header-too-long"]],
    ["behind the empty line", "From: a@x.test\r\n\r\n", []],
  ];
  for (const [where, head, defects] of cuts) {
    test(`splitHeader() takes no guess when the first octets end ${where}`, () => {
      expect([...splitHeader(octets(head), false).defects] as string[]).toEqual(defects);
    });
  }

  const limits: [string, string, string[]][] = [
    ["as many fields as are read", "A: b\r\n".repeat(maxFields), []],
    ["one field more", "A: b\r\n".repeat(maxFields + 1), ["too-many-fields"]],
    ["a value as long as is read", `A:${"x".repeat(maxValue - 4)}\r\n`, []],
    ["a longer value", `A:${"x".repeat(maxValue)}\r\n`, ["field-too-long"]],
    ["a header as long as is read", `${`A:${"x".repeat(maxValue - 4)}\r\n`.repeat(3)}B:${"x".repeat(maxValue - 6)}\r\n`, []],
    ["a longer header", `A:${"x".repeat(maxValue - 4)}\r\n`.repeat(5), ["header-too-long"]],
  ];
  for (const [what, header, defects] of limits) {
    test(`splitHeader() reads up to its limits when there is ${what}`, () => {
      const split = splitHeader(octets(`${header}\r\nbody`), true);
      expect([...split.defects] as string[]).toEqual(defects);
      expect(split.bodyStart).toBeLessThanOrEqual(maxHeader);
    });
  }

  test("splitHeader() reads no further than a store hands over at once", () => {
    expect(maxHeader).toBe(headLimit);
  });

  test("fieldValue() cuts a value that is too long between two characters", () => {
    for (const pad of ["", "a", "aa"]) {
      const { block } = splitHeader(Buffer.from(`Subject: ${pad}${"日".repeat(40_000)}\r\n\r\n`), true);
      expect(firstValue(block, "Subject")).toBe(`${pad}${"日".repeat(Math.floor((maxValue - 1 - pad.length) / 3))}`);
    }
    const latin = splitHeader(octets(`Subject: ${"\xa0\xbf".repeat(40_000)}\r\n\r\n`), true);
    expect(firstValue(latin.block, "Subject")?.length).toBeGreaterThan(maxValue - 10);
  });
});
