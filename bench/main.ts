// Bench: what the README's figures are made with.
//   npm run bench                    the goals of the worker's speed: three rounds, about 10 minutes
//   npm run bench -- --long          the same, and 100,000 mails, many domains and TLS: some minutes more
//   npm run bench -- compare         two methods with the same result, each in turn: 3 minutes
//   npm run bench -- profile         the functions that a hot worker spends its time in
//   npm run bench -- NAME…           single parts of these; --rounds N for parts of the goals
//   npm run bench -- --set AWS_CLIENT=sdk     with this variable for every worker

import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { benches } from "./benches.ts";
import { inColumns } from "./columns.ts";
import { long } from "./goals/long.ts";
import { profile } from "./goals/profile.ts";
import { measureAll, parts, settingsOf, tableOf } from "./goals/table.ts";
import { startWorld } from "./goals/world.ts";

const options = {
  long: { type: "boolean" },
  set: { type: "string", multiple: true, default: [] as string[] },
  rounds: { type: "string", default: "3" },
  help: { type: "boolean" },
} as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const about: ReadonlyMap<string, string> = new Map([
  ["compare", `two methods with the same result: ${benches.map(({ name }) => name).join(", ")}`],
  ["profile", "the functions that a hot worker spends its time in"],
  ...[...parts, long, ...benches].map((each) => [each.name, each.about] as const),
]);
const rounds = Number(values.rounds);
const unknown = positionals.filter((name) => !about.has(name));
if (unknown.length > 0 || values.help || !(rounds >= 1)) {
  const names = [...about].map(([name, text]) => `  ${name.padEnd(14)} ${text}`);
  console.error(
    `npm run bench -- [--long] [--rounds N] [--set VARIABLE=VALUE] [NAME…]\nWithout a name: the table of goals.\n${names.join("\n")}`,
  );
  process.exit(values.help ? 0 : 2);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130)); // and all that it has started
const isNamed = ({ name }: Readonly<{ name: string }>) => positionals.includes(name);
const chosen = positionals.length === 0 ? parts : parts.filter(isNamed);
console.log(`${process.platform} ${process.arch}, ${availableParallelism()} cores, Bun ${Bun.version}, load ${loadavg()[0]?.toFixed(1)}`);
const isLong = values.long === true || isNamed(long);
if (chosen.length > 0 || isLong || positionals.includes("profile")) await measureGoals();
for (const { name, about, run } of benches.filter((bench) => positionals.includes("compare") || isNamed(bench))) {
  const began = performance.now();
  console.log(`\n${name}: ${about}`);
  console.log(inColumns(await run("full")));
  console.log(`(${((performance.now() - began) / 1000).toFixed(0)} s)`);
}
process.exit(0);

async function measureGoals(): Promise<void> {
  if (process.platform !== "linux") return console.warn("SKIPPED the goals: they read /proc");
  const set = Object.fromEntries(values.set.map((text) => [text.replace(/=.*$/s, ""), text.replace(/^[^=]*=?/, "")]));
  const world = await startWorld("full", { set });
  try {
    console.log(settingsOf(world).join("\n"));
    const tell = (text: string) => console.log(`(${text}, load ${loadavg()[0]?.toFixed(1)})`);
    if (chosen.length > 0) {
      const found = await measureAll(world, chosen, rounds, tell);
      console.log(`\n${tableOf(found, chosen)}`);
    }
    if (isLong) console.log(`\n${tableOf(await measureAll(world, [long], 1, tell), [long])}`);
    if (positionals.includes("profile")) console.log(`\n${await profile(world)}`);
  } finally {
    world.close();
  }
}
