// The lint of users' rows: for each kind of finding, rows that have it and rows that do not, with place, meaning and repair.

import { describe, expect, test } from "bun:test";
import type { Domain, EpochMs } from "@sesame/core";
import fc from "fast-check";
import { type LintContext, lintTables } from "../../apps/worker/lint/lint-tables.ts";
import { reportText } from "../../apps/worker/lint/report-text.ts";
import type { RowFinding, RowFindingKind, StoredTables } from "../../apps/worker/lint/row-finding.ts";

const domains = ["example.com", "another.com"] as Domain[];
const context: LintContext = { domains, now: Date.parse("2026-01-05T12:00:00Z") as EpochMs, spellings: "strict" };
const away = { ooo_active: true, ooo_message: "away" };
const alice = "alice@example.com";

type Rows = Readonly<{ rules?: Readonly<Record<string, unknown>>; blocked?: Readonly<Record<string, unknown>> }>;

function tablesOf({ rules = {}, blocked = {} }: Rows): StoredTables {
  const rowsOf = (rows: Readonly<Record<string, unknown>>) => Object.entries(rows).map(([key, row]) => ({ key, row }));
  const patterns = Object.fromEntries(Object.entries(blocked).map(([key, list]) => [key, { blocked_patterns: list }]));
  return { rules: rowsOf(rules), blocked: rowsOf(patterns) };
}

function find(rows: Rows, more: Partial<LintContext> = {}): readonly RowFinding[] {
  return lintTables(tablesOf(rows), { ...context, ...more }).findings;
}

