// Mutants: checks that the tests notice wrong code. It changes the named source files at random, one small change at a time
// (a mutant), and runs the tests that import the file: `npm run mutants -- apps/worker/poller.ts --seed 1 --most 40`. It prints
// each mutant that no test noticed, and a table by file. A mutant that behaves like the original, or whose difference does not
// matter, is listed with its reason in scripts/mutants-equivalent.tsv, by the lines that it changes.
// It works in a temporary copy and changes no file of the checkout. It proves nothing about the mutants that it does not try, and
// does not run tests that start mail servers or take longer than --slowest. Exit code 1: fewer than 97 % were noticed. Run by Bun.
//   --seed N     which mutants; default 1
//   --most N     mutants for each file; default 40
//   --slowest N  seconds that one test file may take, and four times as many if it is for a named file; default 5
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../tests/mutation/random.ts";
import { copyOf, runTests } from "./mutants/copy.ts";
import { readTests } from "./mutants/covering.ts";
import { type Mutant, mutantsOf } from "./mutants/operators.ts";
import { openSource } from "./mutants/type-check.ts";

type Count = { file: string; made: number; untyped: number; killed: number; survived: number; equivalent: number };
type Baseline = ReadonlyMap<string, number>;

const least = 0.97;
const spareMs = 10_000;
const nearFactor = 4; // what the tests that are for a file may take longer
const root = resolve(import.meta.dir, "..");
const text = { type: "string" } as const;
const { values, positionals } = parseArgs({ options: { seed: text, most: text, slowest: text }, allowPositionals: true });
const whole = (name: "seed" | "most" | "slowest", fallback: number) => {
  const given = values[name] ?? String(fallback);
  if (/^[1-9]\d*$/.test(given)) return Number(given);
  throw new Error(`Cannot use --${name}: must be a whole number above 0, is ${JSON.stringify(given)}`);
};
const [seed, most, slowestMs] = [whole("seed", 1), whole("most", 40), whole("slowest", 5) * 1000];
if (positionals.length === 0) throw new Error("Cannot make mutants: a source file must be named, is none");

const keyOf = (file: string, original: string, replacement: string) => [file, original, replacement].join("\t");
const harmless = new Set(
  readFileSync(join(root, "scripts/mutants-equivalent.tsv"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t").slice(0, 3).join("\t")),
);
const isHarmless = ({ file, original, replacement }: Mutant) => harmless.has(keyOf(file, original, replacement));

const copy = copyOf(root);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130)); // removes the copy
const reached = readTests(copy);
const covering = (file: string) => [...reached.keys()].filter((test) => reached.get(test)?.has(file));
/** Whether a test is for this file: it imports it by itself, or is in the folder of its tests. */
const isNear = (test: string, file: string) =>
  reached.get(test)?.get(file) === 1 || dirname(test) === dirname(file.replace(/^(?:packages|apps)\//, "tests/"));
const baseline = await measure([...new Set(positionals.flatMap(covering))]);
const counts: Count[] = [];
for (const file of positionals) counts.push(await examine(file));
console.log(tableOf(counts));
const [killed, survived] = [sum(counts, "killed"), sum(counts, "survived")];
const rate = killed / Math.max(killed + survived, 1);
console.log(`${killed} of ${killed + survived} noticed with seed ${seed}: ${(rate * 100).toFixed(1)} %`);
process.exit(rate < least ? 1 : 0);

/** How long each test takes on the unchanged sources. One that fails there, or is slow, tells nothing of a mutant. */
async function measure(tests: readonly string[]): Promise<Baseline> {
  const took = new Map<string, number>();
  for (const test of tests) {
    const longest = positionals.some((file) => isNear(test, file)) ? nearFactor * slowestMs : slowestMs;
    const { kind, ms } = await runTests(copy, [test], longest);
    if (kind === "passed") took.set(test, ms);
    else console.log(`left out: ${test} ${kind === "failed" ? "fails on the unchanged sources" : "takes too long"}`);
  }
  return took;
}

async function examine(file: string): Promise<Count> {
  const source = await openSource(copy, file);
  if (!(await source.typeChecks(source.file.text))) throw new Error(`Cannot make mutants of ${file}: it must compile unchanged`);
  const lots = shuffled(mutantsOf(file, source.file), new Random(seed));
  const count: Count = { file, made: 0, untyped: 0, killed: 0, survived: 0, equivalent: 0 };
  for (const mutant of lots) {
    if (count.killed + count.survived === most) break;
    count.made++;
    if (isHarmless(mutant)) count.equivalent++;
    else if (!(await source.typeChecks(mutant.text))) count.untyped++;
    else if (await isNoticed(mutant)) count.killed++;
    else {
      count.survived++;
      console.log(`${file}:${mutant.line} ${mutant.kind}\n    ${mutant.original}\n  → ${mutant.replacement}`);
    }
  }
  source.close();
  return count;
}

/** The tests that are for the file come first: most mutants do not get further. */
async function isNoticed({ file, text }: Mutant): Promise<boolean> {
  const path = join(copy, file);
  const before = readFileSync(path);
  writeFileSync(path, text);
  try {
    const tests = covering(file).filter((test) => baseline.has(test));
    const [near, far] = [tests.filter((test) => isNear(test, file)), tests.filter((test) => !isNear(test, file))];
    for (const some of [near, far]) {
      const limit = some.reduce((ms, test) => ms + 2 * (baseline.get(test) ?? 0), spareMs);
      if (some.length > 0 && (await runTests(copy, some, limit)).kind !== "passed") return true;
    }
    return false;
  } finally {
    writeFileSync(path, before);
  }
}

function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  const lots = list.map((item) => ({ item, lot: random.next() }));
  return lots.sort((a, b) => a.lot - b.lot).map(({ item }) => item);
}

function sum(counts: readonly Count[], name: keyof Omit<Count, "file">): number {
  return counts.reduce((total, count) => total + count[name], 0);
}

function tableOf(counts: readonly Count[]): string {
  const columns = ["made", "untyped", "killed", "survived", "equivalent"] as const;
  const titles = ["made", "not type-checking", "killed", "survived", "equivalent"];
  const rows = counts.map((count) => [count.file, ...columns.map((name) => String(count[name]))]);
  const all = [["file", ...titles], ...rows, ["all", ...columns.map((name) => String(sum(counts, name)))]];
  const widest = Math.max(...all.map(([file = ""]) => file.length));
  return all
    .map(([file = "", ...cells]) => `${file.padEnd(widest)}  ${cells.map((cell, i) => cell.padStart(titles[i]?.length ?? 0)).join("  ")}`)
    .join("\n");
}
