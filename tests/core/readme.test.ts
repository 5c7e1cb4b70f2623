// The example of packages/core/README.md: its types, and what it prints under each runtime that is at hand. The bundle is the
// one for browsers, so nothing of a runtime can have got into it.

import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const readme = readFileSync(join(root, "packages/core/README.md"), "utf8");
const block = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? "";

/** Runs a command in a folder that holds the example, with the sources of the core in the place of its name. */
function run(...command: readonly [string, ...string[]]): string {
  const folder = mkdtempSync(join(tmpdir(), "sesame-readme-"));
  try {
    writeFileSync(join(folder, "example.ts"), block("ts").replace('"@sesame/core"', JSON.stringify(join(root, "packages/core/mod.ts"))));
    const { stdout, stderr, exitCode } = Bun.spawnSync([...command], { cwd: folder });
    return exitCode === 0 ? stdout.toString() : `exit code ${exitCode}\n${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the README's example prints what the README says under Bun", () => {
  expect(block("text").split("\n").length).toBeGreaterThan(3);
  expect(run(process.execPath, "example.ts")).toBe(block("text"));
});

test("the README's example prints it under Deno", () => {
  const config = join(root, "deno.json");
  const deno = ["node", join(root, "scripts/deno.mjs"), "run", "--no-check", "--allow-env", "--config", config, "example.ts"] as const;
  expect(run(...deno)).toBe(block("text"));
});

const node = Bun.which("node");
if (node === null) console.warn("SKIPPED tests/core/readme: node is missing");
test.skipIf(node === null)("the README's example prints it under Node, bundled for a browser", () => {
  const bundle = `"${process.execPath}" build example.ts --target=browser --outfile=example.mjs > build.log`;
  expect(run("sh", "-c", `${bundle} && "${node}" example.mjs`)).toBe(block("text"));
});

test("the README's example has the types of the core", () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = ["--noEmit", "--strict", "--target", "esnext", "--module", "preserve", "--allowImportingTsExtensions", "--skipLibCheck"];
  expect(run("node", tsc, ...options, "--types", "", "example.ts")).toBe("");
});

test("the README names no file that is gone", () => {
  const named = [...readme.matchAll(/`((?:[a-z-]+\/)?[a-z-]+\.ts)`/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !existsSync(join(root, "packages/core", name)))).toEqual([]);
});
