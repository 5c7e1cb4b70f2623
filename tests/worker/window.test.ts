// The window that all queues of a process share: who gets permits, and how work starts again.

import { expect, test } from "bun:test";
import { type Ticket, Window } from "../../apps/worker/window.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

function windowOf(most: number) {
  const timers = new FakeTimers();
  const woken: string[] = [];
  const window = new Window({ most, timers });
  const ask = (name: string, wanted: number = 10): Ticket => window.ask(wanted, () => woken.push(name));
  return { timers, window, woken, ask };
}

test("Window.ask() gives what is free at once, and never more than the window has", () => {
  const { window, ask } = windowOf(12);
  expect([ask("a").granted, ask("b").granted, ask("c").granted]).toEqual([10, 2, 0]);
  expect([window.out, window.free]).toEqual([12, 0]);
});

test("Window serves askers in turn, each with a fair part of what is free", () => {
  const { window, woken, ask } = windowOf(10);
  const first = ask("first");
  const waiting = [ask("a"), ask("b"), ask("c", 1), ask("d")];
  window.give(first.granted);
  expect([woken, waiting.map(({ granted }) => granted)]).toEqual([
    ["first", "a", "b", "c", "d"],
    [2, 2, 1, 5],
  ]);
  const next = ask("a");
  window.give(1);
  expect(next.granted).toBe(1);
});

test("Window.cancel() leaves the line and gives back what came meanwhile", () => {
  const { window, ask } = windowOf(4);
  const held = ask("held", 4);
  const [waiting, behind] = [ask("waiting"), ask("behind")];
  window.cancel(waiting);
  window.give(held.granted);
  expect([waiting.granted, behind.granted]).toEqual([0, 4]);
  window.cancel(behind);
  expect([behind.granted, window.out]).toEqual([0, 0]);
});

test("a busy window gathers permits for a moment, so that a receive brings more than one entry", () => {
  const { window, timers, ask } = windowOf(16);
  const [a, b] = [ask("a"), ask("b")];
  expect([a.granted, b.granted]).toEqual([10, 6]);
  const next = ask("c");
  for (let i = 0; i < 3; i++) window.give(1);
  expect(next.granted).toBe(0);
  timers.advance(25);
  expect(next.granted).toBe(3);
  ask("d");
  window.give(1);
  window.end();
  expect(timers.pending).toBe(0);
});

test("X37 Window starts slowly after an outage for all its queues together, and doubles with each mail that ends", () => {
  const { window, ask } = windowOf(16);
  const held = ask("before", 3);
  window.startSlowly();
  expect([window.free, window.isWide]).toEqual([-2, false]);
  const queues = [ask("a"), ask("b"), ask("c")];
  window.give(held.granted);
  expect(queues.map(({ granted }) => granted)).toEqual([1, 0, 0]);
  window.widen();
  window.give(1);
  expect([queues.map(({ granted }) => granted), window.out]).toEqual([[1, 1, 1], 2]);
  for (let i = 0; i < 5; i++) window.widen();
  expect([window.free, window.isWide]).toEqual([14, true]);
});
