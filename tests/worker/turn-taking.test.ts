// When a long computation gives way to other work.

import { expect, test } from "bun:test";
import { pauseEachTurn } from "../../apps/worker/turn-taking.ts";

test("X01 pauseEachTurn() waits for a turn of the event loop after 2 ms of work, and else for nothing", async () => {
  let now = 0;
  const pause = pauseEachTurn(() => now);
  const other: string[] = [];
  setImmediate(() => other.push("other work"));
  await pause();
  expect(other).toEqual([]);
  now = 3;
  await pause();
  expect(other).toEqual(["other work"]);
  setImmediate(() => other.push("more work"));
  now = 4;
  await pause();
  expect(other).toEqual(["other work"]);
});

test("X04 pauseEachTurn() lets one of several waiting computations go on in each turn", async () => {
  let now = 0;
  const pause = pauseEachTurn(() => now);
  const turns: string[][] = [[]];
  const count = () => {
    turns.push([]);
    if (turns.length < 12) setImmediate(count);
  };
  setImmediate(count);
  now = 3;
  const compute = async (name: string) => {
    for (let piece = 0; piece < 3; piece++) {
      await pause();
      turns.at(-1)?.push(name);
      now += 3;
    }
  };
  await Promise.all(["a", "b", "c"].map(compute));
  expect(Math.max(...turns.map(({ length }) => length))).toBe(1);
  expect(turns.flat().sort()).toEqual(["a", "a", "a", "b", "b", "b", "c", "c", "c"]);
});

test("X04 pauseEachTurn() lets a short computation go on while others wait, and those in their order", async () => {
  let now = 0;
  const pause = pauseEachTurn(() => now);
  now = 3;
  const done: string[] = [];
  const costly = async (name: string) => {
    await pause();
    done.push(name);
    await pause(); // the turn has time left
    done.push(`${name} again`);
    now += 3;
    if (name === "a") for (let piece = 0; piece < 5; piece++) await pause();
  };
  await Promise.all(["a", "b", "c"].map(costly));
  expect(done).toEqual(["a", "a again", "b", "b again", "c", "c again"]);
});