type Bad = readonly [why: string, rows: Rows, place: string, text: RegExp, mend: RegExp];
type Good = readonly [why: string, rows: Rows];
const kinds: Readonly<Record<RowFindingKind, Readonly<{ level: string; bad: readonly Bad[]; good: readonly Good[] }>>> = {
  unreadable: {
    level: "error",
    bad: [
      [
        "a word",
        { rules: { [alice]: { ...away, ooo_active: "yes" } } },
        "rules alice@example.com ooo_active",
        /must be true or false, is "yes"; the auto-reply is off/,
        /sesame rules set alice@example\.com --ooo with the text, or --off/,
      ],
      ["no text", { rules: { [alice]: { ooo_active: true } } }, "rules alice@example.com ooo_message", /must be a text/, /--ooo/],
      [
        "a type",
        { rules: { [alice]: { ...away, ooo_content_type: "HTML" } } },
        "rules alice@example.com ooo_content_type",
        /must be "text" or "html"/,
        /--html/,
      ],
      [
        "a day",
        { rules: { [alice]: { ...away, ooo_end: "soon" } } },
        "rules alice@example.com ooo_end",
        /must be a date.*, is "soon"/,
        /--end with a day/,
      ],
      ["a zone", { rules: { [alice]: { ...away, ooo_timezone: "CEST+1" } } }, "rules alice@example.com ooo_timezone", /IANA/, /--timezone/],
      [
        "a target",
        { rules: { [alice]: { forwards: ["nobody"] } } },
        "rules alice@example.com forwards",
        /must be an address, is "nobody"; this is not forwarded to/,
        /--forward/,
      ],
      [
        "a row",
        { rules: { [alice]: "x" } },
        "rules alice@example.com ",
        /must be a map.*the row is not used/,
        /sesame rules remove alice@example\.com/,
      ],
      [
        "no patterns",
        { blocked: { [alice]: undefined } },
        "blocked alice@example.com blocked_patterns",
        /must be a list or set of texts.*nobody is blocked/,
        /sesame block set/,
      ],
      [
        "a number",
        { blocked: { [alice]: ["*@spam.test", 7] } },
        "blocked alice@example.com blocked_patterns[1]",
        /must be a text, is 7/,
        /with a text in its place/,
      ],
      [
        "a long one",
        { blocked: { [alice]: ["x".repeat(2000)] } },
        "blocked alice@example.com blocked_patterns[0]",
        /at most \d+ characters/,
        /sesame block set/,
      ],
    ],
    good: [
      [
        "rows that are read",
        {
          rules: { [alice]: { ...away, ooo_end: "2026-02-01", forwards: ["bob@example.com"] } },
          blocked: { [alice]: new Set(["*@spam.test"]) },
        },
      ],
      ["what is off", { rules: { [alice]: { ooo_active: false, ooo_message: "" } } }],
      ["what Sesame does not know", { rules: { [alice]: { ...away, note: 7 } } }],
    ],
  },
  "old-spelling": {
    level: "error",
    bad: [
      [
        "a text",
        { rules: { [alice]: { ...away, ooo_active: "true" } } },
        "rules alice@example.com ooo_active",
        /^is "true" \(text\), which an older worker read as true\. Sesame does not read it: the auto-reply is off\. RULE_SPELLINGS=legacy would switch it on$/,
        /sesame rules lint --fix/,
      ],
      [
        "1",
        { rules: { [alice]: { ...away, ooo_active: 1 } } },
        "rules alice@example.com ooo_active",
        /^is 1, which an older worker read as true/,
        /--fix/,
      ],
      [
        "a media type",
        { rules: { [alice]: { ...away, ooo_content_type: "text/html" } } },
        "rules alice@example.com ooo_content_type",
        /read as "html".*the auto-reply is off/,
        /--fix/,
      ],
      [
        "plain text",
        { rules: { [alice]: { ...away, ooo_content_type: "text/plain" } } },
        "rules alice@example.com ooo_content_type",
        /read as "text"/,
        /--fix/,
      ],
      [
        "one target",
        { rules: { [alice]: { forwards: "bob@example.com" } } },
        "rules alice@example.com forwards",
        /read as \["bob@example\.com"\].*nothing is forwarded/,
        /--fix/,
      ],
      [
        "one pattern",
        { blocked: { [alice]: "*@spam.test" } },
        "blocked alice@example.com blocked_patterns",
        /read as \["\*@spam\.test"\].*nobody is blocked/,
        /--fix/,
      ],
    ],
    good: [
      ["today's spelling", { rules: { [alice]: { ...away, ooo_content_type: "html", forwards: [] } }, blocked: { [alice]: [] } }],
      ["a word that no worker read", { rules: { [alice]: { ...away, ooo_active: "yes" } } }],
    ],
  },
  "key-upper-case": {
    level: "error",
    bad: [
      [
        "a name",
        { rules: { "Alice@example.com": away } },
        "rules Alice@example.com ",
        /upper-case letters.*never used/,
        /write the key as alice@example\.com \(sesame rules lint --fix\)/,
      ],
      ["a domain", { blocked: { "*@Example.com": ["*@spam.test"] } }, "blocked *@Example.com ", /upper-case/, /\*@example\.com/],
      [
        "one that is there twice",
        { rules: { "Alice@example.com": away, [alice]: away } },
        "rules Alice@example.com ",
        /upper-case/,
        /there is also a row alice@example\.com: put both into that one/,
      ],
    ],
    good: [["lower case", { rules: { [alice]: away, "*@example.com": away, "alice+tag@example.com": away } }]],
  },
  "key-spelling": {
    level: "error",
    bad: [
      [
        "a dot at its end",
        { rules: { "alice@example.com.": away } },
        "rules alice@example.com. ",
        /looked up as "alice@example\.com"/,
        /write the key as/,
      ],
      ["brackets", { rules: { "<alice@example.com>": away } }, "rules <alice@example.com> ", /looked up as/, /--fix/],
      [
        "letters outside of ASCII",
        { blocked: { "*@bücher.example": ["*@spam.test"] } },
        "blocked *@bücher.example ",
        /looked up as "\*@xn--bcher-kva\.example"/,
        /--fix/,
      ],
    ],
    good: [["A-labels", { rules: { "a@xn--bcher-kva.example": away } }]],
  },
  "key-unreadable": {
    level: "error",
    bad: [
      ["a domain", { rules: { "example.com": away } }, "rules example.com ", /neither an address nor \*@domain/, /under \*@example\.com/],
      ["half a catch-all", { blocked: { "@example.com": ["*@spam.test"] } }, "blocked @example.com ", /neither/, /under \*@example\.com/],
      [
        "a space",
        { rules: { "alice smith@example.com": away } },
        "rules alice smith@example.com ",
        /neither/,
        /under the address that it is for/,
      ],
    ],
    good: [["an address", { rules: { [alice]: away } }]],
  },
  "key-not-served": {
    level: "note",
    bad: [
      [
        "a foreign domain",
        { rules: { "a@other.test": away } },
        "rules a@other.test ",
        /other\.test is not in DOMAINS/,
        /add it to DOMAINS/,
      ],
    ],
    good: [["each served domain", { rules: { [alice]: away, "*@another.com": away } }]],
  },
  "window-past": {
    level: "warning",
    bad: [
      [
        "a day",
        { rules: { [alice]: { ...away, ooo_end: "2026-01-04" } } },
        "rules alice@example.com ooo_end",
        /ended at 2026-01-05 00:00:00 UTC/,
        /--end with a later day/,
      ],
      [
        "a time in an older spelling",
        { rules: { [alice]: { ...away, ooo_active: "true", ooo_end: "2026-01-05T12:00Z" } } },
        "rules alice@example.com ooo_end",
        /ended at/,
        /--off/,
      ],
    ],
    good: [
      ["today, which counts", { rules: { [alice]: { ...away, ooo_end: "2026-01-05" } } }],
      ["one that begins later", { rules: { [alice]: { ...away, ooo_start: "2026-03-01" } } }],
      ["a reply that is off anyway", { rules: { [alice]: { ...away, ooo_active: false, ooo_end: "2020-01-01" } } }],
    ],
  },
  cycle: {
    level: "warning",
    bad: [
      [
        "two",
        { rules: { [alice]: { forwards: ["bob@example.com"] }, "bob@example.com": { forwards: [alice] } } },
        "rules alice@example.com forwards",
        /go round: alice@example\.com → bob@example\.com → alice@example\.com\. No mail goes round/,
        /take one of these forwards out/,
      ],
      [
        "a catch-all",
        { rules: { "*@example.com": { forwards: ["bob@another.com"] }, "bob@another.com": { forwards: ["x@example.com"] } } },
        "rules *@example.com forwards",
        /\*@example\.com → bob@another\.com → \*@example\.com/,
        /take one/,
      ],
      [
        "a way through another domain",
        { rules: { [alice]: { forwards: ["x@other.test"] }, "x@other.test": { forwards: [alice] } } },
        "rules alice@example.com forwards",
        /comes back; Sesame knows it by its mark/,
        /take one/,
      ],
    ],
    good: [
      ["a chain", { rules: { [alice]: { forwards: ["bob@example.com"] }, "bob@example.com": { forwards: ["carol@example.com"] } } }],
      ["a catch-all with a mailbox of its own", { rules: { "*@example.com": { forwards: [alice] } } }],
      ["a row that is never found", { rules: { [alice]: { forwards: ["bob@example.com"] }, "Bob@example.com": { forwards: [alice] } } }],
    ],
  },
  "target-self": {
    level: "warning",
    bad: [
      [
        "itself",
        { rules: { [alice]: { forwards: ["Alice@Example.com"] } } },
        "rules alice@example.com forwards",
        /Alice@Example\.com is the mailbox itself/,
        /--no-forward/,
      ],
      [
        "its tag",
        { rules: { [alice]: { forwards: ["alice+x@example.com"] } } },
        "rules alice@example.com forwards",
        /itself: this forward is skipped/,
        /--no-forward/,
      ],
    ],
    good: [
      ["another", { rules: { [alice]: { forwards: ["alice@another.com"] } } }],
      ["a catch-all", { rules: { "*@example.com": { forwards: [alice] } } }],
    ],
  },
  "target-blocked": {
    level: "warning",
    bad: [
      [
        "on the way back",
        { rules: { [alice]: { forwards: ["me@private.test"] } }, blocked: { "*@example.com": ["*@private.test"] } },
        "rules alice@example.com forwards",
        /mail from there is blocked by "\*@private\.test" of the row \*@example\.com: answers from there do not arrive/,
        /take the pattern out/,
      ],
      [
        "there, and served",
        { rules: { [alice]: { forwards: ["bob@example.com"] } }, blocked: { "bob@example.com": [alice] } },
        "rules alice@example.com forwards",
        /bob@example\.com blocks alice@example\.com .*into the mailbox all the same/,
        /do not forward/,
      ],
      [
        "there, and elsewhere",
        { rules: { [alice]: { forwards: ["bob@other.test"] } }, blocked: { "bob@other.test": [alice] } },
        "rules alice@example.com forwards",
        /the forward is blocked when it arrives/,
        /do not forward/,
      ],
      [
        "of a catch-all",
        { rules: { "*@example.com": { forwards: ["me@private.test"] } }, blocked: { "*@example.com": ["*@private.test"] } },
        "rules *@example.com forwards",
        /answers from there do not arrive/,
        /take the pattern/,
      ],
    ],
    good: [
      [
        "another's row",
        {
          rules: { [alice]: { forwards: ["me@private.test"] } },
          blocked: { "carol@example.com": ["*@private.test"], "me@private.test": ["*@spam.test"] },
        },
      ],
    ],
  },
  "target-foreign": {
    level: "note",
    bad: [
      [
        "one outside",
        { rules: { [alice]: { forwards: ["me@private.test"] } } },
        "rules alice@example.com forwards",
        /leaves through Amazon SES/,
        /nothing, if this is meant/,
      ],
    ],
    good: [["one inside", { rules: { [alice]: { forwards: ["bob@another.com"] } } }]],
  },
  "target-unusable": {
    level: "warning",
    bad: [
      [
        "letters",
        { rules: { [alice]: { forwards: ["jörg@private.test"] } } },
        "rules alice@example.com forwards",
        /gets nothing \(address-unsupported\)/,
        /--no-forward/,
      ],
      [
        "a route",
        { rules: { [alice]: { forwards: ["x%other.test@example.com"] } } },
        "rules alice@example.com forwards",
        /gets nothing \(source-route\)/,
        /--no-forward/,
      ],
    ],
    good: [["an address", { rules: { [alice]: { forwards: ["bob@example.com"] } } }]],
  },
  "pattern-useless": {
    level: "warning",
    bad: [
      [
        "a domain",
        { blocked: { [alice]: ["*@spam.test", "spam.test"] } },
        "blocked alice@example.com blocked_patterns[1]",
        /matches no sender.*Write "\*@spam\.test"/,
        /with the right pattern in its place/,
      ],
      [
        "two in one",
        { blocked: { [alice]: ["a@x.test, b@x.test"] } },
        "blocked alice@example.com blocked_patterns[0]",
        /one address/,
        /sesame block set/,
      ],
    ],
    good: [["patterns", { blocked: { [alice]: ["*@spam.test", "x@y.test", "*news*@*"] } }]],
  },
  "pattern-broad": {
    level: "warning",
    bad: [
      [
        "everybody",
        { blocked: { [alice]: ["*"] } },
        "blocked alice@example.com blocked_patterns[0]",
        /blocks all mail/,
        /unless this is meant/,
      ],
    ],
    good: [["some", { blocked: { [alice]: ["*@*.test"] } }]],
  },
};

