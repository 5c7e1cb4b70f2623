// LoopShare: who may work on in a turn of the event loop. The turns and the clock are the test's own.

import { expect, test } from "bun:test";
import { LoopShare } from "../../packages/smtp/loop-share.ts";

/** A share whose clock and turns stand still until they are told to go on. */
function bench() {
  let now = 0;
  const deferred: (() => void)[] = [];
  const share = new LoopShare({ now: () => now }, (run) => void deferred.push(run));
  const work = (ms: number) => (now += ms);
  const turn = async () => {
    for (const run of deferred.splice(0)) run();
    await settled();
  };
  return { share, work, turn, waiting: () => deferred.length };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Notes when it may go on. */
function follow(share: LoopShare, name: string, notes: string[]): void {
  void share.wait().then(() => notes.push(name));
}

test("X04 wait() resolves at once while a turn has time left, and asks for one turn only", async () => {
  const { share, work, waiting } = bench();
  for (let i = 0; i < 10; i++) {
    await share.wait();
    work(0.1);
  }
  expect(waiting()).toBe(1);
});

test("X04 wait() waits for the next turn when 2 ms are used up", async () => {
  const { share, work, turn } = bench();
  const notes: string[] = [];
  await share.wait();
  work(2);
  follow(share, "a", notes);
  await settled();
  expect(notes).toEqual([]);
  await turn();
  expect(notes).toEqual(["a"]);
});

test("X04 wait() lets one of many continue in each turn, in their order", async () => {
  const { share, work, turn } = bench();
  const notes: string[] = [];
  await share.wait();
  work(5);
  for (const name of ["a", "b", "c"]) follow(share, name, notes);
  for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    await turn();
    expect(notes).toEqual(expected);
    work(5);
  }
});

test("X04 wait() keeps nobody waiting when the one before gave up", async () => {
  const { share, work, turn } = bench();
  const notes: string[] = [];
  await share.wait();
  work(5);
  for (const name of ["gave up", "b"]) follow(share, name, notes); // neither does any work
  await turn();
  await turn();
  expect(notes).toEqual(["gave up", "b"]);
});
