// `sesame rules export` and `import`: the file, its errors by place, the difference, and that nothing is written when anything is wrong.
// A round trip on each rule book gives the same rows.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { DynamoRuleBook } from "@sesame/aws-adapters";
import type { RuleBook } from "@sesame/core/journey";
import fc from "fast-check";
import { exportRules, type ImportOptions, importRules } from "../../apps/worker/commands/rules-file.ts";
import { SqliteRuleBook } from "../../apps/worker/local/sqlite-rule-book.ts";
import { itemOctets } from "../../apps/worker/rule-file/item-octets.ts";
import { readRuleFile } from "../../apps/worker/rule-file/rule-file.ts";
import { type Dynalite, ManualAwsClock, startDynalite } from "../aws-adapters/dynalite.ts";
import { MemoryRuleBook } from "../fakes/memory-rule-book.ts";
import { makeDatabase } from "../local/data-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "sesame-rule-file-"));
let dynamo: Dynalite;
beforeAll(async () => {
  dynamo = await startDynalite();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await dynamo.close();
});

type Rows = Readonly<Record<string, unknown>>;
const away = { ooo_active: true, ooo_message: "away" };
const alice = "alice@example.com";

function bookOf(rules: Rows = {}, blocked: Rows = {}): MemoryRuleBook {
  return new MemoryRuleBook({ rules: new Map(Object.entries(rules)), blocked: new Map(Object.entries(blocked)) });
}

async function rowsOf(book: RuleBook) {
  const [rules, blocked] = await Promise.all([book.list("rules"), book.list("blocked")]);
  return { rules, blocked };
}

function streams() {
  const texts = { out: "", problems: "" };
  const into = (name: "out" | "problems") =>
    new Writable({
      write: (chunk, _, done) => {
        texts[name] += String(chunk);
        done();
      },
    });
  return { texts, out: into("out"), problems: into("problems") };
}

async function exported(book: RuleBook) {
  const { texts, ...into } = streams();
  return { code: await exportRules(book, into), ...texts };
}

async function imported(book: RuleBook, file: string | Uint8Array | object, options: ImportOptions = {}) {
  const path = join(folder, "rules.json");
  writeFileSync(path, typeof file === "string" || file instanceof Uint8Array ? file : JSON.stringify(file, null, 2));
  const { texts, ...into } = streams();
  const code = await importRules(book, path, options, into);
  return { code, out: texts.out, problems: texts.problems.replaceAll(path, "rules.json") };
}

