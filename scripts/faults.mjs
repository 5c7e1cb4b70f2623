// Runs the tests whose names begin with the number of a fault (F01–F88), and counts them by the sections of docs/reliability.md.
// Exit code 1: one failed, a number has neither a test nor a reason there, or a file that a row names shows nothing of it.
// `-- --list` runs nothing and goes by the report of the last run. Run by Bun.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";

const report = resolve("dist/faults.xml");
const page = "docs/reliability.md";

if (!process.argv.includes("--list")) {
  mkdirSync("dist", { recursive: true });
  rmSync(report, { force: true });
  const args = ["scripts/tests.mjs", "all", "-t", "\\bF[0-9]{2} ", "--reporter=junit", `--reporter-outfile=${report}`];
  const run = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  const said = `${run.stdout}${run.stderr}`
    .split("\n")
    .filter((line) => !/^\((?:pass|skip)\)/.test(line) && !/^\S+\.test\.ts:$/.test(line));
  if (run.status !== 0) console.log(said.join("\n").slice(-20_000));
}

/** Tests by number: how many passed, failed and were skipped, and in which files. */
const shown = new Map();
const signs = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
const plain = (text) => text.replace(/&(lt|gt|quot|apos|amp);/g, (_, sign) => signs[sign]);
for (const [, attributes, rest] of readFileSync(report, "utf8").matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
  const attribute = (name) => plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
  const number = /^F(\d\d) /.exec(attribute("name"))?.[1];
  if (number === undefined) continue;
  const found = shown.get(number) ?? { passed: 0, failed: 0, skipped: 0, files: new Set() };
  found[/<skipped/.test(rest ?? "") ? "skipped" : /<(?:failure|error)/.test(rest ?? "") ? "failed" : "passed"]++;
  found.files.add(attribute("file"));
  shown.set(number, found);
}

/** Rows of the page by number: their section, and whether they give a reason in place of a test. */
const rows = new Map();
const wrong = [];
let section = "";
for (const line of readFileSync(page, "utf8").split("\n")) {
  section = /^### (.*)$/.exec(line)?.[1] ?? section;
  const [, number, text = ""] = /^\| F(\d\d) \| (.*) \|$/.exec(line) ?? [];
  if (number === undefined) continue;
  if (rows.has(number)) wrong.push(`F${number} has two rows in ${page}`);
  const files = [...text.matchAll(/`(tests\/[\w/.-]+\.ts)`/g)].map(([, file]) => file);
  rows.set(number, { section, isReasoned: /\bno test: /i.test(text) });
  const silent = files.filter((file) => file.endsWith(".test.ts") && !shown.get(number)?.files.has(file));
  for (const file of silent) wrong.push(`F${number} names ${file}, in which no test begins with it`);
}

const counts = new Map();
for (let each = 1; each <= 88; each++) {
  const number = String(each).padStart(2, "0");
  const row = rows.get(number);
  const found = shown.get(number) ?? { passed: 0, failed: 0, skipped: 0 };
  if (!row) wrong.push(`F${number} has no row in ${page}`);
  else if (found.passed === 0 && !row.isReasoned) wrong.push(`F${number} has no test that passes, and no reason why not`);
  if (found.failed > 0) wrong.push(`F${number} has ${found.failed} tests that fail`);
  const name = row?.section ?? "without a section";
  const sum = counts.get(name) ?? { faults: 0, passed: 0, failed: 0, skipped: 0 };
  for (const key of ["passed", "failed", "skipped"]) sum[key] += found[key];
  sum.faults++;
  counts.set(name, sum);
}

for (const [name, { faults, passed, failed, skipped }] of counts)
  console.log(`${name}: ${faults} faults, ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
for (const text of wrong) console.log(text);
const all = [...counts.values()].reduce((sum, { passed }) => sum + passed, 0);
console.log(`${rows.size} of 88 faults have a row, ${all} tests show them, ${wrong.length} things are wrong`);
process.exit(wrong.length > 0 ? 1 : 0);
