// openProgress(): the bar of a terminal, the lines of a job without one, and the text of both.

import { expect, test } from "bun:test";
import { Writable } from "node:stream";
import { openProgress, progressText } from "../../apps/worker/progress.ts";

const state = { what: "Comparing", done: 8412, total: 11_840, seconds: 6.987, bar: ["━", "─"] as const };

test("progressText() has bar, share, numbers, speed and the time that is left", () => {
  expect(progressText(state)).toBe("Comparing  ━━━━━━━━━━━━━━━━━━━━────────  71 %  8,412 of 11,840  1,204/s  3 s left");
  expect(progressText({ ...state, bar: null })).toBe("Comparing  71 %  8,412 of 11,840  1,204/s  3 s left");
  expect(progressText({ ...state, done: 11_840, bar: ["=", "-"] })).toBe(`Comparing  ${"=".repeat(28)}  100 %  11,840 of 11,840  1,695/s`);
  expect(progressText({ ...state, total: null })).toBe("Comparing  8,412  1,204/s");
  expect(progressText({ ...state, done: 0, seconds: 0 })).toBe(`Comparing  ${"─".repeat(28)}  0 %  0 of 11,840  0.0/s`);
  expect(progressText({ ...state, done: 3, total: 0, bar: null })).toBe("Comparing  100 %  3 of 0  0.4/s"); // more than was known
});

function paper(isTTY: boolean) {
  const pieces: string[] = [];
  const to = new Writable({
    write: (piece, _, done) => {
      pieces.push(String(piece));
      done();
    },
  });
  return { to: Object.assign(to, { isTTY, columns: 120 }), pieces };
}

test("openProgress() writes a line every ten seconds where no terminal is, and none for short work", async () => {
  const { to, pieces } = paper(false);
  let at = 0;
  const progress = await openProgress({ what: "Comparing", total: 100, to, now: () => at });
  for (const [seconds, count] of [
    [3, 10],
    [9, 10],
    [10, 10],
    [15, 10],
    [20, 10],
  ] as const) {
    at = seconds * 1000;
    progress.step(count);
  }
  progress.end();
  expect(pieces).toEqual(["Comparing  30 %  30 of 100  3.0/s  24 s left\n", "Comparing  50 %  50 of 100  2.5/s  20 s left\n"]);
});

test("openProgress() draws a bar on a terminal, in one line, and takes it away at the end", async () => {
  const { to, pieces } = paper(true);
  let at = 0;
  const progress = await openProgress({ what: "Comparing", total: 4, to, env: { LANG: "C.UTF-8" }, now: () => at });
  at = 1000;
  progress.step();
  progress.end();
  const all = pieces.join("");
  expect(all).toContain(`Comparing  ${"─".repeat(28)}  0 %  0 of 4  0.0/s`);
  expect(all).not.toContain("\n");
  expect(all).toMatch(/\x1b\[2K$/); // cleared last
  expect(all).not.toContain("\x1b[?25l"); // the cursor is not hidden
});
