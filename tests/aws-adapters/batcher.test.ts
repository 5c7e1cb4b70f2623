// Batcher: which items leave together, and that each caller hears of its own, whatever became of the request.

import { expect, test } from "bun:test";
import { Batcher } from "../../packages/aws-adapters/batcher.ts";

/** A batcher of three, whose time to gather is over when the test says so. */
function batcherOf(send: (items: readonly string[]) => Promise<readonly string[]>) {
  const sent: (readonly string[])[] = [];
  const waits: (() => void)[] = [];
  const batcher = new Batcher<string, string>({
    limit: 3,
    gatherMs: 50,
    send: (items) => {
      sent.push(items);
      return send(items);
    },
    after: (ms, act) => {
      expect(ms).toBe(50);
      waits.push(act);
    },
  });
  return { batcher, sent, waits };
}

const doubled = async (items: readonly string[]) => items.map((item) => item + item);
const heardBy = (asking: Promise<string>) => asking.catch((error: Error) => error.message);

test("Batcher.add() sends together what comes within its time, and answers each item with its own", async () => {
  const { batcher, sent, waits } = batcherOf(doubled);
  const answers = [batcher.add("a"), batcher.add("b")];
  expect([sent.length, waits.length]).toEqual([0, 1]);
  waits[0]?.();
  expect(await Promise.all(answers)).toEqual(["aa", "bb"]);
  expect(sent).toEqual([["a", "b"]]);
});

test("Batcher.add() sends at once what is full, and its time is not that of the next", async () => {
  const { batcher, sent, waits } = batcherOf(doubled);
  const answers = ["a", "b", "c", "d"].map((item) => batcher.add(item));
  expect(sent).toEqual([["a", "b", "c"]]);
  waits[0]?.();
  expect(sent.length).toBe(1);
  waits[1]?.();
  expect(await Promise.all(answers)).toEqual(["aa", "bb", "cc", "dd"]);
});

test("Batcher.add() throws for each item what the whole request threw, and goes on with the next", async () => {
  const failures = [new Error("reset")];
  const { batcher, waits } = batcherOf(async (items) => {
    const failure = failures.shift();
    if (failure) throw failure;
    return doubled(items);
  });
  const answers = [batcher.add("a"), batcher.add("b")].map(heardBy);
  waits[0]?.();
  expect(await Promise.all(answers)).toEqual(["reset", "reset"]);
  const next = batcher.add("c");
  waits[1]?.();
  expect(await next).toBe("cc");
});

test("Batcher.add() throws for an item that got no answer, and for no other", async () => {
  const { batcher, waits } = batcherOf(async () => ["only one"]);
  const answers = [batcher.add("a"), batcher.add("b")].map(heardBy);
  waits[0]?.();
  expect(await Promise.all(answers)).toEqual(["only one", expect.stringContaining("an item of a batch")]);
});
