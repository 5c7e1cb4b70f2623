// Which mailboxes a process knows.

import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { knownMailboxes } from "../../apps/worker/known-mailboxes.ts";
import { FakeClock } from "../fakes/fake-clock.ts";

test("X09 knownMailboxes() takes any mailbox for known in the first ten minutes, and then those that took mail", () => {
  const clock = new FakeClock("2026-01-05T12:00:00Z");
  const mailboxes = knownMailboxes(clock, 600);
  const [alice, bob] = ["alice@example.com" as Address, "bob@example.com" as Address];
  mailboxes.tookMail(alice);
  const known = () => [alice, bob].map((mailbox) => mailboxes.mayExist(mailbox));
  clock.advance(599);
  expect(known()).toEqual([true, true]);
  clock.advance(1);
  expect(known()).toEqual([true, false]);
});
