// docs/standards.md against the citations in the tree, and the check itself against a small tree with known faults.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const trees: string[] = [];
afterAll(() => {
  for (const tree of trees) rmSync(tree, { recursive: true });
});

function run(...args: string[]): { code: number; problems: string } {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, join(root, "scripts/standards.mjs"), ...args], { cwd: root });
  return { code: exitCode, problems: stderr.toString() };
}

/** A tree of its own, with the project's list of sections. */
function treeOf(files: Readonly<Record<string, string>>): string {
  const tree = mkdtempSync(join(tmpdir(), "sesame-standards-"));
  trees.push(tree);
  const known = readFileSync(join(root, "scripts/rfc-sections.json"), "utf8");
  for (const [path, text] of Object.entries({ "scripts/rfc-sections.json": known, "docs/empty.md": "", ...files })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  return tree;
}

test("standards.mjs --check finds docs/standards.md as the citations have it", () => {
  expect(run("--check")).toEqual({ code: 0, problems: "" });
});

const page = (files: Readonly<Record<string, string>>): string => {
  const tree = treeOf(files);
  expect(run("--root", tree)).toEqual({ code: 0, problems: "" });
  expect(run("--check", "--root", tree)).toEqual({ code: 0, problems: "" });
  return readFileSync(join(tree, "docs/standards.md"), "utf8");
};

const rows: [string, string, string][] = [
  ["// RFC 5321 §4.5.5", "| §4.5.5 Messages with a Null Reverse-Path | [core/a.ts]", "one section"],
  ["// RFC 5230 §4.5 and §4.6.", "| §4.6 Restricting Replies to Automated Processes", "a second section after and"],
  ["// RFC 5322 §2.1.1, §2.2.3", "| §2.2.3 Long Header Fields |", "a second section after a comma"],
  ["// as RFC 5321\n// §4.5.2 says", "| §4.5.2 Transparency |", "over the end of a line"],
  ["const x = 1; // RFC 2047 §5 (3)", "| §5 Use of encoded-words in message headers |", "behind code, with a rule of the section"],
  ["// RFC 5321 appendix C", "| appendix C Source Routes |", "an appendix"],
  [
    "/** RFC 6532 allows it */",
    "## RFC 6532: Internationalized Email Headers\n\n| rule | met in | shown by |\n| --- | --- | --- |\n| as a whole |",
    "no section",
  ],
  [
    '// SES Developer Guide, "Service quotas in\n// Amazon SES" and "Amazon SES header fields"',
    "| “Amazon SES header fields” | [core/a.ts]",
    "pages of a guide",
  ],
  ['// SQS Developer Guide, "Visibility timeout"', "| “Amazon SQS visibility timeout” |", "a part of a title"],
];
for (const [source, row, why] of rows) {
  test(`standards.mjs lists ${JSON.stringify(source)}: ${why}`, () => {
    expect(page({ "packages/core/a.ts": `${source}\n` })).toContain(row);
  });
}

test("standards.mjs names the tests that cite a rule, else in italics those that use the file", () => {
  const source = "// RFC 5321 §4.4\nexport function trace() {}\n";
  const use = 'import { trace } from "@sesame/core";\n';
  const line = (files: Readonly<Record<string, string>>) => /^\| §4\.4 .*$/m.exec(page({ "packages/core/a.ts": source, ...files }))?.[0];
  expect(line({})).toEndWith("| – |");
  expect(line({ "tests/use.test.ts": use })).toEndWith("| *[tests/use.test.ts](../tests/use.test.ts)* |");
  const citing = { "tests/use.test.ts": use, "tests/cites.test.ts": "// RFC 5321 §4.4\n", "tests/golden/1/plan.txt": "(RFC 5321\n  §4.4)" };
  expect(line(citing)).toEndWith("| [tests/cites.test.ts](../tests/cites.test.ts), [tests/golden/1](../tests/golden/1) |");
});

test("standards.mjs takes a text for people as no place where a rule is met", () => {
  expect(page({ "packages/core/a.ts": 'export const why = "a rule (RFC 5321 §4.4)";\n' })).not.toContain("core/a.ts");
});

const faults: [string, Readonly<Record<string, string>>, RegExp][] = [
  [
    "a section that nobody looked up",
    { "packages/core/a.ts": "// RFC 5321 §9.9\n" },
    /^Cannot cite RFC 5321 §9\.9 in packages\/core\/a\.ts: /,
  ],
  [
    "an RFC that nobody looked up",
    { "tests/a.test.ts": "// RFC 9999 §1\n" },
    /^Cannot cite RFC 9999 §1 in tests\/a\.test\.ts: .*not there/m,
  ],
  ["a page that is in no guide", { "apps/worker/a.ts": '// S3 User Guide, "Invented"\n' }, /^Cannot cite S3 User Guide “Invented”/],
  ["a section in a text for people", { "apps/worker/a.ts": 'const why = "RFC 5321 §9.9";\n' }, /^Cannot cite RFC 5321 §9\.9/],
  [
    "a page that is out of date",
    { "packages/core/a.ts": "// RFC 5321 §4.4\n", "docs/standards.md": "old\n" },
    /^Cannot keep docs\/standards\.md: /,
  ],
  [
    "a link to nothing",
    { "docs/standards.md": "[gone](../packages/core/gone.ts)\n" },
    /^Cannot link to packages\/core\/gone\.ts in docs\/standards\.md: /,
  ],
];
for (const [why, files, problem] of faults) {
  test(`standards.mjs --check fails on ${why}`, () => {
    const { code, problems } = run("--check", "--root", treeOf(files));
    expect(code).toBe(1);
    expect(problems).toMatch(problem);
  });
}
