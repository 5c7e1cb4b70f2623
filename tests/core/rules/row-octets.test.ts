import { expect, test } from "bun:test";
import { noPause } from "@sesame/core";
import { octetsOfRow, octetsOfRows } from "@sesame/core/rules";

const deep = (levels: number) => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`) as unknown;

const rows: readonly (readonly [what: string, row: unknown, octets: number])[] = [
  ["nothing", null, 16],
  ["a number", 7, 16],
  ["a text", "abcd", 16 + 8],
  ["octets", new Uint8Array(100), 16 + 100],
  ["a list", ["ab", "c"], 16 + 20 + 18],
  ["a list of lists", [["ab"], []], 16 + 16 + 20 + 16],
  ["a set", new Set(["ab"]), 16 + 20],
  ["an object with its names", { ab: "cd" }, 16 + 20 + 20],
  ["a map with its keys", new Map([["ab", "cd"]]), 16 + 20 + 20],
  ["lists in lists, 100,000 levels deep", deep(100_000), 1_600_000],
];
for (const [what, row, octets] of rows) {
  test(`octetsOfRow() estimates ${what}`, () => expect(octetsOfRow(row)).toBe(octets));
}

test("octetsOfRows() adds up both tables with their keys, and pauses after each row", async () => {
  let pauses = 0;
  const pause = async () => {
    pauses++;
  };
  const answer = { rules: new Map<string, unknown>([["a@b.c", { x: "y" }]]), blocked: new Map<string, unknown>([["*", ["z"]]]) };
  const rule = 16 + 10 + 16 + 18 + 18;
  const blocked = 16 + 2 + 16 + 18;
  expect([await octetsOfRows(answer, pause), pauses]).toEqual([rule + blocked, 2]);
  expect(await octetsOfRows({ rules: new Map(), blocked: new Map() }, noPause)).toBe(0);
});

test("X04 a row of 400 KB is never estimated below its own size", () => {
  const shapes = [["x".repeat(400_000)], Array.from({ length: 100_000 }, () => "abcd"), { a: ["é".repeat(200_000)] }];
  for (const row of shapes) expect(octetsOfRow(row)).toBeGreaterThanOrEqual(400_000);
});
