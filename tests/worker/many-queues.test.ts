// Many queues in one process: the window that they share, their sizes, a queue of several domains, and how long the event loop
// is kept busy. On a fake clock; the processor time is real.

import { expect, test } from "bun:test";
import type { Courier, Domain, MailQueue, Stop } from "@sesame/core";
import { healthApp } from "../../apps/worker/http.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { busyTime } from "../busy-time.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { one, two, World } from "./world.ts";

const domainOf = (index: number) => `domain-${index}.test` as Domain;

/** A queue that long-polls on the world's timers, and tells the wait of each receive. */
function pollingQueue(world: World, inner: MemoryMailQueue, waits: string[] = []): MailQueue {
  const receive = async (limit: number, stop: Stop, wait = "long") => {
    waits.push(wait);
    await new Promise<void>((resolve) => setImmediate(resolve)); // an answer of the network comes in a turn of its own
    const until = world.timers.now() + (wait === "long" ? 20_000 : 0);
    for (;;) {
      const entries = await inner.receive(limit, stop);
      if (entries.length > 0 || stop.stopped || world.timers.now() >= until) return entries;
      await new Promise<void>((resolve) => world.timers.after(250, resolve));
    }
  };
  return Object.assign(Object.create(inner), {
    receive,
    ack: inner.ack.bind(inner),
    extend: inner.extend.bind(inner),
    retryLater: inner.retryLater.bind(inner),
    size: () => inner.size(),
  });
}

/** A world with so many queues, each with so many mails. */
function manyQueues(count: number, mails: number, courier?: Courier, concurrency: number = 128) {
  const source = new World();
  const inner = Array.from({ length: count }, () => new MemoryMailQueue({ clock: source.clock }));
  const domains = inner.map((_, index) => domainOf(index));
  const waits: string[] = [];
  const queues = new Map(inner.map((queue, index) => [domainOf(index), pollingQueue(source, queue, waits)]));
  const fleet = {
    queues,
    concurrency,
    timers: source.timers,
    journeyPorts: { ...source.journeyPorts, domains },
    ...(courier && { courier }),
  };
  const world = new World(fleet);
  for (const [index, queue] of inner.entries()) for (let i = 0; i < mails; i++) source.put(queue, domainOf(index));
  const pass = async (seconds: number, each: () => void = () => {}) => {
    for (let i = 0; i < seconds * 4; i++) {
      source.timers.advance(250);
      source.clock.advance(0.25);
      await source.settle();
      each();
    }
  };
  const end = async () => {
    const ending = world.fleet.end();
    await pass(1);
    await ending;
  };
  return { world, source, inner, waits, pass, end };
}

test("X37 200 queues with backlog share one window: the first mail of each comes soon, and no more are in work than it has", async () => {
  const inner = new MemoryCourier();
  const seen = new Set<string>();
  let [running, most] = [0, 0];
  const { world, source, pass, end } = manyQueues(200, 5, {
    send: async (route, transaction) => {
      most = Math.max(most, ++running);
      for (const { address } of transaction.recipients) seen.add(address);
      await source.clock.sleep(1000);
      running--;
      return inner.send(route, transaction);
    },
  });
  world.fleet.start();
  await pass(3);
  expect([seen.size, most <= 128]).toEqual([200, true]);
  await pass(20, () => expect(world.fleet.permitsOut).toBeLessThanOrEqual(128));
  expect([inner.sent.length, most]).toEqual([1000, 128]);
  await end();
});

test("X37 200 quiet queues hold no permits while they wait, and a mail in one of them is delivered at once", async () => {
  const courier = new MemoryCourier();
  const { world, source, inner, waits, pass, end } = manyQueues(200, 0, courier);
  world.fleet.start();
  await pass(2);
  expect([world.fleet.permitsOut, waits.filter((wait) => wait === "long").length]).toEqual([0, 200]);
  const queue = inner[150];
  if (queue) for (let i = 0; i < 30; i++) source.put(queue, domainOf(150));
  await pass(1);
  expect([courier.sent.length, world.fleet.permitsOut]).toEqual([30, 0]);
  const polls = waits.length;
  await pass(60);
  expect(waits.length - polls).toBeLessThanOrEqual(200 * 4); // one long poll after another, and no short ones between
  await end();
});

test("X37 a flooded queue leaves each other queue its turn", async () => {
  const inner = new MemoryCourier();
  const {
    world,
    source,
    inner: queues,
    pass,
    end,
  } = manyQueues(
    20,
    0,
    {
      send: async (route, transaction) => {
        await source.clock.sleep(1000);
        return inner.send(route, transaction);
      },
    },
    8,
  );
  const [flood, ...others] = queues;
  if (flood) for (let i = 0; i < 500; i++) source.put(flood, domainOf(0));
  world.fleet.start();
  await pass(3);
  for (const [index, queue] of others.entries()) source.put(queue, domainOf(index + 1));
  await pass(8);
  expect(others.map((queue) => queue.bodies.length)).toEqual(others.map(() => 0));
  expect(flood?.bodies.length ?? 0).toBeGreaterThan(380);
  await end();
});

test("X37 a queue whose mail hangs leaves a quarter of the window to the others", async () => {
  const inner = new MemoryCourier();
  const {
    world,
    source,
    inner: queues,
    pass,
  } = manyQueues(
    10,
    0,
    {
      send: async (route, transaction) => {
        if (transaction.recipients.some(({ address }) => address.endsWith(`@${domainOf(0)}`))) await source.clock.sleep(600_000);
        return inner.send(route, transaction);
      },
    },
    16,
  );
  const [hanging, ...others] = queues;
  if (hanging) for (let i = 0; i < 100; i++) source.put(hanging, domainOf(0));
  world.fleet.start();
  await pass(5);
  expect([world.fleet.views()[0]?.inFlight, world.fleet.permitsOut]).toEqual([12, 12]);
  for (const [index, queue] of others.entries()) source.put(queue, domainOf(index + 1));
  await pass(3);
  expect(others.map((queue) => queue.bodies.length)).toEqual(others.map(() => 0));
  const ending = world.fleet.end();
  source.clock.advance(600);
  await pass(1);
  await ending;
});

