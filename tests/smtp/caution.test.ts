// Caution: how long the sessions to a server stay careful.

import { expect, test } from "bun:test";
import { Caution } from "../../packages/smtp/caution.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

test("X05 Caution lasts ten minutes from the last mail with too many refusals", () => {
  const timers = new FakeTimers();
  const caution = new Caution(timers);
  expect(caution.isCareful).toBe(false);
  caution.tooManyRefusals();
  timers.advance(599_999);
  expect(caution.isCareful).toBe(true);
  caution.tooManyRefusals();
  timers.advance(599_999);
  expect(caution.isCareful).toBe(true);
  timers.advance(1);
  expect(caution.isCareful).toBe(false);
});
