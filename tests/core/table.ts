// Two helpers that let a test read as a table: what is good, what is bad, and why.

import { expect, test } from "bun:test";
import type { Result } from "@sesame/core";

/** Rows that decode to a value. */
export function good<T>(name: string, parse: (text: string) => Result<T>, rows: readonly (readonly [string, unknown, string?])[]): void {
  for (const [text, value, why] of rows) {
    test(`${name}() reads ${JSON.stringify(text).slice(0, 60)}${why ? `: ${why}` : ""}`, () => {
      const parsed = parse(text);
      expect(parsed.ok ? parsed.value : parsed.error).toEqual(value as T);
    });
  }
}

/** Rows that are refused with an error in the house form. */
export function bad(name: string, parse: (text: string) => Result<unknown>, rows: readonly (readonly [string, string])[]): void {
  for (const [text, why] of rows) {
    test(`${name}() refuses ${JSON.stringify(text).slice(0, 60)}: ${why}`, () => {
      const parsed = parse(text);
      expect(parsed.ok).toBe(false);
      expect(parsed.ok ? "" : parsed.error).toMatch(/^Cannot .*: .*, is /s);
    });
  }
}