describe("importRules() writes nothing, and names the place of", () => {
  const row = (value: unknown) => ({ rules: { [alice]: value } });
  const bad: readonly (readonly [why: string, file: object | string, errors: readonly (string | RegExp)[]])[] = [
    ["JSON that is none", '{\n "rules": {,}\n}', [/^rules\.json:2:12: Cannot read JSON: must be a text in quotes, is ",}/]],
    ["a list", "[]", [/^rules\.json:1:1: must be a map with rules and blocked/]],
    ["neither table", "{}", [/^rules\.json:1:1: must have rules or blocked, or both$/]],
    ["another format", { format: "x", rules: {} }, [/^rules\.json:2:13: format: must be "sesame-rules-1", is "x"$/]],
    ["a name that is not known", { block: {}, rules: {} }, [/^rules\.json:2:12: block: must be format, rules or blocked$/]],
    ["a table that is no map", { rules: [] }, [/^rules\.json:2:12: rules: must be a map from keys to rows, is \[\]$/]],
    [
      "a key with upper-case letters",
      { rules: { "Alice@example.com": away } },
      [/^rules\.json:3:26: rules\["Alice@example\.com"\]: its key must be "alice@example\.com"/],
    ],
    [
      "a key that is none",
      { blocked: { "example.com": { blocked_patterns: [] } } },
      [/blocked\["example\.com"\]: its key must be an address or \*@domain/],
    ],
    ["a row that is no map", row("x"), [/rules\["alice@example\.com"\]: Cannot read a row of rules: must be a map/]],
    [
      "an older spelling, with that of today",
      row({ ...away, ooo_active: "true" }),
      [/\.ooo_active: .*must be true or false, is "true"\. Write true$/],
    ],
    [
      "each target that is none",
      row({ forwards: ["a@x.test", "b", 7] }),
      [/^rules\.json:6:9: .*\.forwards\[1\]: .*is "b"$/, /^rules\.json:7:9: .*\.forwards\[2\]: .*is 7$/],
    ],
    [
      "too many targets",
      row({ forwards: Array.from({ length: 51 }, (_, n) => `a${n}@x.test`) }),
      [/\.forwards: Cannot forward to all targets: at most 50/],
    ],
    [
      "patterns that are no list",
      { blocked: { [alice]: { blocked_patterns: "x" } } },
      [/blocked\["alice@example\.com"\]\.blocked_patterns: .*must be a list or set/],
    ],
    ["no patterns", { blocked: { [alice]: {} } }, [/\.blocked_patterns: .*is undefined/]],
    ["a list in place of a row", { blocked: { [alice]: ["*@x.test"] } }, [/must be a map with blocked_patterns, is \["\*@x\.test"\]/]],
    [
      "a pattern that is none",
      { blocked: { [alice]: { blocked_patterns: ["*@x.test", 7] } } },
      [/^rules\.json:6:9: .*blocked_patterns\[1\]: .*must be a text, is 7$/],
    ],
    [
      "each of many errors",
      {
        rules: { [alice]: { ...away, ooo_end: "soon", ooo_timezone: 1 }, "B@example.com": away },
        blocked: { [alice]: { blocked_patterns: [null] } },
      },
      [/ooo_timezone: /, /B@example\.com/, /blocked_patterns\[0\]: .*is null/],
    ],
  ];
  for (const [why, file, errors] of bad) {
    test(why, async () => {
      const book = bookOf({ "old@example.com": away });
      const good = { "good@example.com": away };
      const whole =
        typeof file === "object" && "rules" in file && !Array.isArray(file.rules)
          ? { ...file, rules: { ...(file.rules as object), ...good } }
          : file;
      const { code, out, problems } = await imported(book, whole, { yes: true, replace: true });
      const lines = problems.trimEnd().split("\n");
      expect(code).toBe(2);
      expect(out).toBe("");
      for (const [index, error] of errors.entries()) expect(lines[index] ?? "").toMatch(error);
      expect(lines.length).toBe(errors.length + 1);
      expect(lines.at(-1)).toBe(`Nothing was changed: ${errors.length} ${errors.length === 1 ? "error" : "errors"} in rules.json`);
      expect((await rowsOf(book)).rules.map(({ key }) => key)).toEqual(["old@example.com"]);
    });
  }
});

test("importRules() refuses a file that is missing or not UTF-8", async () => {
  const { texts, ...into } = streams();
  expect(await importRules(bookOf(), join(folder, "none.json"), {}, into)).toBe(2);
  expect(texts.problems).toMatch(/^Cannot read the rules file .*: ENOENT\n$/);
  expect(await imported(bookOf(), new Uint8Array([0x7b, 0xff, 0x7d]))).toMatchObject({
    code: 2,
    problems: expect.stringContaining("must be UTF-8"),
  });
});

test("importRules() refuses a row that DynamoDB would not take, before it writes another", async () => {
  const big = { blocked_patterns: Array.from({ length: 20_000 }, (_, n) => `*@spam-number-${n}.test`) };
  const file = { rules: { [alice]: away }, blocked: { [alice]: big } };
  const book = bookOf();
  expect(await imported(book, file, { yes: true, aws: true })).toMatchObject({
    code: 2,
    problems: expect.stringMatching(/at most 409600 octets, is about \d+/),
  });
  expect(await rowsOf(book)).toEqual({ rules: [], blocked: [] });
  expect((await imported(book, file, { yes: true })).code).toBe(0); // SQLite has no such limit
});

test("itemOctets() counts as DynamoDB does", () => {
  expect(itemOctets("a@x", {})).toBe(16);
  expect(itemOctets("a@x", { ooo_active: true, note: "ü" })).toBe(16 + 10 + 1 + 4 + 2);
  expect(itemOctets("a@x", { l: ["ab", null], m: { n: 1 } })).toBe(16 + 1 + 3 + 3 + 2 + 1 + 3 + 1 + 1 + 21);
});

test("importRules() shows the difference and writes nothing without --yes", async () => {
  const stored = [
    { [alice]: { ...away, ooo_end: "2026-02-01" }, "gone@example.com": away, "same@example.com": away },
    { [alice]: { blocked_patterns: new Set(["a@x.test", "b@x.test"]) } },
  ] as const;
  const file = {
    rules: { [alice]: { ...away, ooo_message: "gone", forwards: ["me@private.test"] }, "new@example.com": away, "same@example.com": away },
    blocked: { [alice]: { blocked_patterns: ["b@x.test", "c@x.test"] } },
  };
  const book = bookOf(...stored);
  const { code, out } = await imported(book, file, { replace: true });
  expect(code).toBe(0);
  expect(out.split("\n")).toEqual([
    "~ rules alice@example.com",
    '    forwards: ["me@private.test"]',
    '    ooo_end: "2026-02-01" → removed',
    '    ooo_message: "away" → "gone"',
    "+ rules new@example.com",
    "    ooo_active: true",
    '    ooo_message: "away"',
    "- rules gone@example.com",
    "    ooo_active: true → removed",
    '    ooo_message: "away" → removed',
    "~ blocked alice@example.com",
    '    blocked_patterns: - "a@x.test"',
    '    blocked_patterns: + "c@x.test"',
    "1 new, 2 changed, 1 removed. Nothing was written. To write these rows, add --yes",
    "",
  ]);
  expect(await rowsOf(book)).toEqual(await rowsOf(bookOf(...stored)));
  const kept = await imported(book, file); // without --replace nothing is removed
  expect(kept.out).toContain("1 new, 2 changed, 0 removed");
  expect(JSON.parse((await imported(book, file, { json: true })).out)).toMatchObject({
    written: false,
    errors: [],
    changes: [{ key: alice }, {}, {}],
  });
  expect((await imported(book, file, { yes: true, replace: true })).out).toContain(
    "1 new, 2 changed, 1 removed. They apply to the next mail",
  );
  expect(await rowsOf(book)).toEqual(await rowsOf(bookOf(file.rules, file.blocked)));
  expect((await imported(book, file, { yes: true, replace: true })).out).toBe("Nothing to change: the tables have these rows already\n");
});

test("importRules() gives all errors as JSON", async () => {
  const { out, code } = await imported(bookOf(), { rules: { [alice]: { forwards: ["b"] } } }, { json: true });
  expect(code).toBe(2);
  expect(JSON.parse(out)).toEqual({
    written: false,
    errors: [
      { line: 5, column: 9, path: 'rules["alice@example.com"].forwards[0]', text: 'Cannot forward: a target must be an address, is "b"' },
    ],
    changes: [],
    left: [],
  });
});

test("importRules() leaves a row that was changed in the meantime, and says so", async () => {
  const book = bookOf({ [alice]: away });
  const list = book.list.bind(book);
  book.list = async (table) => {
    const rows = await list(table);
    await book.set("rules", alice, { forwards: ["other@example.com"] });
    return rows;
  };
  const { code, problems } = await imported(book, { rules: { [alice]: { forwards: [] }, "b@example.com": away } }, { yes: true });
  expect([code, problems]).toEqual([
    1,
    "Cannot write rules alice@example.com: the row was changed in the meantime. Run the command again\n",
  ]);
  expect(await book.show("rules", alice)).toEqual({ forwards: ["other@example.com"] });
  expect(await book.show("rules", "b@example.com")).toEqual(away);
});

test("exportRules() writes keys and attributes in order, sets as lists, and says what an import will refuse", async () => {
  const book = bookOf(
    { "b@example.com": away, "A@example.com": { ooo_active: "true" } },
    { [alice]: { blocked_patterns: new Set(["*@x.test"]) } },
  );
  const { code, out, problems } = await exported(book);
  expect(code).toBe(0);
  expect(Object.keys(JSON.parse(out))).toEqual(["format", "rules", "blocked"]);
  expect(out.indexOf("A@example.com")).toBeLessThan(out.indexOf("b@example.com"));
  expect(JSON.parse(out).blocked).toEqual({ [alice]: { blocked_patterns: ["*@x.test"] } });
  expect(problems).toMatch(/^Note: an import will refuse this file as it is, for 3 values\. sesame rules lint says how/);
});

test("exportRules() refuses a value that JSON does not have, and names its place", async () => {
  const book = bookOf({ [alice]: { ...away, note: { list: [1, new Uint8Array([1])] }, size: Number.NaN } });
  expect(await exported(book)).toEqual({
    code: 2,
    out: "",
    problems: [".note.list[1]", ".size"]
      .map(
        (place) => `Cannot export rules["alice@example.com"]${place}: must be a value that JSON has. Remove this attribute from the row\n`,
      )
      .join(""),
  });
});

const key = fc.oneof(
  fc.tuple(fc.stringMatching(/^[a-z0-9][a-z0-9.+_-]{0,8}$/), fc.domain()).map(([local, domain]) => `${local}@${domain}`),
  fc.domain().map((domain) => `*@${domain}`),
);
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const other = fc.oneof(
  text,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), text),
);
const row = fc.record(
  {
    ooo_active: fc.boolean(),
    ooo_message: text.map((each) => `x${each}`),
    ooo_content_type: fc.constantFrom("text", "html"),
    ooo_subject: text,
    ooo_start: fc.constantFrom("2026-01-01", "2026-01-01T08:00+01:00", ""),
    ooo_end: fc.constantFrom("2026-12-24", "2026-12-24T08:00Z"),
    ooo_timezone: fc.constantFrom("Europe/Berlin", "UTC", ""),
    forwards: fc.array(fc.constantFrom("a@x.test", "B@y.test", "c@xn--bcher-kva.example"), { maxLength: 4 }),
    note: other,
    aliases: other,
  },
  { requiredKeys: ["ooo_message"] },
);
const patterns = fc.record({ blocked_patterns: fc.array(text, { maxLength: 5 }), note: other }, { requiredKeys: ["blocked_patterns"] });
const domainKeys = (rows: Rows) =>
  Object.fromEntries(Object.entries(rows).filter(([each]) => readRuleFile(JSON.stringify({ rules: { [each]: {} } })).ok));
