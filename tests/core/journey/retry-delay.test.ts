import { expect, test } from "bun:test";
import type { EpochMs, MailId } from "@sesame/core";
import { awayDelay, backOff, handBackDelay, outboundRowDelay, sameMailDelay } from "../../../packages/core/journey/retry-delay.ts";

const mailId = "b/k" as MailId;

test("backOff() doubles up to an hour, the same for each attempt that is the same", () => {
  const seconds = [1, 2, 3, 20].map((count) => backOff(mailId, count));
  const expected = [30, 60, 120, 3600];
  expect(seconds.map((value, i) => Math.abs(value / (expected[i] ?? 0) - 1) <= 0.11)).toEqual([true, true, true, true]);
  expect(backOff(mailId, 3)).toBe(seconds[2] ?? 0);
});

test("sameMailDelay() is 5 to 19 s at first, the same for each entry that is the same, and backs off from the second receive", () => {
  const first = Array.from({ length: 100 }, (_, i) => sameMailDelay(`e${i}`, 1));
  expect([Math.min(...first) >= 5, Math.max(...first) <= 19, new Set(first).size > 5]).toEqual([true, true, true]);
  expect(sameMailDelay("e0", 1)).toBe(first[0] ?? 0);
  for (const count of [2, 3, 9]) expect(sameMailDelay("e0", count)).toBe(backOff("e0", count - 1));
});

test("X36 handBackDelay() is 20 to 30 s, the same for each entry that is the same", () => {
  const seconds = Array.from({ length: 200 }, (_, i) => handBackDelay(`e${i}`));
  expect([Math.min(...seconds), Math.max(...seconds), handBackDelay("e0")]).toEqual([20, 30, seconds[0] ?? 0]);
});

test("X08 awayDelay() lets a mail wait for a day with ten receives, for five days with twenty, and never longer than SQS allows", () => {
  for (const id of ["b/1", "b/2", "b/3"]) {
    const waits = Array.from({ length: 60 }, (_, i) => awayDelay(id, i + 1));
    const after = (receives: number) => waits.slice(0, receives).reduce((sum, seconds) => sum + seconds, 0) / 3600;
    expect([after(10) > 24, after(19) > 5 * 24, Math.max(...waits) <= 43_200, (waits[0] ?? 99) <= 33]).toEqual([true, true, true, true]);
  }
});

const rowDelays: readonly (readonly [receiveCount: number, ageSeconds: number, seconds: number, why: string])[] = [
  [0, 1, 30, "a count that a queue cannot give is the first"],
  [1, 0, 30, "the event may be slower than the bounce"],
  [1, 86_400, 30, "after an outage the event stands behind it in the queue"],
  [2, 0, 30, "it is new"],
  [2, 12, 18, "the rest of the time"],
  [2, 12.5, 18, "whole seconds, never too few"],
  [2, 29.9, 1, "almost old enough"],
  [2, 30, 0, "old enough"],
  [9, 31, 0, "older"],
  [2, -10, 30, "another clock goes a little wrong"],
  [2, -30, 0, "another clock goes wrong: it would wait for ever"],
];
for (const [receiveCount, age, seconds, why] of rowDelays) {
  test(`outboundRowDelay() is ${seconds} s at receive ${receiveCount} of a bounce of ${age} s: ${why}`, () => {
    const now = Date.parse("2026-01-05T12:00:00Z");
    expect(outboundRowDelay(receiveCount, (now - age * 1000) as EpochMs, now as EpochMs)).toBe(seconds);
  });
}
