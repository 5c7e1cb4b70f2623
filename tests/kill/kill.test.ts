// A real worker, killed at each point of a mail's way or told to end there, and a second one that finishes: nothing is
// lost and nothing repeated. One run for each point and signal, with the two mixes of recipients in turn; `npm run kill`
// makes as many as one wants.

import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killPoints } from "../../apps/worker/kill-point.ts";
import { type KillCase, mixes, nameOf, signals } from "./case.ts";
import { runAll } from "./lanes.ts";
import { startSinks } from "./mail-end.ts";
import { complaintsOf, type Run, tableOf } from "./table.ts";

const cases: readonly KillCase[] = killPoints.flatMap((point, index) =>
  signals.map((signal, turn) => ({ point, signal, mix: mixes[(index + turn) % mixes.length] ?? "one", seed: 1 })),
);
const runs = new Map<string, Run>();

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "sesame-kill-"));
  try {
    const program = await compiled(folder);
    for (const run of await runAll(cases, { parallel: 4, end: startSinks, program: [program] })) runs.set(nameOf(run.one), run);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.info(tableOf([...runs.values()]));
}, 240_000);

/** The executable, which starts in half the time of the checkout. */
async function compiled(folder: string): Promise<string> {
  const outfile = join(folder, "sesame");
  const main = join(import.meta.dir, "../../apps/worker/main.ts");
  const built = await Bun.build({ entrypoints: [main], compile: { outfile }, minify: true, bytecode: true, format: "esm" });
  if (!built.success) throw new AggregateError(built.logs, "Cannot compile the worker");
  return outfile;
}

for (const one of cases) {
  const { point, signal, mix } = one;
  test(`${numberOf(one)} nothing is lost and nothing repeated after SIG${signal} at ${point}, with ${mix === "one" ? "one recipient" : "three recipients"}`, () => {
    const run = runs.get(nameOf(one));
    expect(run && complaintsOf(run)).toEqual([]);
  });
}

test("a copy too many comes where a worker dies between the final dot and its record, and is announced", () => {
  const dead = runs.get(nameOf(cases.find(({ point, signal }) => point === "answer-read" && signal === "KILL") as KillCase));
  expect(dead?.judgement.extra.length).toBeGreaterThan(0);
  expect(dead?.judgement.announced).toBe(dead?.judgement.extra.length ?? -1);
});

/** A signal to end has a number of its own, and so has the death between a reply's claim, its send and its record. */
function numberOf({ point, signal }: KillCase): string {
  if (signal === "TERM") return "F39";
  return point === "reply-claimed" || point === "reply-sent" ? "F37" : "F36";
}
