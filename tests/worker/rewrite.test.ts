// `sesame rules lint --fix`: rows in today's spelling. What is rewritten, what is left, and that nothing is written without --yes.

import { describe, expect, test } from "bun:test";
import { Writable } from "node:stream";
import { decodeRuleRow, type EpochMs } from "@sesame/core";
import fc from "fast-check";
import { type LintOptions, lintRules } from "../../apps/worker/commands/rules-lint.ts";
import { applyRewrites, rewriteLines, rewritesOf } from "../../apps/worker/lint/rewrite.ts";
import { listTables } from "../../apps/worker/rule-tables.ts";
import { MemoryRuleBook } from "../fakes/memory-rule-book.ts";

const away = { ooo_active: true, ooo_message: "away" };
const alice = "alice@example.com";
type Rows = Readonly<Record<string, unknown>>;

function bookOf(rules: Rows, blocked: Rows = {}): MemoryRuleBook {
  return new MemoryRuleBook({ rules: new Map(Object.entries(rules)), blocked: new Map(Object.entries(blocked)) });
}
const rowsOf = async (book: MemoryRuleBook) => {
  const { tables } = await listTables(book);
  return {
    rules: Object.fromEntries(tables.rules.map(({ key, row }) => [key, row])),
    blocked: Object.fromEntries(tables.blocked.map(({ key, row }) => [key, row])),
  };
};

const rewritten: readonly (readonly [
  why: string,
  before: readonly [Rows, Rows?],
  after: readonly [Rows, Rows?],
  lines: readonly string[],
])[] = [
  [
    "each older spelling, and nothing else of the row",
    [{ [alice]: { ...away, ooo_active: 1, ooo_content_type: "text/html", forwards: "b@x.test", note: "kept" } }],
    [{ [alice]: { ...away, ooo_content_type: "html", forwards: ["b@x.test"], note: "kept" } }],
    [
      `rules ${alice} ooo_active: 1 → true`,
      `rules ${alice} ooo_content_type: "text/html" → "html"`,
      `rules ${alice} forwards: "b@x.test" → ["b@x.test"]`,
    ],
  ],
  [
    "one pattern",
    [{}, { [alice]: { blocked_patterns: "*@spam.test", note: 1 } }],
    [{}, { [alice]: { blocked_patterns: ["*@spam.test"], note: 1 } }],
    [`blocked ${alice} blocked_patterns: "*@spam.test" → ["*@spam.test"]`],
  ],
  ["a key", [{ "Alice@Example.com": away }], [{ [alice]: away }], [`rules Alice@Example.com: the key is written as ${alice}`]],
  [
    "a key and its row",
    [{ "*@Example.com": { ...away, ooo_active: "true" } }],
    [{ "*@example.com": away }],
    ['rules *@Example.com ooo_active: "true" → true', "rules *@Example.com: the key is written as *@example.com"],
  ],
  [
    "a row that is there twice and equal",
    [{ "Alice@example.com": { ...away, ooo_active: "true" }, [alice]: away }],
    [{ [alice]: away }],
    ['rules Alice@example.com ooo_active: "true" → true', `rules Alice@example.com: removed, because the row ${alice} is equal`],
  ],
  [
    "a row, but not its key where another row is there",
    [{ "Alice@example.com": { ...away, ooo_active: "true" }, [alice]: { forwards: [] } }],
    [{ "Alice@example.com": away, [alice]: { forwards: [] } }],
    ['rules Alice@example.com ooo_active: "true" → true'],
  ],
  [
    "the first of two keys of one address",
    [{ "ALICE@example.com": away, "Alice@example.com": { forwards: [] } }],
    [{ [alice]: away, "Alice@example.com": { forwards: [] } }],
    [`rules ALICE@example.com: the key is written as ${alice}`],
  ],
];
describe("applyRewrites() writes", () => {
  for (const [why, before, after, lines] of rewritten) {
    test(why, async () => {
      const book = bookOf(...before);
      const rewrites = rewritesOf((await listTables(book)).tables);
      expect(rewrites.flatMap(rewriteLines)).toEqual([...lines]);
      expect(await applyRewrites(book, rewrites)).toEqual([]);
      const [rules, blocked = {}] = after;
      expect(await rowsOf(book)).toEqual({ rules, blocked } as never);
    });
  }
});

const kept: readonly (readonly [why: string, rules: Rows, blocked?: Rows])[] = [
  ["rows of today", { [alice]: { ...away, forwards: ["b@x.test"] } }, { [alice]: { blocked_patterns: ["*@spam.test"] } }],
  [
    "what nobody can read",
    { [alice]: { ...away, ooo_active: "yes", ooo_content_type: "markdown", forwards: 7 }, "no address": away },
    { [alice]: { blocked_patterns: 7 } },
  ],
  ["a row that is no map", { "Alice@example.com": "{broken" }],
];
describe("rewritesOf() leaves", () => {
  for (const [why, rules, blocked] of kept) {
    test(why, async () => expect(rewritesOf((await listTables(bookOf(rules, blocked))).tables)).toEqual([]));
  }
});

test("applyRewrites() leaves a row that was changed, removed or made in the meantime", async () => {
  const book = bookOf({ [alice]: { ...away, ooo_active: "true" }, "b@example.com": { forwards: "x@x.test" }, "C@example.com": away });
  const rewrites = rewritesOf((await listTables(book)).tables);
  await book.set("rules", alice, { ...away, ooo_active: "true", ooo_message: "changed" });
  await book.remove("rules", "b@example.com");
  await book.set("rules", "c@example.com", { forwards: [] });
  const before = await rowsOf(book);
  expect(await applyRewrites(book, rewrites)).toEqual(rewrites);
  expect(await rowsOf(book)).toEqual(before);
});

