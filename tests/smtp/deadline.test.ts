// Deadline: when a wait is missed, however often it was armed again, and that a kept timer neither misses nor invents one.

import { expect, test } from "bun:test";
import { Deadline } from "../../packages/smtp/timers.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { Random } from "../mutation/random.ts";

function bench(): { timers: FakeTimers; deadline: Deadline; missed: string[] } {
  const timers = new FakeTimers();
  const missed: string[] = [];
  return { timers, deadline: new Deadline(timers, (detail) => missed.push(`${timers.now()}: ${detail}`)), missed };
}

type Step = readonly [at: number, act: (deadline: Deadline) => void];
const arm =
  (ms: number, what = "reply") =>
  (deadline: Deadline) =>
    deadline.arm(ms, what);
const pause = (deadline: Deadline) => deadline.pause();
const disarm = (deadline: Deadline) => deadline.disarm();

const ways: readonly (readonly [what: string, steps: readonly Step[], missed: readonly string[]])[] = [
  ["nothing comes", [[0, arm(100)]], ["100: no reply within 100 ms"]],
  [
    "a longer wait follows",
    [
      [0, arm(100, "a")],
      [50, arm(200, "b")],
    ],
    ["250: no b within 200 ms"],
  ],
  [
    "a shorter wait follows",
    [
      [0, arm(600, "a")],
      [10, arm(20, "b")],
    ],
    ["30: no b within 20 ms"],
  ],
  [
    "the same wait begins again",
    [
      [0, arm(100)],
      [90, arm(100)],
      [180, arm(100)],
    ],
    ["280: no reply within 100 ms"],
  ],
  [
    "the wait is over",
    [
      [0, arm(100)],
      [99, pause],
    ],
    [],
  ],
  [
    "the next wait begins after a pause",
    [
      [0, arm(100)],
      [99, pause],
      [150, arm(100)],
    ],
    ["250: no reply within 100 ms"],
  ],
  [
    "the session is over",
    [
      [0, arm(100)],
      [99, disarm],
    ],
    [],
  ],
  [
    "it is missed once",
    [
      [0, arm(100)],
      [400, pause],
      [450, arm(10)],
    ],
    ["100: no reply within 100 ms", "460: no reply within 10 ms"],
  ],
];
for (const [what, steps, expected] of ways) {
  test(`Deadline misses ${expected.length === 0 ? "nothing" : expected.join(", ")} when ${what}`, () => {
    const { timers, deadline, missed } = bench();
    for (let now = 0; now < 1000; now++) {
      for (const [at, act] of steps) if (at === now) act(deadline);
      timers.advance(1);
    }
    expect(missed).toEqual([...expected]);
  });
}

test("Deadline leaves no timer when the session is over, and at most one before", () => {
  const { timers, deadline } = bench();
  for (const ms of [100, 500, 20, 600, 120]) {
    deadline.arm(ms, "reply");
    expect(timers.pending).toBe(1);
  }
  deadline.disarm();
  expect(timers.pending).toBe(0);
});

test("Deadline is missed at the end of the last wait, and never else, whatever was armed before", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const { timers, deadline, missed } = bench();
    const expected: string[] = [];
    let due: number | null = null;
    let ms = 0;
    for (let now = 0; now < 400; now++) {
      const what = random.below(20);
      if (what < 2) {
        ms = 1 + random.below(60);
        due = now + ms;
        deadline.arm(ms, "reply");
      } else if (what === 2) {
        due = null;
        if (random.below(2) === 0) deadline.pause();
        else deadline.disarm();
      }
      timers.advance(1);
      if (due === now + 1) {
        expected.push(`${due}: no reply within ${ms} ms`);
        due = null;
      }
    }
    expect({ seed, missed }).toEqual({ seed, missed: expected });
  }
});
