// The place of a poller in the line of the window, and the waits for it, on a fake clock.

import { expect, test } from "bun:test";
import type { MailQueue } from "@sesame/core";
import { PollPermits } from "../../apps/worker/poll-permits.ts";
import { Window } from "../../apps/worker/window.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

/** One window, and so many pollers that share it. */
function bench(most: number, pollers: number) {
  const timers = new FakeTimers();
  const window = new Window({ most, timers });
  const granted: number[] = [];
  const permits = Array.from({ length: pollers }, (_, index) => {
    const queue = {} as MailQueue;
    return new PollPermits({ queue, window, timers, granted: () => void granted.push(index) });
  });
  const [first, second] = permits;
  if (!first) throw new Error("no poller");
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      timers.advance(250);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  return { window, timers, granted, first, second, pass };
}

test("PollPermits of the only queue let it wait for entries with permits for ten", () => {
  const { first, window } = bench(16, 1);
  expect(first.reach(99, false)).toEqual({ limit: 10, wait: "long" });
  expect(window.out).toBe(10);
});

const limits: readonly (readonly [what: string, room: number, isTrial: boolean, limit: number])[] = [
  ["as many as there is room for", 3, false, 3],
  ["no more than one receive brings", 99, false, 10],
  ["one mail as a trial", 99, true, 1],
];
for (const [what, room, isTrial, limit] of limits) {
  test(`PollPermits ask for ${what}`, () => {
    expect(bench(16, 1).first.reach(room, isTrial)?.limit).toBe(limit);
  });
}

test("PollPermits give back what the entries of a receive did not use", () => {
  const { first, window } = bench(16, 1);
  first.reach(3, false);
  expect([first.held.use(), first.held.use()]).toEqual([true, true]);
  first.held.giveUnused();
  expect([first.held.use(), window.out]).toEqual([false, 2]);
  first.held.giveUnused();
  expect(window.out).toBe(2);
});

test("PollPermits stand in the line until a permit returns, and leave it without one", () => {
  const { first, second, window, granted } = bench(3, 2);
  first.reach(3, false);
  expect([second?.reach(3, false), second?.isInLine, granted]).toEqual([null, true, [0]]);
  second?.leaveLine();
  expect(second?.isInLine).toBe(false);
  expect(second?.reach(3, false)).toBeNull();
  window.give(1);
  expect(granted).toEqual([0, 1]);
  expect(second?.reach(3, false)).toEqual({ limit: 1, wait: "none" });
  expect(window.out).toBe(3);
});

test("PollPermits of a quiet queue hold none while it waits, and only among several queues", () => {
  for (const [pollers, isQuiet] of [
    [1, false],
    [2, true],
  ] as const) {
    const { first, window } = bench(16, pollers);
    const reach = first.reach(10, false);
    if (reach) first.noteAnswer(reach, 0);
    first.held.giveUnused();
    expect([first.isQuiet, first.reach(10, false)?.wait, window.out]).toEqual([isQuiet, "long", isQuiet ? 0 : 10]);
  }
});

test("PollPermits wait 20 s for the permit of one entry", async () => {
  const { first, window, pass } = bench(1, 1);
  first.reach(1, false);
  const told: boolean[] = [];
  const asked = first.one(() => true).then((got) => told.push(got));
  await pass(19_750);
  expect(told).toEqual([]);
  await pass(250);
  await asked;
  window.give(1);
  expect([told, window.out]).toEqual([[false], 0]);
});

test("PollPermits get the permit of one entry at once when one returns", async () => {
  const { first, window, timers } = bench(1, 1);
  first.reach(1, false);
  const asked = first.one(() => true);
  window.give(1);
  expect([await asked, window.out, timers.pending]).toEqual([true, 1, 0]);
});

test("PollPermits keep no permit for an entry that may not begin any more", async () => {
  const { first, window, timers } = bench(1, 1);
  let mayBegin = true;
  first.reach(1, false);
  const asked = first.one(() => mayBegin);
  mayBegin = false;
  window.give(1);
  expect([await asked, window.out, timers.pending]).toEqual([false, 0, 0]);
});