test("applyRewrites() makes rows that are read strictly as the older spellings were, loses none, and has nothing to do twice", async () => {
  const value = fc.constantFrom<unknown>("true", 1, true, false, "text/html", "text", "a@x.test", "", ["a@x.test"], null, 7);
  const row = fc
    .dictionary(fc.constantFrom("ooo_active", "ooo_content_type", "forwards", "note"), value)
    .map((each) => ({ ooo_message: "x", ...each }));
  const key = fc.constantFrom("a@x.test", "A@x.test", "A@X.test", "*@x.test", "*@X.test", "b@x.test.", "none");
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, row), async (rules) => {
      const book = bookOf(rules);
      const rewrites = rewritesOf((await listTables(book)).tables);
      expect(await applyRewrites(book, rewrites)).toEqual([]);
      const after = Object.values((await rowsOf(book)).rules);
      for (const before of Object.values(rules)) {
        const meant = JSON.stringify(decodeRuleRow(before, "legacy"));
        expect(after.map((each) => JSON.stringify(decodeRuleRow(each)))).toContain(meant);
      }
      expect(rewritesOf((await listTables(book)).tables)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

async function lint(book: MemoryRuleBook, options: LintOptions, env: Readonly<Record<string, string>> = {}) {
  const texts = { out: "", problems: "" };
  const into = (name: "out" | "problems") =>
    new Writable({
      write: (chunk, _, done) => {
        texts[name] += String(chunk);
        done();
      },
    });
  const now = Date.parse("2026-01-05T12:00:00Z") as EpochMs;
  const code = await lintRules(book, options, { env, now, out: into("out"), problems: into("problems") });
  return { code, ...texts };
}

const broken = () => bookOf({ [alice]: { ...away, ooo_active: "true" } });
const past = () => bookOf({ [alice]: { ...away, ooo_end: "2020-01-01" } });
const codes: readonly (readonly [
  what: string,
  book: () => MemoryRuleBook,
  options: LintOptions,
  env: Record<string, string>,
  code: number,
])[] = [
  ["rows that are well", () => bookOf({ [alice]: away }), {}, {}, 0],
  ["an empty table", () => bookOf({}), { strict: true }, {}, 0],
  ["an error", broken, {}, {}, 2],
  ["an older spelling that the worker reads", broken, { strict: true }, { RULE_SPELLINGS: "legacy" }, 0],
  ["a warning", past, {}, {}, 0],
  ["a warning with --strict", past, { strict: true }, {}, 1],
  ["a rewrite that is not done", broken, { fix: true }, {}, 2],
  ["a rewrite that is done", broken, { fix: true, yes: true }, {}, 0],
  ["a note with --strict", () => bookOf({ "a@other.test": away }), { strict: true }, {}, 0],
  ["a setting that is wrong", broken, {}, { RULE_SPELLINGS: "old" }, 2],
];
for (const [what, book, options, env, code] of codes) {
  test(`lintRules() gives ${code} for ${what}`, async () => expect((await lint(book(), options, env)).code).toBe(code));
}

test("lintRules() writes nothing without --yes, and says what a rewrite switches on", async () => {
  const book = broken();
  const { out } = await lint(book, { fix: true });
  expect(out).toContain(`rules ${alice} ooo_active: "true" → true`);
  expect(out).toContain(`This switches on:\n  the auto-reply of ${alice}\n`);
  expect(out).toContain("Nothing was changed. To write these rows: sesame rules lint --fix --yes");
  expect(await rowsOf(book)).toEqual(await rowsOf(broken()));
  expect((await lint(book, { yes: true })).out).toContain("1 error"); // --yes alone is no order to write
  expect(await rowsOf(book)).toEqual(await rowsOf(broken()));
});

test("lintRules() prints one JSON document with --json, for findings and for rewrites", async () => {
  const { out } = await lint(broken(), { json: true });
  expect(JSON.parse(out)).toMatchObject({
    rows: 1,
    findings: [{ kind: "old-spelling", table: "rules", key: alice, field: "ooo_active" }],
    legacy: [{ key: alice }],
  });
  const fixed = JSON.parse((await lint(broken(), { json: true, fix: true, yes: true })).out);
  expect(fixed).toMatchObject({
    written: true,
    left: [],
    changes: [{ table: "rules", changes: [{ field: "ooo_active", from: "true", to: true }] }],
  });
});

test("lintRules() says when it does not know the served domains, and serves example.com as sesame local does", async () => {
  const book = bookOf({ "a@other.test": away });
  expect(await lint(book, { aws: true })).toMatchObject({
    problems: expect.stringContaining("DOMAINS is not set"),
    out: expect.stringContaining("0 notes"),
  });
  expect((await lint(book, { aws: true }, { DOMAINS: "example.com" })).out).toContain("1 note");
  expect((await lint(book, {})).out).toContain("1 note");
});

test("lintRules() takes a table that does not exist for an empty one, and says so", async () => {
  const book = bookOf({ [alice]: away });
  const missing = Object.assign(new Error("Requested resource not found"), { name: "ResourceNotFoundException" });
  const list = book.list.bind(book);
  book.list = async (table) => (table === "blocked" ? Promise.reject(missing) : list(table));
  expect(await lint(book, {})).toMatchObject({ code: 0, problems: "Note: the table of blocklists does not exist\n" });
});
