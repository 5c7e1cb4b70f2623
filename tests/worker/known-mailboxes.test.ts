// Which mailboxes a process knows.

import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { knownMailboxes } from "../../apps/worker/known-mailboxes.ts";
import { FakeClock } from "../fakes/fake-clock.ts";

test("X09 knownMailboxes() takes any mailbox for known in the first ten minutes, and then those that took mail", () => {
  const clock = new FakeClock("2026-01-05T12:00:00Z");
  const mailboxes = knownMailboxes({ clock, graceSeconds: 600 });
  const [alice, bob] = ["alice@example.com" as Address, "bob@example.com" as Address];
  mailboxes.tookMail(alice);
  const known = () => [alice, bob].map((mailbox) => mailboxes.mayExist(mailbox));
  clock.advance(599);
  expect(known()).toEqual([true, true]);
  clock.advance(1);
  expect(known()).toEqual([true, false]);
});

test("X09 knownMailboxes() forgets the one that took no mail for the longest time", () => {
  const mailboxes = knownMailboxes({ clock: new FakeClock("2026-01-05T12:00:00Z"), graceSeconds: 0, limit: 2 });
  for (const name of ["a", "b", "a", "c"]) mailboxes.tookMail(`${name}@example.com` as Address);
  expect(["a", "b", "c"].map((name) => mailboxes.mayExist(`${name}@EXAMPLE.com` as Address))).toEqual([true, false, true]);
});
