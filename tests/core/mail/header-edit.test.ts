import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fieldsOf, type HeaderBlock, splitHeader } from "../../../packages/core/mail/header.ts";
import { type HeaderEdit, renderBlock } from "../../../packages/core/mail/header-edit.ts";

const octets = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe("renderBlock()", () => {
  const name = fc.constantFrom("From", "Subject", "X-A", "X-B");
  const field = fc.tuple(name, fc.string({ unit: fc.constantFrom(..."ab c"), maxLength: 20 })).map(([n, value]) => `${n}: ${value}\r\n`);
  const edit: fc.Arbitrary<HeaderEdit> = fc.oneof(
    fc.record({ kind: fc.constantFrom("prepend" as const, "replace" as const), name, value: fc.constant("new") }),
    fc.record({ kind: fc.constant("remove" as const), name, which: fc.constantFrom("topmost" as const, "all" as const) }),
  );

  test("renderBlock() changes only the field that an edit names", () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), edit, (fields, one) => {
        const before = splitHeader(octets(`${fields.join("")}\r\n`), true).block;
        const after = splitHeader(renderBlock(before, [one]), true).block;
        const others = (block: HeaderBlock) => block.fields.filter(({ name: n }) => n !== one.name).map(({ raw }) => text(raw));
        expect(others(after)).toEqual(others(before));
        const count = (block: HeaderBlock) => fieldsOf(block, one.name).length;
        if (one.kind === "replace") expect(count(after)).toBe(1);
        if (one.kind === "prepend") expect(count(after)).toBe(count(before) + 1);
        if (one.kind === "remove" && one.which === "all") expect(count(after)).toBe(0);
      }),
    );
  });

  const rows: [string, string, HeaderEdit[], string][] = [
    ["the topmost field has the name", "A: 1\r\nB: 2\r\n\r\n", [{ kind: "remove", name: "a", which: "topmost" }], "B: 2\r\n\r\n"],
    ["another field is topmost", "B: 2\r\nA: 1\r\n\r\n", [{ kind: "remove", name: "A", which: "topmost" }], "B: 2\r\nA: 1\r\n\r\n"],
    ["it is folded", "A: 1\r\n 2\r\n\t3\r\nB: 2\r\n\r\n", [{ kind: "remove", name: "A", which: "topmost" }], "B: 2\r\n\r\n"],
    ["a bare CR ends it", "A: 1\rB: 2\r\n\r\n", [{ kind: "remove", name: "A", which: "topmost" }], "B: 2\r\n\r\n"],
    ["lines end in LF", "A: 1\nB: 2\n\n", [{ kind: "replace", name: "A", value: "x" }], "A: x\nB: 2\n\n"],
    ["the name stands twice", "A: 1\r\nB: 2\r\nA: 3\r\n\r\n", [{ kind: "replace", name: "A", value: "x" }], "A: x\r\nB: 2\r\n\r\n"],
    ["there is no such field", "B: 2\r\n\r\n", [{ kind: "replace", name: "A", value: "x" }], "A: x\r\nB: 2\r\n\r\n"],
    ["the last line has no end", "B: 2\r\nA: 1", [{ kind: "prepend", name: "C", value: "3" }], "C: 3\r\nB: 2\r\nA: 1"],
  ];
  for (const [why, before, edits, after] of rows) {
    test(`renderBlock() edits in place when ${why}`, () => {
      expect(text(renderBlock(splitHeader(octets(before), true).block, edits))).toBe(after);
    });
  }

  test("renderBlock() throws when an edit would inject a line, since only a bug can make one", () => {
    const { block } = splitHeader(octets("A: 1\r\n\r\n"), true);
    expect(() => renderBlock(block, [{ kind: "prepend", name: "X", value: "1\r\nBcc: x@y.test" }])).toThrow(TypeError);
  });
});
