import { expect, test } from "bun:test";
import { derivedId } from "../../packages/core/derived-id.ts";

test("derivedId() is the same in every attempt and version: Message-IDs and ledger keys are made of it", () => {
  expect(derivedId("reply", "bucket/key", "alice@example.com")).toBe("87740bde0587eba6f3d0516abbddfd6f");
});

test("derivedId() tells apart parts that give the same text when joined", () => {
  const ids = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ['["abc"]']].map((parts) => derivedId(...parts));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});
