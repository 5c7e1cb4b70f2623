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
