import { expect, test } from "bun:test";
import { Waiting } from "../../apps/worker/waiting.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

test("Waiting ends by its timer, or before it by a wake-up, and leaves no timer", async () => {
  const timers = new FakeTimers();
  const waiting = new Waiting(timers);
  waiting.wake(); // nobody waits
  const first = waiting.atMost(250);
  expect(timers.pending).toBe(1);
  timers.advance(250);
  await first;
  waiting.wake(); // too late
  const second = waiting.atMost(250);
  waiting.wake();
  await second;
  expect([timers.now(), timers.pending]).toEqual([250, 0]);
});
