// Answer times: when a server counts as slow, by tables of answers.

import { expect, test } from "bun:test";
import { AnswerTimes } from "../../packages/smtp/answer-times.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

/** Answers in turn, 200 ms apart; returns whether they are slow, and whether they have been for long. */
function after(usual: readonly number[], answers: readonly number[], isLight = false): string {
  const timers = new FakeTimers();
  const times = new AnswerTimes(timers);
  for (const ms of usual) times.note(ms, true);
  for (const ms of answers) {
    timers.advance(200);
    times.note(ms, isLight);
  }
  return times.areSlowForLong ? "slow for long" : times.areSlow ? "slow" : "fine";
}

const usual = Array<number>(8).fill(10);
const many = (ms: number, count: number) => Array<number>(count).fill(ms);

for (const [name, answers, expected] of [
  ["no answer", [], "fine"],
  ["answers as usual", many(12, 40), "fine"],
  ["ten times the usual, which nobody feels", many(100, 40), "fine"],
  ["one slow answer", [10, 30_000, 10], "fine"],
  ["four slow answers among eight", [...many(400, 4), ...many(10, 4)], "fine"],
  ["five slow answers among eight", [...many(10, 3), ...many(400, 5)], "slow"],
  ["a stall of this process, then answers as usual", [...many(400, 8), ...many(10, 4)], "fine"],
  ["slow answers for more than a second", many(400, 10), "slow for long"],
] as const) {
  test(`note() says "${expected}" of ${name}`, () => expect(after(usual, answers)).toBe(expected));
}

test("note() compares with what is usual for this server", () => {
  const scanner = many(2_000, 60); // a server with a virus scanner
  expect(after(scanner, many(7_000, 20))).toBe("fine");
  expect(after(scanner, many(9_000, 20))).toBe("slow for long");
});

test("note() learns under a light load that a server has become slow", () => {
  expect(after(usual, many(2_000, 12), true)).toBe("slow for long");
  expect(after(usual, many(2_000, 100), true)).toBe("fine");
  expect(after(usual, many(2_000, 100), false)).toBe("slow for long");
});

test("note() learns under any load that a server has become fast", () => {
  const timers = new FakeTimers();
  const times = new AnswerTimes(timers);
  for (let i = 0; i < 60; i++) times.note(2_000, true);
  for (let i = 0; i < 60; i++) times.note(20, false);
  expect(times.usualMs).toBeLessThan(30);
});

test("forgetLatest() forgets the slow answers, and keeps what is usual", () => {
  const timers = new FakeTimers();
  const times = new AnswerTimes(timers);
  expect(times.usualMs).toBeNull();
  for (let i = 0; i < 20; i++) times.note(10, true);
  for (let i = 0; i < 20; i++) times.note(900, false);
  timers.advance(1_000);
  expect([times.areSlow, times.areSlowForLong]).toEqual([true, true]);
  times.forgetLatest();
  expect([times.areSlow, times.areSlowForLong, times.usualMs]).toEqual([false, false, 10]);
});
