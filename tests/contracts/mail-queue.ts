// Contract of MailQueue: at least once, visibility timeout, the newest receipt rules (SQS Developer Guide, "Visibility
// timeout" and "At-least-once delivery"). It does not ask for order, and not for what a long poll's wait is like.

import { expect } from "bun:test";
import type { MailQueue, QueueEntry, Stop } from "@sesame/core";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type MailQueueHarness = Harness &
  Readonly<{
    queue: MailQueue;
    /** How long a received entry stays out of sight, in seconds. */
    visibilitySeconds: number;
    put(body: string): Promise<void>;
    /** Lets time pass, in seconds. */
    advance(seconds: number): Promise<void>;
  }>;

const going: Stop = { stopped: false };

/** Declares the contract's tests for one implementation. The queue must be empty at first and answer an empty receive soon. */
export function mailQueueContract(name: string, makeHarness: () => Promise<MailQueueHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as MailQueue`, makeHarness, cases, options);
}

async function only(queue: MailQueue): Promise<QueueEntry> {
  const [entry, ...more] = await queue.receive(10, going);
  expect(more).toEqual([]);
  if (!entry) throw new Error("Nothing was received");
  return entry;
}

const cases: Cases<MailQueueHarness> = {
  "receive() gives nothing when the queue is empty": async ({ queue }) => {
    expect(await queue.receive(10, going)).toEqual([]);
  },
  "receive() gives the body, a receive count of 1 and a time of sending": async ({ queue, put }) => {
    await put('{"text":"ä \\u0000 \u2028"}');
    const entry = await only(queue);
    expect(entry.body).toBe('{"text":"ä \\u0000 \u2028"}');
    expect(entry.receiveCount).toBe(1);
    expect(entry.sentAt).toBeGreaterThan(0);
  },
  "receive() gives at most `limit` entries and each of them once": async ({ queue, put }) => {
    for (const body of ["a", "b", "c"]) await put(body);
    const first = await queue.receive(2, going);
    const second = await queue.receive(2, going);
    expect(first.length).toBeLessThanOrEqual(2);
    const third = await queue.receive(2, going);
    const bodies = [...first, ...second, ...third].map((entry) => entry.body);
    expect(bodies.sort()).toEqual(["a", "b", "c"]);
  },
  "receive() gives nothing when `stop` is raised and the queue is empty": async ({ queue }) => {
    expect(await queue.receive(10, { stopped: true })).toEqual([]);
  },
  "receive() hides an entry until its visibility ends": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const entry = await only(queue);
    await advance(visibilitySeconds - 1);
    expect(await queue.receive(10, going)).toEqual([]);
    await advance(2);
    const again = await only(queue);
    expect(again.id).toBe(entry.id);
    expect(again.body).toBe("a");
    expect(again.sentAt).toBe(entry.sentAt);
  },
  "receive() counts each receive and gives a new receipt": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const first = await only(queue);
    await advance(visibilitySeconds + 1);
    const second = await only(queue);
    expect(second.receiveCount).toBe(2);
    expect(second.receiptHandle).not.toBe(first.receiptHandle);
  },
  "receive() gives an entry to one receiver only when several ask at once": async ({ queue, put }) => {
    for (let n = 0; n < 5; n++) await put(`${n}`);
    const answers = await Promise.all([1, 2, 3, 4].map(() => queue.receive(10, going)));
    const ids = answers.flat().map((entry) => entry.id);
    expect(new Set(ids).size).toBe(ids.length);
  },
  "extend() keeps an entry hidden for so long from now": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const entry = await only(queue);
    await advance(visibilitySeconds - 1);
    expect(await queue.extend(entry, visibilitySeconds * 2)).toBe("kept");
    await advance(visibilitySeconds * 2 - 1);
    expect(await queue.receive(10, going)).toEqual([]);
    await advance(2);
    expect((await only(queue)).id).toBe(entry.id);
  },
  "extend() says lost when somebody else received the entry": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const stale = await only(queue);
    await advance(visibilitySeconds + 1);
    const newest = await only(queue);
    expect(await queue.extend(stale, 60)).toBe("lost");
    expect(await queue.extend(newest, 60)).toBe("kept");
  },
  "extend() says lost when the entry is visible again": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const entry = await only(queue);
    await advance(visibilitySeconds + 1);
    expect(await queue.extend(entry, 60)).toBe("lost");
  },
  "extend() says lost when the entry was acknowledged": async ({ queue, put }) => {
    await put("a");
    const entry = await only(queue);
    await queue.ack([entry]);
    expect(await queue.extend(entry, 60)).toBe("lost");
  },
  "ack() removes an entry for good": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    await queue.ack([await only(queue)]);
    await advance(visibilitySeconds + 1);
    expect(await queue.receive(10, going)).toEqual([]);
  },
  "ack() leaves the others": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const entry = await only(queue);
    await put("b");
    await queue.ack([entry]);
    await advance(visibilitySeconds + 1);
    expect((await only(queue)).body).toBe("b");
  },
  "ack() is no error when it is repeated, empty or late": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const stale = await only(queue);
    await advance(visibilitySeconds + 1);
    const newest = await only(queue);
    await queue.ack([]);
    await queue.ack([stale]);
    await queue.ack([newest]);
    await queue.ack([newest]);
    await advance(visibilitySeconds + 1);
    expect(await queue.receive(10, going)).toEqual([]);
  },
  "ack() takes more entries than one batch holds": async ({ queue, put, advance, visibilitySeconds }) => {
    for (let n = 0; n < 23; n++) await put(`${n}`);
    const entries: QueueEntry[] = [];
    for (let n = 0; n < 40 && entries.length < 23; n++) entries.push(...(await queue.receive(10, going)));
    expect(entries.length).toBe(23);
    await queue.ack(entries);
    await advance(visibilitySeconds + 1);
    expect(await queue.receive(10, going)).toEqual([]);
  },
  "retryLater() shows an entry at once after 0 seconds": async ({ queue, put }) => {
    await put("a");
    await queue.retryLater(await only(queue), 0);
    expect((await only(queue)).receiveCount).toBe(2);
  },
  "retryLater() shows an entry after so many seconds": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const after = visibilitySeconds * 3;
    await queue.retryLater(await only(queue), after);
    await advance(after - 1);
    expect(await queue.receive(10, going)).toEqual([]);
    await advance(2);
    expect((await only(queue)).body).toBe("a");
  },
  "retryLater() leaves the new holder alone when the receipt is stale": async ({ queue, put, advance, visibilitySeconds }) => {
    await put("a");
    const stale = await only(queue);
    await advance(visibilitySeconds + 1);
    const newest = await only(queue);
    await queue.retryLater(stale, 0).catch(() => {}); // an error tells the same
    expect(await queue.receive(10, going)).toEqual([]);
    expect(await queue.extend(newest, 60)).toBe("kept");
  },
  "size() counts visible entries and those in flight": async ({ queue, put }) => {
    expect(await queue.size()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    await put("a");
    await put("b");
    expect(await queue.size()).toEqual({ visible: 2, inFlight: 0, delayed: 0 });
    const [entry] = await queue.receive(1, going);
    expect(await queue.size()).toEqual({ visible: 1, inFlight: 1, delayed: 0 });
    if (entry) await queue.ack([entry]);
    expect(await queue.size()).toEqual({ visible: 1, inFlight: 0, delayed: 0 });
  },
};
