// `sesame rules` and `sesame block`: rows made from options, and notes about rows that do less than they seem to do.

import { expect, test } from "bun:test";
import type { EpochMs } from "@sesame/core";
import { addedPatterns, patternNotes, patternRow, withoutPatterns } from "../../apps/worker/commands/block.ts";
import { type RuleOptions, ruleNotes, ruleRow } from "../../apps/worker/commands/rules.ts";
import { tableKey } from "../../apps/worker/table-key.ts";

const now = Date.parse("2026-01-05T12:00:00Z") as EpochMs;
const away = { ooo_active: true, ooo_message: "away", ooo_content_type: "text" };

const rows: readonly [string, unknown, RuleOptions, Record<string, unknown> | RegExp][] = [
  ["a text", null, { ooo: "away" }, away],
  ["HTML", null, { ooo: "<p>away", html: true }, { ...away, ooo_message: "<p>away", ooo_content_type: "html" }],
  ["HTML for the text that is there", away, { html: true }, { ...away, ooo_content_type: "html" }],
  ["an end beside the text that is there", away, { end: "2026-02-01" }, { ...away, ooo_end: "2026-02-01" }],
  ["no end any more", { ...away, ooo_end: "2026-02-01" }, { end: "" }, away],
  ["no subject any more", { ...away, ooo_subject: "Away" }, { oooSubject: "" }, away],
  ["what it does not know as it stands", { note: "", ...away }, { html: false, end: "" }, { note: "", ...away }],
  ["no reply", away, { off: true }, { ...away, ooo_active: false }],
  ["forwards, in the place of those before", { forwards: ["a@x.test"] }, { forward: ["b@x.test"] }, { forwards: ["b@x.test"] }],
  ["no forwards, and the reply stays", { ...away, forwards: ["a@x.test"] }, { forward: false }, away],
  ["nothing", null, {}, /^Cannot set a rule: give --ooo, --off or --forward$/],
  ["an empty text", null, { ooo: "" }, /ooo_message must say something/],
  ["a time zone that is none", null, { ooo: "away", timezone: "CEST+1" }, /ooo_timezone must be an IANA name, is "CEST\+1"/],
  [
    "a time without offset",
    null,
    { ooo: "away", start: "2026-12-24T10:00" },
    /ooo_start must be a date or an ISO 8601 instant with offset/,
  ],
  ["an end before the start", null, { ooo: "away", start: "2026-12-24", end: "2026-12-20" }, /ooo_end must come after ooo_start/],
  ["a target that is none", null, { forward: ["nobody"] }, /a target must be an address, is "nobody"/],
];
for (const [what, stored, options, expected] of rows) {
  test(`ruleRow() ${expected instanceof RegExp ? "refuses" : "sets"} ${what}`, () => {
    const row = ruleRow(stored, options);
    if (expected instanceof RegExp) expect(row.ok ? "" : row.error).toMatch(expected);
    else expect(row).toEqual({ ok: true, value: expected });
  });
}

const notes: readonly [string, Record<string, unknown>, readonly (string | RegExp)[]][] = [
  ["a reply that is sent now", away, []],
  ["an end that is over", { ...away, ooo_end: "2026-01-04" }, [/^the auto-reply ended at 2026-01-05 00:00:00 UTC: set another --end/]],
  ["an end today, which counts", { ...away, ooo_end: "2026-01-05" }, []],
  [
    "a start to come",
    { ...away, ooo_start: "2026-02-01", ooo_timezone: "Europe/Berlin" },
    ["the auto-reply starts at 2026-01-31 23:00:00 UTC"],
  ],
  ["a subject without a text", { ooo_subject: "Away" }, ["no auto-reply is sent, because no --ooo text is set"]],
  ["a forward to itself", { forwards: ["Alice@Example.com", "b@x.test"] }, ["the forward to alice@example.com itself is skipped"]],
  ["forwards alone", { forwards: ["b@x.test"] }, []],
];
for (const [what, row, expected] of notes) {
  test(`ruleNotes() notes ${what}: ${expected.length === 0 ? "nothing" : expected[0]}`, () => {
    const said = ruleNotes("alice@example.com", row, now);
    expect(said.length).toBe(expected.length);
    for (const [index, text] of expected.entries()) expect(said[index] ?? "").toMatch(text);
  });
}

test("patternRow() refuses a pattern that matches no sender, and patternNotes() reports one that blocks everybody", () => {
  expect(patternRow(["spam.test"])).toMatchObject({ ok: false, error: expect.stringContaining('rite "*@spam.test"') });
  expect(patternRow(["*"])).toEqual({ ok: true, value: { blocked_patterns: ["*"] } });
  expect(patternNotes({ blocked_patterns: ["*"] })).toEqual([expect.stringContaining("blocks all mail")]);
  expect(patternNotes({ blocked_patterns: ["*@spam.test"] })).toEqual([]);
});

test("tableKey() makes the key that the worker looks up", () => {
  expect(tableKey("Alice@Example.COM")).toEqual({ ok: true, value: "alice@example.com" as never });
  expect(tableKey("*@Example.com")).toEqual({ ok: true, value: "*@example.com" });
  for (const text of ["alice", "*@", "@example.com"]) expect(tableKey(text).ok).toBe(false);
});

const spam = { blocked_patterns: ["*@spam.test", "Bob@junk.test"], note: "kept" };
for (const [what, stored, patterns, expected] of [
  ["a new pattern behind the others", spam, ["x@y.test"], { ...spam, blocked_patterns: [...spam.blocked_patterns, "x@y.test"] }],
  ["one that is there in another case once", spam, ["*@SPAM.test"], spam],
  ["one that is named twice once", null, ["a@x.test", "A@x.test"], { blocked_patterns: ["a@x.test"] }],
  ["the first of a row without patterns", {}, ["a@x.test"], { blocked_patterns: ["a@x.test"] }],
  [
    "texts only, where a row has something else",
    { blocked_patterns: [1, "b@x.test"] },
    ["a@x.test"],
    { blocked_patterns: ["b@x.test", "a@x.test"] },
  ],
] as const) {
  test(`addedPatterns() keeps ${what}`, () => {
    expect(addedPatterns(stored, patterns)).toEqual({ ok: true, value: expected as Record<string, unknown> });
  });
}

test("addedPatterns() refuses what can match nobody, and keeps the row", () => {
  expect(addedPatterns(spam, ["@spam.test"]).ok).toBe(false);
});

test("withoutPatterns() takes patterns out in any case, removes an empty row, and names what is not there", () => {
  expect(withoutPatterns("a@example.com", spam, ["bob@JUNK.test"])).toEqual({
    ok: true,
    value: { ...spam, blocked_patterns: ["*@spam.test"] },
  });
  expect(withoutPatterns("a@example.com", spam, ["*@spam.test", "bob@junk.test"])).toEqual({ ok: true, value: null });
  expect(withoutPatterns("a@example.com", spam, ["*@spam.test", "none@x.test"])).toEqual({
    ok: false,
    error: 'Cannot remove "none@x.test": not in the row a@example.com; sesame block show a@example.com lists its patterns',
  });
  expect(withoutPatterns("a@example.com", null, ["x@x.test"]).ok).toBe(false);
});

test("patternNotes() says which patterns a new row replaces", () => {
  expect(patternNotes({ blocked_patterns: ["*@SPAM.test"] }, spam)).toEqual(["no longer blocked: Bob@junk.test"]);
  expect(patternNotes({ blocked_patterns: ["*@spam.test"] }, null)).toEqual([]);
});
