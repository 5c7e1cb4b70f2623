// The mutants of `npm run mutants`: what is changed and what is not, and which tests are run for a file.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTests } from "../../scripts/mutants/covering.ts";
import { mutantsOf } from "../../scripts/mutants/operators.ts";
import { openSource } from "../../scripts/mutants/type-check.ts";

const root = mkdtempSync(join(tmpdir(), "sesame-mutants-test-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function open(text: string) {
  writeFileSync(join(root, "tsconfig.json"), '{ "compilerOptions": { "strict": true, "noEmit": true, "lib": ["ES2023"], "types": [] } }');
  writeFileSync(join(root, "source.ts"), text);
  return openSource(root, "source.ts");
}

async function changesOf(text: string): Promise<readonly string[]> {
  const source = await open(text);
  const mutants = mutantsOf("source.ts", source.file);
  source.close();
  return mutants.map(({ kind, replacement }) => `${kind}: ${replacement}`);
}

const rows: readonly (readonly [text: string, changes: readonly string[]])[] = [
  [
    "const a = 1 < 2;",
    ["boundary: const a = 1 <= 2;", "comparison: const a = 1 >= 2;", "number: const a = 2 < 2;", "number: const a = 1 < 3;"],
  ],
  ["let a = 5000;", ["number: let a = 2500;"]],
  ["const a = !b();", ["negation: const a = b();"]],
  ["const a = b && c;", ["logic: const a = b || c;", "logic-left: const a = b;", "logic-right: const a = c;"]],
  ["const a = b ? c : d;", ["condition-true: const a = (c);", "condition-false: const a = (d);"]],
  ["const a = [b, ...c];", ["drop-element: const a = [...c];", "drop-element: const a = [b, ];"]],
  ["const a = { ...b, c };", ["drop-element: const a = { c };"]],
  [
    "const a = /^b+$/i;",
    ["/b+$/i", "/^b+/i", "/^b+$/", "/^b*$/i"].map(
      (each, i) => `regex-${["anchor", "anchor", "flag", "quantifier"][i]}: const a = ${each};`,
    ),
  ],
  ['const a = f("b", "c");', ['string-swap: const a = f("c", "c");', 'string-swap: const a = f("b", "b");']],
  ["async function f() { await g(); }", ["drop-statement: async function f() { ; }", "drop-await: async function f() { void g(); }"]],
  [
    "if (a) b.push(c);",
    [
      "condition-true: if (true) b.push(c);",
      "condition-false: if (false) b.push(c);",
      "drop-statement: if (a) ;",
      "drop-method: if (a) b;",
      "method: if (a) b.unshift(c);",
    ],
  ],
  ["try { f(); } catch { g(); } finally { h(); }", ["drop-finally", "drop-statement", "catch-empty", "drop-statement", "drop-statement"]],
  ['type A = "b" | "c"; import x from "y"; export { x };', []],
  ['throw new Error("a text for people");', ["drop-throw: ;"]],
  ["// 1 < 2\n/* true */", []],
];
for (const [text, changes] of rows) {
  test(`mutantsOf() makes ${changes.length} mutants of ${JSON.stringify(text)}`, async () => {
    const found = await changesOf(text);
    expect(found.map((change, i) => (changes[i]?.includes(":") === false ? change.split(":")[0] : change))).toEqual([...changes]);
  });
}

test("mutantsOf() identifies a mutant by its lines without their comments, and knows the line", async () => {
  const source = await open("let a = 0;\nfunction f() {\n  a = 2; // why\n}\n");
  const [, found] = mutantsOf("source.ts", source.file).filter(({ kind }) => kind === "number");
  source.close();
  expect(found).toMatchObject({ line: 3, original: "a = 2;", replacement: "a = 3;" });
  expect(found?.text).toBe("let a = 0;\nfunction f() {\n  a = 3; // why\n}\n");
});

test("typeChecks() tells a mutant that compiles from one that does not", async () => {
  const source = await open("export const a: number = 1;\n");
  const answers = [await source.typeChecks("export const a: number = 2;\n"), await source.typeChecks('export const a: number = "2";\n')];
  source.close();
  expect(answers).toEqual([true, false]);
});

test("readTests() follows imports, through the packages' entry points too, and passes over types", () => {
  const files: Readonly<Record<string, string>> = {
    "packages/core/package.json": '{ "exports": { ".": "./mod.ts", "./mail": "./mail/mod.ts" } }',
    "packages/core/mod.ts": 'export { a } from "./a.ts";\nexport type { B } from "./b.ts";\n',
    "packages/core/mail/mod.ts": 'export { c } from "../c.ts";\n',
    "tests/one.test.ts": 'import { a } from "@sesame/core";\nimport "./helper.ts";\n',
    "tests/helper.ts": 'import { c } from "@sesame/core/mail";\n',
    "tests/system/two.test.ts": 'import { a } from "@sesame/core";\n', // starts servers
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const reached = readTests(root);
  expect([...reached.keys()]).toEqual(["tests/one.test.ts"]);
  expect(Object.fromEntries(reached.get("tests/one.test.ts") ?? [])).toEqual({
    "tests/one.test.ts": 0,
    "packages/core/mod.ts": 1,
    "tests/helper.ts": 1,
    "packages/core/a.ts": 2,
    "packages/core/mail/mod.ts": 2,
    "packages/core/c.ts": 3,
  });
});
