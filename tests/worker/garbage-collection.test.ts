import { expect, test } from "bun:test";
import { collectGarbageOnGrowth } from "../../apps/worker/garbage-collection.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

test("collectGarbageOnGrowth() collects when memory has grown by more than 4 MiB, and not before", () => {
  const timers = new FakeTimers();
  let [resident, collections] = [100e6, 0];
  const collect = () => {
    collections++;
    resident = 105e6;
  };
  const stop = collectGarbageOnGrowth({ timers, resident: () => resident, collect });
  const later = () => timers.advance(100);
  resident = 104e6;
  later();
  expect(collections).toBe(0);
  resident = 130e6;
  later();
  expect([collections, resident]).toEqual([1, 105e6]);
  resident = 109e6; // 4 MB above what was left
  later();
  expect(collections).toBe(1);
  resident = 90e6;
  later();
  resident = 95e6;
  later();
  expect(collections).toBe(2);
  stop();
  expect(timers.pending).toBe(0);
});

test("F88 collectGarbageOnGrowth() continues when memory cannot be measured because there is no file descriptor left", () => {
  const timers = new FakeTimers();
  let [resident, collections]: [number | null, number] = [100e6, 0];
  const measure = () => {
    if (resident === null) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
    return resident;
  };
  const stop = collectGarbageOnGrowth({ timers, resident: measure, collect: () => collections++ });
  resident = null;
  timers.advance(1000);
  expect(collections).toBe(0);
  resident = 130e6;
  timers.advance(100);
  expect(collections).toBe(1);
  stop();
});
