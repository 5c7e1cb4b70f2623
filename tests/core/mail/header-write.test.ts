import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { decodeWords } from "../../../packages/core/mail/encoded-word.ts";
import { fieldValue, splitHeader, valuesOf } from "../../../packages/core/mail/header.ts";
import { mailboxValue, renderField, safeText, writeBlock } from "../../../packages/core/mail/header-write.ts";
import { parseMailboxes } from "../../../packages/core/mail/mailbox.ts";

const octets = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

// What an attacker puts where a text is copied from a mail or a rule into a field.
const injections: readonly string[] = [
  "\r\nBcc: evil@x.test",
  "\nBcc: evil@x.test",
  "\rBcc: evil@x.test",
  "\r\n\r\n<html>",
  "\r\n Bcc: folded",
  "\0\r\n\0Bcc: x",
  "\u2028Bcc: x",
  "\u2029Bcc: x",
  "\u0085Bcc: x",
  "\v\fBcc: x",
  "\u202eBcc: x",
  "\ud800\r\nBcc: x",
  "=?utf-8?Q?=0D=0ABcc:_x?=",
  "=?utf-8?B?DQpCY2M6IHg=?=",
  "=?utf-7?Q?+AA0ACg-Bcc:_x?=",
  "嘊嘍Bcc: x", // U+560A U+560D: their low octets are LF and CR
];

/** The fields that another reader finds in a rendered one. */
function fieldsIn(rendered: string): readonly string[] {
  return rendered.split(/\r\n(?![ \t])/).slice(0, -1);
}

describe("renderField()", () => {
  const hostile = fc
    .array(fc.oneof(fc.constantFrom(...injections), fc.string({ unit: "binary", maxLength: 12 }), fc.string({ maxLength: 90 })), {
      maxLength: 8,
    })
    .map((parts) => parts.join(""));
  const name = fc.constantFrom("A", "Subject", "X-Original-From", "X-Original-Message-ID");

  test("renderField() makes exactly one field of any text, which reads back as its safe form", () => {
    fc.assert(
      fc.property(name, hostile, (field, input) => {
        const safe = safeText(input);
        const rendered = renderField(field, { kind: "text", text: safe });
        if (!rendered.ok) throw new Error(rendered.error);
        expect(rendered.value).toMatch(/^[!-9;-~]+:[\t -~]*\r\n(?:[ \t][\t -~]*\r\n)*$/);
        expect(fieldsIn(rendered.value).length).toBe(1);
        for (const line of rendered.value.split("\r\n")) expect(line.length).toBeLessThanOrEqual(line.includes("=?") ? 76 : 78);
        for (const word of rendered.value.match(/=\?UTF-8\?[^ ]*\?=/g) ?? []) expect(word.length).toBeLessThanOrEqual(75);
        const { block, defects } = splitHeader(octets(`${rendered.value}\r\n`), true);
        expect(defects).toEqual([]);
        expect(block.fields.map((each) => [each.name, decodeWords(fieldValue(each))])).toEqual([[field, safe]]);
      }),
      { numRuns: 2000 },
    );
  });

  test("renderField() refuses or encodes, and never injects, when it is given what nobody made safe", () => {
    fc.assert(
      fc.property(name, fc.constantFrom("text" as const, "structured" as const), hostile, (field, kind, input) => {
        const rendered = renderField(field, { kind, text: input });
        if (!rendered.ok) return expect(rendered.error).toMatch(/^Cannot write the field /);
        expect(fieldsIn(rendered.value).length).toBe(1);
        expect(rendered.value).toMatch(/^[\t\r\n -~]*$/);
        expect(rendered.value.replace(/\r\n/g, "")).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 1000 },
    );
  });

  for (const injection of injections) {
    test(`renderField() takes ${JSON.stringify(injection)} for text`, () => {
      const rendered = renderField("Subject", { kind: "text", text: safeText(`hi${injection}`) });
      expect(rendered.ok && fieldsIn(rendered.value).length).toBe(1);
      expect(rendered.ok && rendered.value).not.toMatch(/^(?:Bcc|<html>)/im);
    });
    test(`mailboxValue() takes ${JSON.stringify(injection)} for a name`, () => {
      for (const value of [`hi${injection}`, `${injection}" <evil@x.test>, "`, `a@x.test,${injection}`]) {
        const rendered = renderField("From", { kind: "structured", text: mailboxValue(value, "alice@example.com") });
        if (!rendered.ok) throw new Error(rendered.error);
        const { block } = splitHeader(octets(`${rendered.value}\r\n`), true);
        expect(block.fields.length).toBe(1);
        expect(
          valuesOf(block, "From")
            .flatMap(parseMailboxes)
            .map(({ address }) => address as string),
        ).toEqual(["alice@example.com"]);
      }
    });
  }

  test("mailboxValue() writes a name so that no reader decodes what stood there as text", async () => {
    const names = [
      "=?utf-8?Q?evil=40x.test?=",
      "a =?utf-8?B?WA==?= b",
      "plain",
      'quo"te\\',
      "Grüße, \u202eX",
      "x".repeat(300),
      "\\",
      '"',
      "a@b.test",
    ];
    for (const name of names) {
      const rendered = renderField("From", { kind: "structured", text: mailboxValue(name, "alice@example.com") });
      if (!rendered.ok) throw new Error(rendered.error);
      const { from } = await simpleParser(Buffer.from(`${rendered.value}\r\n`));
      expect(from?.value).toEqual([{ name: safeText(name, 200), address: "alice@example.com" }]);
    }
    expect(mailboxValue("\r\n", "alice@example.com")).toBe("alice@example.com");
  });

  test("renderField() refuses line ends, NUL, controls and unprintable names", () => {
    for (const value of ["a\r\nBcc: x@y.test", "a\nb", "a\rb", "a\0b", "a\u007fb", "a\vb"])
      for (const kind of ["text", "structured"] as const) expect(renderField("Subject", { kind, text: value }).ok).toBe(false);
    for (const field of ["", "A:", "A B", "Ä", "A\r\nB", "A\0", "x".repeat(77)])
      expect(renderField(field, { kind: "text", text: "x" }).ok).toBe(false);
    expect(renderField("From", { kind: "structured", text: "jörg@x.test" }).ok).toBe(false);
  });

  test("renderField() writes no line of more than 998 octets, and refuses what none can hold", () => {
    for (const length of [60, 70, 200, 960, 975, 997, 998, 2000]) {
      const rendered = renderField("X-Original-Message-ID", { kind: "structured", text: "x".repeat(length) });
      expect(rendered.ok).toBe(length <= 997);
      if (rendered.ok) expect(rendered.value.split("\r\n").every((line) => line.length <= 998)).toBe(true);
      if (rendered.ok) expect(rendered.value.replace(/\r\n/g, "")).toBe(`X-Original-Message-ID: ${"x".repeat(length)}`);
    }
  });

  test("renderField() keeps the white space of a structured value when it folds", () => {
    const value = `text/plain; name="a   b";  charset=utf-8;\t${"x=y; ".repeat(20)}z="  c"`;
    const rendered = renderField("Content-Type", { kind: "structured", text: value });
    expect(rendered.ok && rendered.value.split("\r\n").length).toBeGreaterThan(2);
    expect(rendered.ok && rendered.value.replace(/\r\n/g, "")).toBe(`Content-Type: ${value}`);
  });

  test("writeBlock() throws when a value was not made safe, since only a bug can bring one", () => {
    expect(() => writeBlock([{ name: "Subject", value: { kind: "text", text: "a\r\nb" } }])).toThrow(TypeError);
    expect(text(writeBlock([{ name: "Subject", value: { kind: "text", text: "" } }]))).toBe("Subject:\r\n\r\n");
  });
});

describe("safeText()", () => {
  test("safeText() leaves nothing that ends a line, hides or turns one round", () => {
    expect(safeText("hi\r\nBcc: a\u2028b\0c\u202ed\u0085e\ufefff\ud800g")).toBe("hi Bcc: a b c d e f\ufffdg");
    expect(safeText(" \t\r\n ")).toBe("");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (input) => {
        expect(safeText(input)).not.toMatch(
          /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^\s|\s$|\s\s|\p{Surrogate}/u,
        );
        expect(safeText(safeText(input))).toBe(safeText(input));
      }),
    );
  });

  test("safeText() cuts between characters and says so", () => {
    const cut = safeText("🙂".repeat(700));
    expect([...cut].length).toBe(600);
    expect(cut.endsWith("🙂…")).toBe(true);
    expect(safeText("日".repeat(600))).toBe("日".repeat(600));
  });
});

