// Caution: how long the sessions to a server stay careful.

import { describe, expect, test } from "bun:test";
import { Caution } from "../../packages/smtp/caution.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

test("X05 Caution lasts ten minutes from the last mail with too many refusals", () => {
  const timers = new FakeTimers();
  const caution = new Caution(timers);
  expect(caution.isCareful).toBe(false);
  caution.answered(0, 6, 5);
  timers.advance(599_999);
  expect(caution.isCareful).toBe(true);
  caution.answered(0, 6, 5);
  timers.advance(599_999);
  expect(caution.isCareful).toBe(true);
  timers.advance(1);
  expect(caution.isCareful).toBe(false);
});

describe("Caution.lend()", () => {
  const after = (...mails: readonly (readonly [accepted: number, refused: number])[]) => {
    const caution = new Caution(new FakeTimers());
    for (const [accepted, refused] of mails) caution.answered(accepted, refused, 5);
    return caution;
  };
  const ways: readonly (readonly [what: string, mails: readonly (readonly [number, number])[], lent: number])[] = [
    ["no mail was sent", [], 0],
    [
      "all were accepted",
      [
        [1, 0],
        [30, 0],
      ],
      31,
    ],
    [
      "one was refused",
      [
        [90, 0],
        [3, 1],
      ],
      0,
    ],
    [
      "one was refused, and others were accepted later",
      [
        [90, 0],
        [3, 1],
        [2, 0],
      ],
      2,
    ],
    [
      "too many were refused",
      [
        [90, 0],
        [0, 6],
        [40, 0],
      ],
      0,
    ],
  ];
  for (const [what, mails, lent] of ways) {
    test(`X05 lend() is ${lent} when ${what}`, () => {
      expect(after(...mails).lend()).toBe(lent);
    });
  }

  test("X05 lend() serves one mail at a time", () => {
    const caution = after([50, 0]);
    expect([caution.lend(), caution.lend()]).toEqual([50, 0]);
    caution.giveBack();
    expect(caution.lend()).toBe(50);
  });
});
