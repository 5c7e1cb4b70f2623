// The first receive of a queue, which begins before its poller does.

import { expect, test } from "bun:test";
import type { EpochMs } from "@sesame/core";
import { EarlyQueue } from "../../apps/worker/early-queue.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";

const goOn = { stopped: false };
const bodies = (entries: readonly Readonly<{ body: string }>[]) => entries.map(({ body }) => body);

class Spied extends MemoryMailQueue {
  readonly asked: unknown[] = [];

  override receive(...args: Parameters<MemoryMailQueue["receive"]>) {
    this.asked.push(args[0]);
    return super.receive(...args);
  }
}

function queues(...puts: string[]) {
  const queue = new Spied({ clock: { now: () => 0 as EpochMs } });
  for (const body of puts) queue.put(body);
  return { queue, early: new EarlyQueue(queue) };
}

test("the poller's first receive gets what the early one brings, and the next one asks", async () => {
  const { queue, early } = queues("one");
  early.begin(goOn, "long");
  queue.put("two");
  expect(bodies(await early.receive(5, goOn))).toEqual(["one"]);
  expect(bodies(await early.receive(5, goOn))).toEqual(["two"]);
  expect(queue.asked).toEqual([10, 5]);
});

test("without an early receive it is the queue", async () => {
  const { queue, early } = queues("one");
  const [entry] = await early.receive(3, goOn);
  if (entry === undefined) throw new Error("nothing received");
  expect(await early.size()).toMatchObject({ visible: 0, inFlight: 1 });
  expect(await early.extend(entry, 60)).toBe("kept");
  await early.retryLater(entry, 0);
  expect(await early.size()).toMatchObject({ visible: 1, inFlight: 0 });
  const [again] = await early.receive(3, goOn);
  if (again === undefined) throw new Error("nothing received");
  await early.ack([again]);
  expect(await early.size()).toMatchObject({ visible: 0, inFlight: 0 });
  expect(queue.asked).toEqual([3, 3]);
});

test("an early receive that fails is an error for the poller only, which asks again", async () => {
  const { queue, early } = queues("one");
  queue.receive = () => Promise.reject(new Error("away"));
  early.begin(goOn, "long");
  await Promise.resolve(); // an unhandled rejection would end the process
  await expect(early.receive(5, goOn)).rejects.toThrow("away");
  queue.receive = MemoryMailQueue.prototype.receive;
  expect(bodies(await early.receive(5, goOn))).toEqual(["one"]);
});

for (const [how, end] of [
  ["ends", (resolve: () => void, _: (error: Error) => void) => resolve()],
  ["fails", (_: () => void, reject: (error: Error) => void) => reject(new Error("no answer"))],
] as const) {
  test(`nobody gets an entry before the check of the tables ${how}`, async () => {
    const { early } = queues("one");
    const checked = Promise.withResolvers<void>();
    early.after(checked.promise);
    early.begin(goOn, "long");
    let got: readonly string[] | null = null;
    const receiving = early.receive(5, goOn).then((entries) => {
      got = bodies(entries);
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toBeNull();
    end(checked.resolve, checked.reject);
    await receiving;
    expect(got as unknown).toEqual(["one"]);
  });
}
