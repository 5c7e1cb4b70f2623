import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { truncateLine, truncateText } from "../../../packages/core/mail/truncate.ts";
import { anyText } from "./any-text.ts";

describe("truncateText() and truncateLine()", () => {
  test("give a whole text back, or its start and a sign, within the limit", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 200 }), (text, limit) => {
        const cut = truncateText(text, limit);
        if (Buffer.byteLength(text) <= limit) return expect(cut).toBe(text);
        expect(cut).toEndWith("\n[…]");
        const start = cut.slice(0, -4);
        expect(text.startsWith(start)).toBe(true);
        expect(Buffer.byteLength(start)).toBeLessThanOrEqual(limit);
        expect(/[\ud800-\udbff]$/.test(start) && /^[\udc00-\udfff]/.test(text.slice(start.length))).toBe(false);
      }),
    );
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 200 }), (text, limit) => {
        const line = truncateLine(text, limit);
        expect([...line].length).toBeLessThanOrEqual(limit);
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|^\s|\s$/);
      }),
    );
  });

  const rows: readonly (readonly [string, number, string])[] = [
    ["ab", 2, "ab"],
    ["abc", 2, "ab\n[…]"],
    ["aü", 2, "a\n[…]"],
    ["ae\u0301x", 3, "a\n[…]"], // the accent would not fit, so its letter goes too
    ["a👍🏽b", 5, "a\n[…]"], // and a thumb does not lose its colour
    ["a b  c", 4, "a b\n[…]"],
    ["日本", 5, "日\n[…]"],
  ];
  for (const [text, octets, expected] of rows)
    test(`cut ${JSON.stringify(text)} at ${octets} octets`, () => expect(truncateText(text, octets)).toBe(expected));
});
