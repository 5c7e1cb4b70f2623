// Rows in the spelling of an older worker: what is rewritten, what stays, and that the default reads none of it.

import { describe, expect, test } from "bun:test";
import { blocklistCache, compileBlocklist, decodeRuleRow, findBlock, noPause } from "@sesame/core";
import { compileBlocklistWithPauses, decodeRuleRows, respellPatterns, respellRuleRow, ruleRowProblems } from "@sesame/core/rules";
import { away } from "../sample.ts";

const respelled: readonly (readonly [row: object, field: string, from: unknown, to: unknown])[] = [
  [{ ...away, ooo_active: "true" }, "ooo_active", "true", true],
  [{ ...away, ooo_active: 1 }, "ooo_active", 1, true],
  [{ ...away, ooo_content_type: "text/html" }, "ooo_content_type", "text/html", "html"],
  [{ ...away, ooo_content_type: "text/plain" }, "ooo_content_type", "text/plain", "text"],
  [{ forwards: "me@private.test" }, "forwards", "me@private.test", ["me@private.test"]],
  [{ forwards: " " }, "forwards", " ", []],
];
describe("respellRuleRow() rewrites", () => {
  for (const [row, field, from, to] of respelled) {
    test(`${field} ${JSON.stringify(from)} as ${JSON.stringify(to)}`, () => {
      expect(respellRuleRow(row)).toEqual({ value: { ...row, [field]: to }, changes: [{ field, from, to }] });
      expect(decodeRuleRow(row).errors.length).toBe(1);
      expect(decodeRuleRow(row, "legacy")).toEqual(decodeRuleRow({ ...row, [field]: to }));
      expect(decodeRuleRow(row, "legacy").errors).toEqual([]);
    });
  }
});

describe("respellRuleRow() leaves as it is", () => {
  const kept: readonly (readonly [why: string, row: unknown])[] = [
    ["a row of today", { ...away, ooo_content_type: "html", forwards: ["a@x.test"] }],
    ["a text that says no", { ...away, ooo_active: "false" }],
    ["other letters", { ...away, ooo_active: "TRUE" }],
    ["0", { ...away, ooo_active: 0 }],
    ["2", { ...away, ooo_active: 2 }],
    ["a media type with a parameter", { ...away, ooo_content_type: "text/html; charset=utf-8" }],
    ["a set", { forwards: new Set(["a@x.test"]) }],
    ["a list", [true]],
    ["a text", "true"],
    ["NULL", null],
  ];
  for (const [why, row] of kept) {
    test(why, () => {
      const { value, changes } = respellRuleRow(row);
      expect(value).toBe(row);
      expect(changes).toEqual([]);
      expect(decodeRuleRow(row, "legacy")).toEqual(decodeRuleRow(row));
    });
  }
});

test("decodeRuleRow() with older spellings names what is still wrong behind them", () => {
  const row = { ooo_active: "true", ooo_message: "", ooo_content_type: "text/html", forwards: "no address" };
  expect(decodeRuleRow(row, "legacy").errors).toEqual([
    "Cannot use the out-of-office rule: ooo_message must say something, is 0 octets",
    'Cannot forward: a target must be an address, is "no address"',
  ]);
});

test("decodeRuleRows() reads a row as the option says, and strictly without it", () => {
  const rows = new Map([["a@example.com", { ...away, ooo_active: 1 }]]);
  expect(decodeRuleRows(rows).get("a@example.com")?.reply).toBeNull();
  expect(decodeRuleRows(rows, "strict").get("a@example.com")?.reply).toBeNull();
  expect(decodeRuleRows(rows, "legacy").get("a@example.com")?.reply).not.toBeNull();
});

test("compileBlocklist() reads one text as a list of one only with the older spellings", async () => {
  const rows = new Map<string, unknown>([["a@example.com", "*@spam.test"]]);
  const blocks = (list: ReturnType<typeof compileBlocklist>) => findBlock(list, ["x@spam.test" as never])?.pattern ?? null;
  const cache = blocklistCache({ maxOctets: 1 << 20 });
  for (const [spellings, expected] of [
    ["strict", null],
    ["legacy", "*@spam.test"],
    ["strict", null],
  ] as const) {
    expect(blocks(compileBlocklist(rows, spellings))).toBe(expected);
    // One cache for both: what was compiled from a list is not found under a text.
    expect(blocks(await compileBlocklistWithPauses(rows, { cache, pause: noPause, spellings }))).toBe(expected);
  }
  expect(respellPatterns("")).toEqual({ value: [], changes: [{ field: "blocked_patterns", from: "", to: [] }] });
  const list = ["*@spam.test"];
  expect(respellPatterns(list)).toEqual({ value: list, changes: [] });
});

test("ruleRowProblems() names each attribute that is wrong, decodeRuleRow() the first of the reply", () => {
  const row = { ooo_active: "yes", ooo_message: 7, ooo_content_type: "markdown", ooo_start: 1, forwards: ["a@x.test", "b", 7] };
  expect(ruleRowProblems(row).map(({ field }) => field)).toEqual([
    "ooo_active",
    "ooo_message",
    "ooo_content_type",
    "ooo_start",
    "forwards",
    "forwards",
  ]);
  expect(decodeRuleRow(row).errors.length).toBe(3);
  expect(ruleRowProblems({ ...away, ooo_timezone: "CEST+1" }).map(({ field }) => field)).toEqual(["ooo_timezone"]);
  expect(ruleRowProblems({ ...away, ooo_start: "soon" }).map(({ field }) => field)).toEqual(["ooo_start"]);
  expect(ruleRowProblems({ ...away, ooo_start: "2026-01-02", ooo_end: "2026-01-01" }).map(({ field }) => field)).toEqual(["ooo_end"]);
  expect(ruleRowProblems("x")).toEqual([{ field: null, text: 'Cannot read a row of rules: must be a map, is "x"' }]);
  expect(ruleRowProblems({ ...away, ooo_active: "true" }, "legacy")).toEqual([]);
  expect(ruleRowProblems({})).toEqual([]);
});