test("X37 a receive that hangs gives its permits to the others when its poller is replaced", async () => {
  const world: World = new World();
  const answers: (() => void)[] = [];
  const hanging = () =>
    ({
      receive: () => new Promise((resolve) => answers.push(() => resolve([]))),
      size: async () => ({ visible: 0, inFlight: 0, delayed: 0 }),
    }) as unknown as MailQueue;
  const queues = new Map<Domain, MailQueue>([
    ...Array.from({ length: 4 }, (_, i) => [domainOf(i), hanging()] as const),
    [one, world.queue],
  ]);
  const fleet = new World({ queues, courier: world.courier, journeyPorts: world.journeyPorts, concurrency: 4 });
  fleet.fleet.start();
  for (let i = 0; i < 5; i++) world.put();
  await fleet.pass(59);
  expect([world.queue.bodies.length, fleet.fleet.permitsOut]).toEqual([5, 4]);
  await fleet.pass(16);
  expect(world.queue.bodies.length).toBeLessThan(5);
  const ending = fleet.fleet.end();
  for (let i = 0; i < 4; i++) {
    for (const answer of answers.splice(0)) answer();
    await fleet.pass(1);
  }
  await ending;
});

test("X37 after an outage one mail of all queues together begins, then two", async () => {
  const inner = new MemoryCourier();
  const sizes: number[] = [];
  let [away, running] = [true, 0];
  const { world, source, pass, end } = manyQueues(50, 20, {
    send: async (route, transaction) => {
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      sizes.push(++running);
      await source.clock.sleep(1000);
      running--;
      return inner.send(route, transaction);
    },
  });
  world.trouble = null;
  world.fleet.start();
  await pass(1);
  away = false;
  await pass(120);
  expect(sizes.slice(0, 3)).toEqual([1, 1, 2]);
  expect(Math.max(...sizes)).toBe(128);
  expect(inner.sent.length).toBe(1000);
  await end();
});

const hostAway = {
  action: "delayed",
  status: "4.4.1",
  reason: "unreachable",
  scope: "host",
  detail: "refused",
  possibleDuplicate: false,
} as const;

test("X37 the sizes of 200 queues are read one after another, each within half a minute", async () => {
  const { world, inner, pass, end } = manyQueues(200, 0);
  const asked: number[] = [];
  let atOnce = 0;
  for (const [index, queue] of inner.entries()) {
    queue.size = async () => {
      asked.push(index);
      atOnce++;
      return { visible: 0, inFlight: 0, delayed: 0 };
    };
  }
  world.fleet.start();
  let most = 0;
  await pass(31, () => {
    most = Math.max(most, atOnce);
    atOnce = 0;
  });
  expect(most).toBeLessThanOrEqual(3); // in a quarter of a second
  await pass(20);
  expect(new Set(asked).size).toBe(200);
  await end();
});

test("X37 /livez answers within 100 ms of this process's own time, with 200 queues and their backlog", async () => {
  const courier = new MemoryCourier();
  const { world, source, inner, end } = manyQueues(200, 20, {
    send: async (route, transaction) => {
      await source.clock.sleep(1000);
      return courier.send(route, transaction);
    },
  });
  const app = healthApp({
    version: "1",
    maxAgeSeconds: world.fleet.maxAgeSeconds,
    domains: () => world.fleet.views(),
    stopping: () => false,
    mailServer: () => null,
    circuits: () => world.fleet.circuits.states(),
  });
  world.fleet.start();
  let [worst, answers] = [0, 0];
  for (let i = 0; i < 400 && inner.some((queue) => queue.bodies.length > 0); i++) {
    const worked = busyTime();
    source.timers.advance(250);
    source.clock.advance(0.25);
    // What is due runs before the answer, as it would before a connection is accepted.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if ((await app.request("/livez")).status === 200) answers++;
    worst = Math.max(worst, worked());
    for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(inner.some((queue) => queue.bodies.length > 0)).toBe(false);
  expect(answers).toBeGreaterThan(5);
  expect(worst).toBeLessThanOrEqual(100);
  await end();
});

test("X37 domains of one queue share one poller, under a name of both", async () => {
  const metrics = makeMetrics("0");
  const world: World = new World();
  let receives = 0;
  const queue: MailQueue = Object.assign(Object.create(world.queue), {
    receive: (limit: number, stop: Stop) => {
      receives++;
      return world.queue.receive(limit, stop);
    },
    ack: world.queue.ack.bind(world.queue),
    size: world.queue.size.bind(world.queue),
  });
  const shared = new World({
    metrics,
    courier: world.courier,
    journeyPorts: world.journeyPorts,
    queues: new Map<Domain, MailQueue>([
      [one, queue],
      [two, queue],
    ]),
  });
  shared.fleet.start();
  await shared.pass(10);
  expect(receives).toBeLessThanOrEqual(12);
  world.put();
  world.put(world.queue, two);
  await shared.pass(2);
  expect(world.courier.sent.length).toBe(2);
  expect(shared.fleet.views().map(({ domain }) => domain)).toEqual([one, two]);
  expect(await metrics.registry.metrics()).toContain('sesame_mails_total{domain="example.com+1",outcome="delivered"} 2');
  await shared.end();
});
