// Benches: each still runs, and both of its ways still give the same result. Their figures mean nothing here.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { benches } from "../bench/benches.ts";
import { figure } from "../bench/columns.ts";
import { compare, median } from "../bench/compare.ts";
import { hotRun } from "../bench/goals/hot.ts";
import { long } from "../bench/goals/long.ts";
import { profile } from "../bench/goals/profile.ts";
import { parts } from "../bench/goals/table.ts";
import { startWorld, type World } from "../bench/goals/world.ts";

for (const { name, run } of benches) {
  test(`bench ${name} gives what is expected, both ways`, async () => {
    const rows = await run("tiny");
    expect(rows.length).toBeGreaterThan(name === "memory" && process.platform !== "linux" ? -1 : 0);
    for (const { what, ratio } of rows) {
      expect([what, ratio.median > 0 && Number.isFinite(ratio.median)]).toEqual([what, true]);
      expect(ratio.least).toBeLessThanOrEqual(ratio.most);
    }
  }, 120_000);
}

describe.skipIf(process.platform !== "linux")("the goals (they read /proc)", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("tiny");
  }, 120_000);
  afterAll(() => world.close());

  test.each([...parts, long].map((part) => [part.name, part] as const))(
    "part %s gives each of its goals a figure, or the reason why there is none",
    async (_, { goals, measure }) => {
      const found = await measure(world);
      expect(Object.keys(found).sort()).toEqual(goals.map(({ id }) => id).sort());
      for (const [id, figure] of Object.entries(found)) {
        if (typeof figure === "string") console.warn(`SKIPPED ${id}: ${figure}`);
        else expect([id, Number.isFinite(figure.value)]).toEqual([id, true]);
      }
    },
    120_000,
  );

  test("a mail of a busy queue takes at most 4.7 calls to AWS, and none twice", async () => {
    const mails = 300;
    const { calls, callsPerMail } = await hotRun(world, world.source, mails, true, {});
    expect(callsPerMail).toBeLessThanOrEqual(4.7);
    expect(calls).toMatchObject({ GetObject: mails, CopyObject: mails });
    expect(calls["UpdateItem"]).toBeLessThanOrEqual(2 * mails + 1); // claim and record; the loop key once
  }, 120_000);

  test("the profile names functions", async () => {
    expect(await profile(world)).toMatch(/functions, own time:\n +\d+\.\d % {2}\S/);
  }, 120_000);
});

const way = (figures: readonly number[], result: string) => {
  const left = [...figures];
  return async () => ({ figure: left.shift() ?? Number.NaN, result });
};
const common = { what: "a thing", unit: "ms", warmUps: 1, rounds: 3, expected: "done", otherWay: "the other" } as const;

test("compare() gives the median of the rounds' own ratios, and leaves the first rounds out", async () => {
  const ours = way([900, 1, 2, 4], "done");
  const other = way([1, 10, 10, 10], "done");
  const row = await compare({ ...common, better: "less", ours, other });
  expect(row).toMatchObject({ ours: 2, other: 10, ratio: { median: 5, least: 2.5, most: 10 } });
  const more = await compare({ ...common, better: "more", ours: way([1, 30, 20, 10], "done"), other: way([1, 10, 10, 10], "done") });
  expect(more.ratio).toEqual({ median: 2, least: 1, most: 3 });
});

test("compare() refuses a way that gives something else, in any round", async () => {
  const good = () => way([1, 1, 1, 1], "done");
  const bad = way([1, 1, 1, 1], "half done");
  await expect(compare({ ...common, better: "less", ours: bad, other: good() })).rejects.toThrow(/a thing, ours.*"half done"/);
  await expect(compare({ ...common, better: "less", ours: good(), other: bad })).rejects.toThrow(/a thing, the other.*"half done"/);
  let round = 0;
  const late = async () => ({ figure: 1, result: ++round < 4 ? "done" : "less" });
  await expect(compare({ ...common, better: "less", ours: late, other: good() })).rejects.toThrow(/"less"/);
});

test("median() takes the middle, or the mean of both middles", () => {
  expect([median([3]), median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([3, 2, 2.5]);
});

test("figure() keeps what means something", () => {
  expect([0.0664, 1.234, 15.44, 512.4, 1234, 58_765].map(figure)).toEqual(["0.066", "1.2", "15.4", "510", "1,230", "58,800"]);
});