for (const [kind, { level, bad, good }] of Object.entries(kinds)) {
  describe(`lintTables() ${kind}`, () => {
    for (const [why, rows, place, text, mend] of bad) {
      test(`finds ${why}`, () => {
        const found = find(rows).filter((each) => each.kind === kind);
        expect(found.map(({ table, key, field }) => `${table} ${key} ${field ?? ""}`)).toEqual([place]);
        expect(found[0]?.level).toBe(level as never);
        expect(found[0]?.text).toMatch(text);
        expect(found[0]?.mend).toMatch(mend);
      });
    }
    for (const [why, rows] of good) {
      test(`does not find ${why}`, () => expect(find(rows).filter((each) => each.kind === kind)).toEqual([]));
    }
  });
}

test("lintTables() is silent about rows that are well", () => {
  const rules = { [alice]: { ...away, ooo_end: "2026-12-24", forwards: ["bob@example.com"] }, "*@example.com": { ooo_active: false } };
  expect(find({ rules, blocked: { "*@example.com": ["*@spam.test"] } })).toEqual([]);
});

test("lintTables() says nothing about other domains when it does not know the served ones", () => {
  expect(find({ rules: { "a@other.test": { forwards: ["me@private.test"] } } }, { domains: null })).toEqual([]);
});

test("lintTables() says what RULE_SPELLINGS=legacy switches on, and only that", () => {
  const rules = {
    [alice]: { ...away, ooo_active: "true", forwards: "me@private.test" },
    "bob@example.com": { ...away, ooo_active: "true", ooo_end: "soon" }, // off in any case
    "carol@example.com": { ...away, ooo_active: false, ooo_content_type: "text/html" },
    "dave@example.com": away,
  };
  const report = lintTables(tablesOf({ rules, blocked: { [alice]: "*@spam.test", "bob@example.com": ["*@spam.test"] } }), context);
  expect(report.legacy.map(({ text }) => text)).toEqual([
    "the auto-reply of alice@example.com",
    "the forward of alice@example.com to me@private.test",
    'the pattern "*@spam.test" of alice@example.com',
  ]);
  expect(report.findings.find(({ key }) => key === "carol@example.com")).toMatchObject({ level: "note", kind: "old-spelling" });
  const lines = reportText(report, "strict");
  expect(lines).toContain("RULE_SPELLINGS=legacy would switch on:");
  expect(lines.at(-1)).toBe("5 errors, 0 warnings, 2 notes in 6 rows");
});

