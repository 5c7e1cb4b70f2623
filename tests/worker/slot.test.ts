// The slot of one mail: when its permit returns to the window, and what a mail that closes may still hold.

import { expect, test } from "bun:test";
import { Slot } from "../../apps/worker/slot.ts";
import { Window } from "../../apps/worker/window.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

/** A window with all its permits out, each for a slot. */
function bench(most: number) {
  const window = new Window({ most, timers: new FakeTimers() });
  window.ask(most, () => {});
  const freed: number[] = [];
  const slots = Array.from(
    { length: most },
    (_, index) => new Slot({ window, hasPermit: true, allAnswer: () => true, freed: () => void freed.push(index) }),
  );
  return { window, freed, slots };
}

test("Slot.recorded() returns the permit while the mail closes", () => {
  const { window, freed, slots } = bench(2);
  slots[0]?.recorded();
  expect([slots[0]?.hasPermit, window.out, freed]).toEqual([false, 1, [0]]);
  slots[0]?.end();
  expect([window.out, freed]).toEqual([1, [0]]);
});

test("Slot.recorded() keeps the permit where as many mails are closing as the window has permits", () => {
  const { window, slots } = bench(2);
  for (const slot of slots) slot.recorded();
  window.ask(2, () => {});
  const late = new Slot({ window, hasPermit: true, allAnswer: () => true, freed: () => {} });
  late.recorded();
  expect([late.hasPermit, window.out]).toEqual([true, 2]);
  slots[1]?.end(); // one has closed
  late.recorded();
  expect([late.hasPermit, window.out]).toEqual([false, 1]);
});

test("Slot.giveBack() and Slot.end() return the permit once", () => {
  const { window, freed, slots } = bench(2);
  slots[0]?.giveBack();
  slots[0]?.recorded(); // a mail that waited for SES has none
  slots[0]?.end();
  slots[1]?.end();
  slots[1]?.end();
  expect([window.out, freed]).toEqual([0, [0, 1]]);
});

const widths: readonly (readonly [what: string, allAnswer: boolean, act: (slot: Slot) => void, free: number])[] = [
  ["when its end is recorded", true, (slot) => slot.recorded(), 2],
  ["when it ends", true, (slot) => slot.end(), 2],
  ["once, when it is recorded and ends", true, (slot) => void [slot.recorded(), slot.end()], 2],
  ["not while something is away", false, (slot) => void [slot.recorded(), slot.end()], 1],
  ["not when it begins to wait for SES", true, (slot) => slot.giveBack(), 1],
];
for (const [what, allAnswer, act, free] of widths) {
  test(`Slot lets more mails begin after an outage ${what}`, () => {
    const window = new Window({ most: 8, timers: new FakeTimers() });
    window.startSlowly();
    window.ask(1, () => {});
    act(new Slot({ window, hasPermit: true, allAnswer: () => allAnswer, freed: () => {} }));
    expect(window.free).toBe(free);
  });
}

test("Slot of an entry that got no permit gives none back", () => {
  const { window, freed } = bench(1);
  const slot = new Slot({ window, hasPermit: false, allAnswer: () => true, freed: () => void freed.push(9) });
  slot.recorded();
  slot.end();
  expect([slot.hasPermit, window.out, freed]).toEqual([false, 1, []]);
});