const quoted: [string, string, string[]][] = [
  [
    "a boundary with blanks",
    `multipart/alternative; charset="x"; boundary="=_alternative 0052A1B2C1257A9E_="`,
    ['Content-Type: multipart/alternative; charset="x";', ' boundary="=_alternative 0052A1B2C1257A9E_="'],
  ],
  [
    "a file name with an escaped quote",
    `attachment; filename="a long name with blanks and a \\" in the middle of it, and still more of them.pdf"`,
    ["Content-Type: attachment;", ' filename="a long name with blanks and a \\" in the middle of it, and still more of them.pdf"'],
  ],
  ["a quoted string that never ends", `a; b="${"c d ".repeat(30)}`, []],
  ["a quoted string that no line can hold", `a; b="${"word ".repeat(300)}"`, []],
];
for (const [what, value, lines] of quoted) {
  test(`X31 renderField() does not fold inside ${what}, if a line can hold it`, () => {
    const rendered = renderField("Content-Type", { kind: "structured", text: value });
    if (!rendered.ok) throw new Error(rendered.error);
    const found = rendered.value.split("\r\n").slice(0, -1);
    if (lines.length > 0) expect(found).toEqual(lines);
    expect(found.join("")).toBe(`Content-Type: ${value.trim()}`);
    for (const line of found) expect(line.length).toBeLessThanOrEqual(998);
  });
}

test("X31 renderField() takes time linear in the length of a value made of quotes", () => {
  for (const unit of ['"\\', '\\"', '"', '" ', '"a "']) {
    const rendered = renderField("X", { kind: "structured", text: unit.repeat(500_000) });
    expect(rendered.ok ? "a field" : rendered.error).toMatch(/^a field$|must have at most 998 octets/);
  }
});
