// Bench: what the README's figures are made with. `npm run bench` runs all, `npm run bench -- NAME…` those alone. Each
// prints a row: what, ours, the other way, and how many times better ours is.

import { availableParallelism } from "node:os";
import { benches } from "./benches.ts";
import { inColumns } from "./columns.ts";

const names = process.argv.slice(2);
const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0 || names.includes("--help")) {
  console.error(
    `npm run bench -- NAME…, all without a name:\n${benches.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join("\n")}`,
  );
  process.exit(names.includes("--help") ? 0 : 2);
}
console.log(`${process.platform} ${process.arch}, ${availableParallelism()} cores, Bun ${Bun.version}`);
for (const { name, about, run } of benches.filter((bench) => names.length === 0 || names.includes(bench.name))) {
  const began = performance.now();
  console.log(`\n${name}: ${about}`);
  console.log(inColumns(await run("full")));
  console.log(`(${((performance.now() - began) / 1000).toFixed(0)} s)`);
}
process.exit(0);
