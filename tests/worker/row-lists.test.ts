// listText() and tableText(): columns for a terminal, tabs for programs, JSON, and what stands in a row that cannot be read.

import { expect, test } from "bun:test";
import type { EpochMs } from "@sesame/core";
import { listText } from "../../apps/worker/commands/row-lists.ts";
import { cut, tableText } from "../../apps/worker/table-text.ts";

const now = Date.parse("2026-11-24T12:00:00Z") as EpochMs;
const terminal = { json: false, isTerminal: true, now };
const away = { ooo_active: true, ooo_message: "I am away until Monday, then I am back", ooo_end: "2026-11-30" };
const rows = [
  { key: "alice@example.com", row: { ...away, forwards: ["me@private.test"] } },
  { key: "carol@example.com", row: { ...away, ooo_end: "soon" } },
  { key: "*@example.com", row: { ...away, ooo_message: "Away", ooo_start: "2026-12-24", ooo_end: "2026-12-27T12:00+01:00" } },
  { key: "dave@example.com", row: { ...away, ooo_message: "Away", ooo_end: "2026-11-01T00:00:00Z" } },
  { key: "erin@example.com", row: { ooo_active: false, ooo_message: "Away" } },
];

test("listText() shows each rule as the worker reads it", () => {
  expect(listText("rules", rows, terminal)).toBe(`  ADDRESS             REPLY                                FORWARDS          NOTE
  alice@example.com   until 30 Nov 2026 "I am away unti…   me@private.test
  carol@example.com   off                                  –                 ! Cannot use the out-of-office rule: ooo_end must be a date or an ISO 8601 instant with offset, is "soon"
  *@example.com       from 24 Dec 2026 "Away"              –
  dave@example.com    ended 2026-11-01 00:00:00 UTC "Aw…   –
  erin@example.com    off                                  –
5 rows. sesame rules show ADDRESS tells all of one
`);
});

test("listText() has tabs and whole texts where no terminal is, and JSON where it is asked for", () => {
  const [alice] = rows;
  expect(listText("rules", rows.slice(0, 1), { ...terminal, isTerminal: false })).toBe(
    'ADDRESS\tREPLY\tFORWARDS\tNOTE\nalice@example.com\tuntil 30 Nov 2026 "I am away until Monday, then I am back"\tme@private.test\t\n',
  );
  expect(JSON.parse(listText("rules", rows.slice(0, 1), { ...terminal, json: true }))).toEqual([{ address: alice?.key, row: alice?.row }]);
  expect(listText("blocked", [], terminal)).toBe("No rows\n");
});

test("listText() shows patterns, how many there are, and those that match everybody or nobody", () => {
  const blocked = [
    { key: "alice@example.com", row: { blocked_patterns: ["*@spam.test", "*@junk.test"] } },
    { key: "bob@example.com", row: { blocked_patterns: ["*"] } },
    { key: "carol@example.com", row: { blocked_patterns: "x" } },
  ];
  const [, alice = "", bob = "", carol = "", foot] = listText("blocked", blocked, terminal).split("\n");
  expect(alice).toBe("  alice@example.com          2   *@spam.test, *@junk.test");
  expect(bob).toMatch(/^ {2}bob@example\.com {12}1 {3}\* {26}! Pattern "\*" matches every sender/);
  expect(carol).toMatch(/^ {2}carol@example\.com {10}0 {3}– {26}! Cannot use blocked_patterns: must be a list or set of texts, is "x"/);
  expect(foot).toBe("3 rows. sesame block show ADDRESS tells all of one");
});

test("tableText() counts wide letters, and lets no control through", () => {
  const columns = [{ title: "A" }, { title: "B", right: true }];
  expect(
    tableText(
      columns,
      [
        ["日本", "1"],
        ["é\x1b[2J\t", "20"],
      ],
      true,
    ),
  ).toBe("  A               B\n  日本            1\n  é\\x1b[2J\\x09   20\n");
  expect(tableText(columns, [["a\tb\n", "1"]], false)).toBe("A\tB\na\\x09b\\x0a\t1\n");
});

test("cut() keeps letters whole", () => {
  for (const [text, columns, kept] of [
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"], // the second letter would need two columns
    ["👨‍👩‍👧x", 2, "…"],
  ] as const)
    expect([text, columns, cut(text, columns)]).toEqual([text, columns, kept]);
});
