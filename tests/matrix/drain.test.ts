// The model of a drain (bench/scale): the same each time, and a ledger that throttles costs no copy.

import { expect, test } from "bun:test";
import { type DrainOptions, drain } from "../../bench/scale/drain.ts";
import { VirtualTime } from "../../bench/scale/virtual-time.ts";

const small: DrainOptions = { workers: 8, concurrency: 16, mails: 800, writesPerSecond: 100, records: "lasting", seed: 7 };

test("X35 a drain against a table that throttles makes no copies, where one attempt at each record makes hundreds", async () => {
  const [lasting, once] = [await drain(small), await drain({ ...small, records: "once" })];
  expect([lasting.deliveries, lasting.copies, lasting.refused > 0]).toEqual([800, 0, true]);
  expect([once.deliveries, once.copies > 200]).toEqual([800 + once.copies, true]); // so the model would show them
  expect([lasting.writes < once.writes, lasting.seconds <= once.seconds, lasting.mostReceives <= 4]).toEqual([true, true, true]);
}, 120_000);

test("X35 drain() gives the same for the same seed, and another for another", async () => {
  const [one, again, other] = [await drain(small), await drain(small), await drain({ ...small, seed: 8 })];
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
  expect(other.copies).toBe(0);
}, 120_000);

test("drain() is refused nothing by a table that is large enough", async () => {
  expect(await drain({ ...small, writesPerSecond: 1_000_000, records: "once" })).toMatchObject({
    ...{ deliveries: 800, copies: 0, refused: 0, writes: 1600, mostReceives: 1 },
  });
}, 120_000);

test("VirtualTime runs what is due in the order of instants, then of requests, and leaves out what is cancelled", async () => {
  const time = new VirtualTime();
  const told: string[] = [];
  for (const [name, ms] of [
    ["c", 30],
    ["a", 10],
    ["b", 20],
    ["a2", 10],
  ] as const)
    time.after(ms, () => told.push(`${name} ${time.now()}`));
  time.after(15, () => told.push("never"))();
  time.after(20, () => time.after(5, () => told.push(`d ${time.now()}`)));
  await time.run(() => false);
  expect(told).toEqual(["a 10", "a2 10", "b 20", "d 25", "c 30"]);
});
