// What a worker knows of its queues for blocked mails that wait to be deleted.

import { expect, test } from "bun:test";
import type { Domain, EpochMs, MailQueue, QueueEntry } from "@sesame/core";
import { RestingQueues } from "../../apps/worker/resting.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";

const [one, two] = ["example.com" as Domain, "another.test" as Domain];

function setUp(most?: number) {
  const clock = new FakeClock();
  const circuit = { open: false };
  const queues = new RestingQueues({ queues: [one, two], clock, circuitOpen: () => circuit.open, ...(most !== undefined && { most }) });
  const memory = { [one]: new MemoryMailQueue({ clock }), [two]: new MemoryMailQueue({ clock }) } as Record<Domain, MemoryMailQueue>;
  const stop = { stopped: false };
  const poll = (domain: Domain) => queues.watch(domain, memory[domain] as MailQueue).receive(10, stop);
  const pollBoth = async () => {
    for (const domain of [one, two]) await poll(domain);
  };
  return { clock, circuit, queues, memory, stop, poll, pollBoth, resting: queues.of(one) };
}

test("X21 quietSince() is true when each queue was received empty since then", async () => {
  const { clock, resting, poll } = setUp();
  const since = clock.now();
  expect(resting.quietSince(since)).toBe(false);
  await poll(one);
  expect(resting.quietSince(since)).toBe(false);
  clock.advance(10);
  await poll(two);
  expect(resting.quietSince(since)).toBe(true);
  expect(resting.quietSince((since + 1) as EpochMs)).toBe(false); // the first queue was empty before
});

test("X21 quietSince() asks when a poll began, and no poll that brought an entry counts", async () => {
  const { clock, resting, queues, memory, poll } = setUp();
  await poll(two);
  memory[one]?.put("{}");
  const [entry] = await poll(one);
  expect(entry).toBeDefined();
  expect(resting.quietSince(clock.now())).toBe(false);
  const began = clock.now();
  const receive = async (): Promise<QueueEntry[]> => {
    clock.advance(20);
    return [];
  };
  const slow: MailQueue = { ...(memory[one] as MailQueue), receive };
  await queues.watch(one, slow).receive(10, { stopped: false });
  await poll(two);
  expect([resting.quietSince(began), resting.quietSince(clock.now())]).toEqual([true, false]);
});

test("X21 quietSince() counts no poll while a circuit is open, after a stop, or while an entry is hidden unread", async () => {
  const { clock, circuit, resting, stop, pollBoth } = setUp();
  const since = clock.now();
  circuit.open = true;
  await pollBoth();
  expect(resting.quietSince(since)).toBe(false);
  circuit.open = false;
  stop.stopped = true;
  await pollBoth();
  expect(resting.quietSince(since)).toBe(false);
  stop.stopped = false;
  resting.hides(30);
  resting.hides(5); // does not shorten the first
  clock.advance(29);
  await pollBoth();
  expect(resting.quietSince(since)).toBe(false);
  clock.advance(1);
  await pollBoth();
  expect(resting.quietSince(since)).toBe(true);
});

test("X21 admit() lets so many entries of a queue rest at once, and the same one again", () => {
  const { clock, queues, resting } = setUp(3);
  expect(["a", "b", "c", "d", "a"].map((id) => resting.admit(id, 900))).toEqual([true, true, true, false, true]);
  expect(queues.of(two).admit("d", 900)).toBe(true);
  clock.advance(900);
  expect(resting.admit("d", 900)).toBe(true);
});

test("X21 the watched queue does all that the queue does", async () => {
  const { queues, memory, clock } = setUp();
  const queue = queues.watch(one, memory[one] as MailQueue);
  memory[one]?.put("{}");
  const [entry] = await queue.receive(1, { stopped: false });
  if (entry === undefined) throw new Error("there is an entry");
  expect(await queue.extend(entry, 60)).toBe("kept");
  await queue.retryLater(entry, 30);
  expect((await queue.size()).visible).toBe(0);
  clock.advance(30);
  await queue.ack(await queue.receive(1, { stopped: false }));
  expect(await queue.size()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
});
