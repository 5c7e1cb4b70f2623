// Breaks inputs of the readers at random: `npm run fuzz -- [TARGET|all] [SECONDS] [SEED]`, five minutes for each target unless
// told otherwise. What fails is made small and kept under tests/fuzz/cases, where the tests replay it for good. Exit code 1:
// something failed. Run by Bun.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shrink } from "../tests/fuzz/bytes.ts";
import { complaintOf, search } from "../tests/fuzz/search.ts";
import { targets } from "../tests/fuzz/targets.ts";

const [name = "all", seconds = "300", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
const chosen = targets.filter((target) => name === "all" || target.name === name);
const known = `all, ${targets.map((target) => target.name).join(", ")}`;
if (chosen.length === 0) throw new Error(`Cannot fuzz: the target must be one of ${known}, is ${name}`);
if (!(Number(seconds) > 0)) throw new Error(`Cannot fuzz: the time must be in seconds, is ${seconds}`);

let failed = 0;
for (const target of chosen) {
  const { cases, kinds, slowestMs, failures } = await search(target, Number(seconds), Number(seed));
  console.log(
    `${target.name}: ${cases} cases of ${kinds} kinds with seed ${seed}, slowest ${slowestMs.toFixed(1)} ms, ${failures.length} failed`,
  );
  for (const { input, complaint } of failures) {
    const alike = complaint.slice(0, 40);
    const small = shrink(input, (smaller) => complaintOf(target, smaller)?.startsWith(alike) === true);
    const file = join("tests/fuzz/cases", target.name, `${createHash("sha256").update(small).digest("hex").slice(0, 16)}.bin`);
    mkdirSync(join("tests/fuzz/cases", target.name), { recursive: true });
    writeFileSync(file, small);
    console.log(
      `  ${complaint.slice(0, 300)}\n  ${small.length} octets in ${file}: ${JSON.stringify(Buffer.from(small).toString("latin1").slice(0, 200))}`,
    );
  }
  failed += failures.length;
}
process.exit(failed > 0 ? 1 : 0);
