// durationText(): seconds in words, at each change of unit.

import { expect, test } from "bun:test";
import { durationText } from "../../../apps/worker/log-text/durations.ts";

for (const [seconds, text] of [
  [0, "0 s"],
  [0.0001, "1 ms"],
  [0.094, "94 ms"],
  [0.095, "0.1 s"],
  [1, "1 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [99, "99 s"],
  [100, "1 min 40 s"],
  [120, "2 min"],
  [3599.4, "59 min 59 s"],
  [3599.6, "1 h"],
  [86_399, "23 h 59 min"],
  [86_400, "1 day"],
  [90_000, "1 day 1 h"],
  [200_000, "2 days 7 h"],
] as const) {
  test(`durationText() makes "${text}" of ${seconds}`, () => {
    expect(durationText(seconds)).toBe(text);
  });
}
