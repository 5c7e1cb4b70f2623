// The fleet on fakes: what is received when, and what comes back.

import { expect, test } from "bun:test";
import { type Courier, type Domain, delayed, type EpochMs, type MailQueue, type QueueEntry, type Verdict } from "@sesame/core";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { octets, one, two, World } from "./world.ts";

const hostAway: Verdict = delayed("unreachable", "host", "connection refused");

test("Fleet delivers what its queues hold and ends with empty hands", async () => {
  const world = new World();
  for (let i = 0; i < 25; i++) world.put();
  world.fleet.start();
  await world.pass(3);
  expect(world.queue.bodies.length).toBe(0);
  expect(world.courier.sent.length).toBe(25);
  await world.end();
  expect(world.timers.pending).toBe(0);
});

test("Fleet receives nothing while the mail server is away: receive counts stand still", async () => {
  const world = new World();
  let away = true;
  const courier: Courier = {
    send: async (route, consignment) =>
      away ? new Map(consignment.recipients.map(({ key }) => [key, hostAway])) : world.courier.send(route, consignment),
  };
  const counting = new World({ courier, probe: async () => (away ? "refused" : null) });
  for (let i = 0; i < 20; i++) counting.put();
  counting.fleet.start();
  await counting.pass(5);
  const receives = counting.lines.filter((line) => line["event"] === "mail").length;
  expect(receives).toBeLessThanOrEqual(4); // those that were in work when it went away
  await counting.pass(600);
  expect(counting.lines.filter((line) => line["event"] === "mail").length).toBe(receives);
  expect(counting.fleet.circuit.state).toBe("open");
  away = false;
  await counting.pass(120);
  expect(counting.queue.bodies.length).toBe(0);
  expect(world.courier.sent.length).toBe(20);
  await counting.end();
});

test("Fleet begins with one mail when the circuit has closed", async () => {
  const sizes: number[] = [];
  let [away, running] = [true, 0];
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, consignment) => {
      if (away) return new Map(consignment.recipients.map(({ key }) => [key, hostAway]));
      sizes.push(++running);
      await new Promise<void>((resolve) => setImmediate(resolve));
      running--;
      return inner.send(route, consignment);
    },
  };
  const world = new World({ courier, probe: async () => null, concurrency: 16 });
  for (let i = 0; i < 40; i++) world.put();
  world.fleet.start();
  await world.pass(1);
  away = false;
  await world.pass(90);
  expect(inner.sent.length).toBe(40);
  expect(sizes.slice(0, 3)).toEqual([1, 1, 2]); // one, and when it has ended two
  expect(Math.max(...sizes)).toBeGreaterThan(2);
  await world.end();
});

test("F39 Fleet hands back, with no wait, what a poll brought while it was asked to end", async () => {
  let answer: (entries: readonly QueueEntry[]) => void = () => {};
  const given: number[] = [];
  const queue = {
    receive: () =>
      new Promise<readonly QueueEntry[]>((resolve) => {
        answer = resolve;
      }),
    retryLater: async (_: QueueEntry, seconds: number) => void given.push(seconds),
    size: async () => ({ visible: 0, inFlight: 0, delayed: 0 }),
  } as unknown as MailQueue;
  const world = new World({ queues: new Map([[one, queue]]) });
  world.fleet.start();
  await world.settle();
  const ending = world.fleet.end();
  answer([{ id: "e", receiptHandle: "r", receiveCount: 1, sentAt: 0 as EpochMs, body: "{}" }]);
  await ending;
  expect(given).toEqual([0]);
});

test("F04 a domain whose queue is missing degrades alone", async () => {
  const world = new World();
  const missing = {
    receive: async () => {
      throw new Error("QueueDoesNotExist");
    },
    size: async () => {
      throw new Error("QueueDoesNotExist");
    },
  } as unknown as MailQueue;
  const both = new World({
    queues: new Map<Domain, MailQueue>([
      [one, world.queue],
      [two, missing],
    ]),
    ledger: world.ledger,
    courier: world.courier,
  });
  both.store.put({ kind: "object", bucket: "mails", key: "k1" }, octets);
  world.put();
  both.fleet.start();
  await both.pass(60);
  expect(world.queue.bodies.length).toBe(0);
  const [good, bad] = both.fleet.views();
  expect([good?.pollAgeSeconds !== null, bad?.pollAgeSeconds, (bad?.loopAgeSeconds ?? 99) < 5]).toEqual([true, null, true]);
  const errors = both.lines.filter((line) => line["event"] === "port-error" && line["domain"] === two).length;
  expect(errors).toBeGreaterThan(3);
  expect(errors).toBeLessThan(15); // it backs off
  await both.end();
});

test("Fleet replaces a loop that hangs in a call, and hands back what the old one still gets", async () => {
  const answers: ((entries: readonly QueueEntry[]) => void)[] = [];
  const given: string[] = [];
  const queue = {
    receive: () => new Promise<readonly QueueEntry[]>((resolve) => answers.push(resolve)),
    retryLater: async (entry: QueueEntry) => void given.push(entry.id),
    size: async () => ({ visible: 0, inFlight: 0, delayed: 0 }),
  } as unknown as MailQueue;
  const world = new World({ queues: new Map([[one, queue]]) });
  world.fleet.start();
  await world.pass(90);
  expect(answers.length).toBe(2);
  expect(world.lines.some((line) => line["event"] === "poller-hangs")).toBe(true);
  answers[0]?.([{ id: "late", receiptHandle: "r", receiveCount: 1, sentAt: 0 as EpochMs, body: "{}" }]);
  await world.settle();
  expect(given).toEqual(["late"]);
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet says each minute what every domain did", async () => {
  const world = new World();
  for (let i = 0; i < 3; i++) world.put();
  world.fleet.start();
  await world.pass(61);
  const [line] = world.lines.filter(({ event }) => event === "status");
  expect(line).toMatchObject({ domain: one, received: 3, outcomes: { delivered: 3 }, inFlight: 0, queue: { visible: 0 } });
  await world.end();
});

test("F52 a flooded domain does not slow the others", async () => {
  const world = new World();
  const flood = new MemoryMailQueue({ clock: world.clock });
  const courier: Courier = {
    send: async (route, consignment) => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return world.courier.send(route, consignment);
    },
  };
  const both = new World({
    courier,
    queues: new Map<Domain, MailQueue>([
      [one, flood],
      [two, world.queue],
    ]),
  });
  for (let i = 0; i < 300; i++) both.put(flood);
  both.put(world.queue, two);
  both.fleet.start();
  for (let i = 0; i < 200 && world.queue.bodies.length > 0; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(world.queue.bodies.length).toBe(0);
  expect(flood.bodies.length).toBeGreaterThan(200);
  await both.pass(20);
  await both.end();
});

test("sesame_circuit_open is 1 while the mail server is away, and else 0", async () => {
  const metrics = makeMetrics("0");
  let away = true;
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, consignment) =>
      away ? new Map(consignment.recipients.map(({ key }) => [key, hostAway])) : inner.send(route, consignment),
  };
  const world = new World({ metrics, courier, probe: async () => (away ? "refused" : null) });
  const shown = async () => /^sesame_circuit_open (\d)$/m.exec(await metrics.registry.metrics())?.[1];
  expect(await shown()).toBe("0");
  world.put();
  world.fleet.start();
  await world.pass(1);
  expect(await shown()).toBe("1");
  away = false;
  await world.pass(60);
  expect([await shown(), inner.sent.length]).toEqual(["0", 1]);
  await world.end();
});