test("lintTables() calls an older spelling a note when the worker reads it", () => {
  const found = find({ rules: { [alice]: { ...away, ooo_active: "true" } } }, { spellings: "legacy" });
  expect(found).toMatchObject([{ level: "note", kind: "old-spelling", text: expect.stringContaining("RULE_SPELLINGS is legacy") }]);
});

test("lintTables() names each of two separate cycles once, and a long chain none", () => {
  const forward = (to: string) => ({ forwards: [to] });
  const rules: Record<string, unknown> = {};
  for (let n = 0; n < 20_000; n++) rules[`c${n}@example.com`] = forward(`c${n + 1}@example.com`);
  for (const [from, to] of ["ab", "bc", "ca", "cb", "xy", "yx"]) rules[`${from}@another.com`] = forward(`${to}@another.com`);
  rules["c@another.com"] = { forwards: ["a@another.com", "b@another.com"] };
  const cycles = find({ rules }).filter(({ kind }) => kind === "cycle");
  expect(cycles.map(({ text }) => text.split(". ")[0])).toEqual([
    "the forwards go round: a@another.com → b@another.com → c@another.com → a@another.com",
    "the forwards go round: x@another.com → y@another.com → x@another.com",
  ]);
});

test("lintTables() takes any rows without an error, and its report holds no code that a terminal obeys", () => {
  const key = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.emailAddress(),
    fc.constantFrom("*@example.com", "A@b", "\u001b[2J@x.test"),
  );
  const row = fc.dictionary(fc.constantFrom("ooo_active", "ooo_message", "ooo_content_type", "ooo_end", "forwards", "x"), fc.anything());
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.oneof(row, fc.anything()))), fc.array(fc.tuple(key, fc.anything())), (rules, blocked) => {
      const rowsOf = (rows: readonly (readonly [string, unknown])[]) => rows.map(([each, value]) => ({ key: each, row: value }));
      const report = lintTables({ rules: rowsOf(rules), blocked: rowsOf(blocked) }, context);
      expect(reportText(report, "strict").join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }),
    { numRuns: 100 },
  );
}, 60_000);
