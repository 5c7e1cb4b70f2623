import { expect, test } from "bun:test";
import {
  concat,
  decodeWords,
  fieldValue,
  firstValue,
  type HeaderEdit,
  openMail,
  renderBlock,
  renderField,
  safeText,
  splitHeader,
} from "@sesame/core";
import fc from "fast-check";

const octets = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const anyOctets = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ maxLength: 300, unit: fc.constantFrom(..."aB: \t\r\n\0-<>=?") }).map(octets),
);

test("splitHeader() gives back every octet when any octets are parsed and rendered", () => {
  fc.assert(
    fc.property(anyOctets, (bytes) => {
      const { block, bodyStart, defects } = splitHeader(bytes, true);
      const above = defects.includes("mbox-line") ? bytes.subarray(0, bytes.indexOf(10) + 1) : bytes.subarray(0, 0);
      expect(concat([above, renderBlock(block, []), bytes.subarray(bodyStart)])).toEqual(bytes);
    }),
    { numRuns: 2000 },
  );
});

test("renderBlock() changes only the field that an edit names", () => {
  const name = fc.constantFrom("From", "Subject", "X-A", "X-B");
  const field = fc.tuple(name, fc.string({ unit: fc.constantFrom(..."ab c"), maxLength: 20 })).map(([n, value]) => `${n}: ${value}\r\n`);
  const edit: fc.Arbitrary<HeaderEdit> = fc.oneof(
    fc.record({ kind: fc.constantFrom("prepend" as const, "replace" as const), name, value: fc.constant("new") }),
    fc.record({ kind: fc.constant("remove" as const), name, which: fc.constantFrom("topmost" as const, "all" as const) }),
  );
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), edit, (fields, one) => {
      const before = splitHeader(octets(`${fields.join("")}\r\n`), true).block;
      const after = splitHeader(renderBlock(before, [one]), true).block;
      const others = (block: typeof before) => block.fields.filter(({ name: n }) => n !== one.name).map(({ raw }) => text(raw));
      expect(others(after)).toEqual(others(before));
      const count = (block: typeof before) => block.fields.filter(({ name: n }) => n === one.name).length;
      if (one.kind === "replace") expect(count(after)).toBe(1);
      if (one.kind === "prepend") expect(count(after)).toBe(count(before) + 1);
      if (one.kind === "remove" && one.which === "all") expect(count(after)).toBe(0);
    }),
  );
});

test("renderField() writes one field that reads back as the same value, in lines of 78 and words of 75", () => {
  const value = fc.string({
    unit: fc.oneof(
      fc.constantFrom(..."ab =?_. "),
      fc.constantFrom("ü", "日", "🙂", "\u00a0"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
    maxLength: 200,
  });
  fc.assert(
    fc.property(value, (written) => {
      fc.pre(!/[\u0000-\u001f\u007f]|[\ud800-\udfff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(written));
      const rendered = renderField("Subject", { kind: "text", text: written });
      expect(rendered.ok).toBe(true);
      const raw = rendered.ok ? rendered.value : "";
      expect(raw.split("\r\n").every((line) => line.length <= 78)).toBe(true);
      for (const word of raw.match(/=\?UTF-8\?[^ ]*\?=/g) ?? []) expect(word.length).toBeLessThanOrEqual(75);
      const { block } = splitHeader(octets(`${raw}\r\n`), true);
      expect(block.fields.length).toBe(1);
      expect(block.fields.map((field) => decodeWords(fieldValue(field)))).toEqual([written]);
    }),
    { numRuns: 500 },
  );
});

test("renderField() refuses line ends, NUL, controls and unprintable names", () => {
  for (const value of ["a\r\nBcc: x@y.test", "a\nb", "a\rb", "a\0b", "a\u007fb"])
    expect(renderField("Subject", { kind: "text", text: value }).ok).toBe(false);
  for (const name of ["", "A:", "A B", "Ä", "A\r\nB"]) expect(renderField(name, { kind: "text", text: "x" }).ok).toBe(false);
  expect(renderField("From", { kind: "structured", text: "jörg@x.test" }).ok).toBe(false);
});

test("safeText() leaves nothing that ends a line or turns one round", () => {
  expect(safeText("hi\r\nBcc: a\u2028b\0c\u202ed")).toBe("hi Bcc: a b c d");
  expect([...safeText("日".repeat(700))].length).toBe(600);
});

test("openMail() names what is odd and reads past it", () => {
  const rows: [string, string[], string | null][] = [
    ["From: a@x.test\r\n\r\nbody", [], "a@x.test"],
    ["From : a@x.test\n\nbody", [], "a@x.test"],
    ["from: a@x.test\r\n b\r\n\r\n", [], "a@x.test b"],
    ["From a@x.test Mon\r\nFrom: b@x.test\r\n\r\n", ["mbox-line"], "b@x.test"],
    ["no header here\r\n\r\nbody", ["no-header-block"], null],
    ["\r\nFrom: a@x.test\r\n\r\n", ["no-header-block"], null],
    ["", ["no-header-block"], null],
    ["A: 1\r\ngarbage\r\nFrom: a@x.test\r\n\r\n", ["field-without-colon"], "a@x.test"],
    ["From: a\rb\r\n\r\n", ["bare-cr"], "a b"],
    ["From: a\0b\r\n\r\n", ["nul"], "a\0b"],
  ];
  for (const [mail, defects, from] of rows) {
    const opened = openMail(octets(mail), mail.length);
    expect([...opened.defects]).toEqual(defects as never);
    expect(firstValue(opened.block, "From")).toBe(from);
  }
});

test("decodeWords() joins characters that were split across words and survives nonsense", () => {
  expect(decodeWords("=?UTF-8?B?w7w=?= =?UTF-8?Q?_=C3?= =?UTF-8?Q?=BC?=")).toBe("ü ü");
  expect(decodeWords("a =?x-unknown?Q?=FC?= b")).toBe("a ü b");
  expect(decodeWords("=?utf-8?Q?=ZZ=4?=")).toBe("=ZZ=4");
});
