// Cost gate: no function may take more than linear time for what a stranger, a user or a server writes. It finds the exported
// functions of the packages and all regular expressions by itself. `--all` checks every expression anew and writes the verdicts.
// `--list` also prints what is not measured, with the reason. Run by Bun.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { checkExpressions } from "./cost/expressions.ts";
import { type Measured, measureFunctions } from "./cost/functions.ts";
import { maxGrowth } from "./cost/growth.ts";
import { builders } from "./cost/reasons.ts";
import { sourcesIn } from "./cost/sources.ts";

process.env["RECHECK_BACKEND"] = "pure"; // no Java, no native program
const verdictFile = "scripts/cost/expressions.tsv";
const { values } = parseArgs({ options: { all: { type: "boolean" }, list: { type: "boolean" } } });
const version = String((createRequire(import.meta.url)("recheck/package.json") as { version: string }).version);

const packages = sourcesIn(["packages/core", "packages/smtp", "packages/aws-adapters"]);
const everything = sourcesIn(["packages", "apps/worker"]);
const known = new Set(values.all ? [] : readFileSync(verdictFile, "utf8").split("\n"));
const expressions = checkExpressions(everything.expressions, known, version);
if (values.all) writeFileSync(verdictFile, `${expressions.safe.join("\n")}\n`);
const functions = await measureFunctions(packages);

for (const each of [...functions.measured].sort((a, b) => b.growth.longestMs - a.growth.longestMs)) console.log(rowOf(each));
if (values.list) for (const line of functions.left) console.log(`not measured  ${line}`);
const unchecked = everything.built.filter((place) => !(place.replace(/:\d+$/, "") in builders));
const built = unchecked.map((place) => `${place}: a regular expression that is built cannot be checked. Write a loop`);
const problems = [...built, ...expressions.problems, ...functions.problems];
for (const problem of problems) console.log(`FAILED  ${problem}`);
console.log(
  `${functions.measured.length} functions measured, ${functions.left.length} left out with a reason, growth at most ${maxGrowth} times; ` +
    `${everything.expressions.length} expressions, ${expressions.checked} checked now; ${problems.length} failed`,
);
process.exit(problems.length > 0 ? 1 : 0);

function rowOf({ name, shape, growth }: Measured): string {
  const times = growth.growth === null ? "  -" : growth.growth.toFixed(1).padStart(3);
  return `${growth.longestMs.toFixed(1).padStart(7)} ms  × ${times}  ${name}  ${JSON.stringify(shape)}`;
}
