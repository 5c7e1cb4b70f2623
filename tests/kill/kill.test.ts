// A real worker, killed at each point of a mail's way or told to end there, and a second one that finishes: nothing is
// lost and nothing repeated. One run for each point, signal and client of AWS, with the two mixes of recipients in turn;
// `npm run kill` makes as many as one wants.

import { beforeAll, expect, test } from "bun:test";
import { killPoints } from "../../apps/worker/kill-point.ts";
import { compile } from "../system/executable.ts";
import { clients, type KillCase, mixes, nameOf, signals } from "./case.ts";
import { runAll } from "./lanes.ts";
import { startSinks } from "./mail-end.ts";
import { complaintsOf, type Run, tableOf } from "./table.ts";

const cases: readonly KillCase[] = killPoints.flatMap((point, index) =>
  signals.flatMap((signal, turn) =>
    clients.map((client, other) => ({ point, signal, mix: mixes[(index + turn + other) % mixes.length] ?? "one", seed: 1, client })),
  ),
);
const runs = new Map<string, Run>();

beforeAll(async () => {
  const program = await compile(); // it starts in half the time of the checkout
  if (program === null) throw new Error("Cannot compile the worker");
  try {
    for (const run of await runAll(cases, { parallel: 4, end: startSinks, program: [program.path] })) runs.set(nameOf(run.one), run);
  } finally {
    program.remove();
  }
  console.info(tableOf([...runs.values()]));
}, 240_000);

for (const one of cases) {
  const { point, signal, mix, client } = one;
  test(`${numberOf(one)} nothing is lost and nothing repeated after SIG${signal} at ${point}, with ${mix === "one" ? "one recipient" : "three recipients"}, AWS_CLIENT=${client}`, () => {
    const run = runs.get(nameOf(one));
    expect(run && complaintsOf(run)).toEqual([]);
  });
}

test("a copy too many comes where a worker dies between the final dot and its record, and is announced", () => {
  for (const one of cases.filter(({ point, signal }) => point === "answer-read" && signal === "KILL")) {
    const dead = runs.get(nameOf(one));
    expect(dead?.judgement.extra.length).toBeGreaterThan(0);
    expect(dead?.judgement.announced).toBe(dead?.judgement.extra.length ?? -1);
  }
});

/** A signal to end has a number of its own, and so has the death between a reply's claim, its send and its record. */
function numberOf({ point, signal }: KillCase): string {
  if (signal === "TERM") return "F39";
  return point === "reply-claimed" || point === "reply-sent" ? "F37" : "F36";
}