const tables = fc.record({
  rules: fc.dictionary(key, row, { maxKeys: 5 }).map(domainKeys),
  blocked: fc.dictionary(key, patterns, { maxKeys: 5 }).map(domainKeys),
});

const books: readonly (readonly [name: string, runs: number, open: () => Promise<Readonly<{ book: RuleBook; close(): Promise<void> }>>])[] =
  [
    ["MemoryRuleBook", 300, async () => ({ book: bookOf(), close: async () => {} })],
    [
      "SqliteRuleBook",
      30,
      async () => {
        const { database, close } = await makeDatabase();
        return { book: new SqliteRuleBook({ database }), close };
      },
    ],
    [
      "DynamoRuleBook",
      30,
      async () => {
        const book = new DynamoRuleBook({ client: dynamo.client, clock: new ManualAwsClock() });
        const close = async () => {
          for (const table of ["rules", "blocked"] as const)
            for (const { key: each } of await book.list(table)) await book.remove(table, each);
        };
        return { book, close };
      },
    ],
  ];
for (const [name, numRuns, open] of books) {
  test(`a round trip through a file gives the same rows on a ${name}`, async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(tables, tables, async (some, others) => {
        const { book, close } = await open();
        try {
          expect((await imported(book, some, { yes: true, replace: true, aws: true })).code).toBe(0);
          const file = await exported(book);
          expect(file).toMatchObject({ code: 0, problems: "" });
          expect(JSON.parse(file.out)).toEqual({ format: "sesame-rules-1", ...some });
          const rows = await rowsOf(book);
          count += rows.rules.length;
          // Whatever stands there in between, the file brings back the same rows and no other.
          await imported(book, others, { yes: true });
          expect((await imported(book, file.out, { yes: true, replace: true })).code).toBe(0);
          expect(await rowsOf(book)).toEqual(rows);
          expect((await exported(book)).out).toBe(file.out);
          expect((await imported(book, file.out, { replace: true })).out).toStartWith("Nothing to change");
        } finally {
          await close();
        }
      }),
      { numRuns },
    );
    expect(count).toBeGreaterThan(numRuns / 2); // the generator makes rows
  }, 120_000);
}
