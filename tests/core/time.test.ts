import { expect, test } from "bun:test";
import { instant } from "../../packages/core/time.ts";

const good: [number | string, number][] = [
  [0, 0],
  [1_767_614_400_000, 1_767_614_400_000],
  [-1, -1], // before 1970
  [8.64e15, 8.64e15], // the last instant of the calendar
  ["2026-01-05T12:00:00Z", 1_767_614_400_000],
  ["2026-01-05T13:00:00+01:00", 1_767_614_400_000],
];
for (const [value, ms] of good) test(`instant() reads ${value}`, () => expect<number>(instant(value)).toBe(ms));

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, "", "yesterday", "2026-13-01T00:00:00Z"]) {
  test(`instant() throws at ${JSON.stringify(value)} (${value})`, () =>
    expect(() => instant(value)).toThrow(`Cannot read an instant: must be milliseconds or ISO 8601, is ${value}`));
}
