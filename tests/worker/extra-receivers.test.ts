// Further receives of a hot queue: how many run, which permits they take, and when they end.

import { expect, test } from "bun:test";
import type { EpochMs, MailQueue, QueueEntry } from "@sesame/core";
import type { ReceiveWait } from "@sesame/core/journey";
import { ExtraReceivers } from "../../apps/worker/extra-receivers.ts";
import { Window } from "../../apps/worker/window.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

type Answer = readonly QueueEntry[] | Error;

const entry: QueueEntry = { id: "e", receiptHandle: "r", receiveCount: 1, sentAt: 0 as EpochMs, body: "" };
const entries = (count: number): readonly QueueEntry[] => Array.from({ length: count }, () => entry);

/** Receives that wait for their answer. Mails that begin keep their permits. */
function bench(most: number) {
  const timers = new FakeTimers();
  const window = new Window({ most, timers });
  const asked: { limit: number; wait: ReceiveWait | undefined; answer: (given: Answer) => void }[] = [];
  const queue = {
    receive: (limit: number, _: unknown, wait?: ReceiveWait) =>
      new Promise<readonly QueueEntry[]>((resolve, reject) => {
        asked.push({ limit, wait, answer: (given) => (given instanceof Error ? reject(given) : resolve(given)) });
      }),
  } as unknown as MailQueue;
  const state = { mayReceive: true, begun: 0, failures: 0 };
  const extra = new ExtraReceivers({
    ...{ queue, window, stop: { stopped: false }, timers },
    mayReceive: () => state.mayReceive,
    begin: async (brought, permits) => {
      for (const _ of brought) if (permits.use()) state.begun++;
    },
    failed: () => void state.failures++,
  });
  const answer = async (given: Answer) => {
    asked.shift()?.answer(given);
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { timers, window, asked, state, extra, answer };
}

test("ExtraReceivers receive whole batches, and do not wait for entries", () => {
  const { asked, extra, window } = bench(100);
  extra.addOne();
  expect(asked.map(({ limit, wait }) => [limit, wait])).toEqual([[10, "none"]]);
  expect([extra.expected, window.out]).toEqual([10, 10]);
});

test("ExtraReceivers become three while each receive is full, and no more", async () => {
  const { asked, extra, answer, state } = bench(1000);
  extra.addOne();
  const running: number[] = [];
  for (let round = 0; round < 6; round++) {
    await answer(entries(10));
    running.push(asked.length);
  }
  expect([running, state.begun]).toEqual([[2, 3, 3, 3, 3, 3], 60]);
});

test("ExtraReceivers end with a receive that is not full, and give its permits back", async () => {
  const { asked, extra, answer, window } = bench(100);
  extra.addOne();
  await answer(entries(9));
  expect([asked.length, extra.expected, window.out]).toEqual([0, 0, 9]);
  await extra.ended();
  extra.addOne();
  expect(asked.length).toBe(1);
});

const refused: readonly (readonly [why: string, prepare: (given: ReturnType<typeof bench>) => void])[] = [
  ["fewer permits are free than a receive may use", ({ window }) => void window.ask(91, () => {})],
  ["somebody waits for permits", ({ window }) => [window.ask(100, () => {}), window.ask(1, () => {}), window.give(5)]],
  ["nothing may be received", ({ state }) => Object.assign(state, { mayReceive: false })],
];
for (const [why, prepare] of refused) {
  test(`ExtraReceivers do not receive while ${why}`, async () => {
    const given = bench(100);
    prepare(given);
    given.extra.addOne();
    await given.extra.ended();
    expect(given.asked.length).toBe(0);
  });
}

test("ExtraReceivers end when a receive fails, and say so", async () => {
  const { asked, extra, answer, state, window } = bench(100);
  extra.addOne();
  await answer(new Error("away"));
  await extra.ended();
  expect([asked.length, state.failures, window.out]).toEqual([0, 1, 0]);
});

test("ExtraReceivers tell since when the oldest receive runs, and give back the permits of those that hang", async () => {
  const { extra, answer, timers, window } = bench(100);
  expect(extra.oldest).toBe(Number.POSITIVE_INFINITY);
  timers.advance(500);
  extra.addOne();
  const begun = timers.now();
  timers.advance(1000);
  await answer(entries(10)); // its loop and a new one receive now
  expect(extra.oldest).toBe(begun + 1000);
  extra.giveUnused();
  expect([extra.expected, window.out]).toEqual([0, 10]);
});
