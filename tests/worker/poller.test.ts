// The poller on fakes: how it asks its queue, and how work begins again after trouble.

import { expect, test } from "bun:test";
import {
  type Courier,
  delayed,
  type EpochMs,
  headLimit,
  type MailQueue,
  PortError,
  type QueueEntry,
  type Stop,
  type Verdict,
} from "@sesame/core";
import { ByteBudget } from "../../apps/worker/budget.ts";
import { Circuit } from "../../apps/worker/circuit.ts";
import { type Metrics, makeMetrics } from "../../apps/worker/metrics.ts";
import { Poller } from "../../apps/worker/poller.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { octets, one, World } from "./world.ts";

const hostAway: Verdict = delayed("unreachable", "host", "connection refused");
const noSize = { visible: 0, inFlight: 0, delayed: 0 };

function entryOf(body: string, receiveCount: number): QueueEntry {
  return { id: "e", receiptHandle: "r", receiveCount, sentAt: 0 as EpochMs, body };
}

/** A queue that gives out the entries once and keeps what it is told of them. */
function scriptedQueue(entries: readonly QueueEntry[]) {
  const told: string[] = [];
  const asked = { receives: 0 };
  let left = entries;
  const queue = {
    receive: async () => {
      asked.receives++;
      const given = left;
      left = [];
      await new Promise<void>((resolve) => setImmediate(resolve));
      return given;
    },
    retryLater: async (_: QueueEntry, seconds: number) => void told.push(`retry ${seconds}`),
    ack: async () => void told.push("ack"),
    size: async () => noSize,
  } as unknown as MailQueue;
  return { queue, told, asked };
}

test("mails that end while the mail server is away do not bring back the full pace", async () => {
  const gates: (() => void)[] = [];
  const sizes: number[] = [];
  let [away, running] = [true, 0];
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, consignment) => {
      if (!away) sizes.push(++running);
      await new Promise<void>((resolve) => (away ? gates.push(resolve) : setImmediate(resolve)));
      if (away) return new Map(consignment.recipients.map(({ key }) => [key, hostAway]));
      running--;
      return inner.send(route, consignment);
    },
  };
  const world = new World({ courier, probe: async () => (away ? "refused" : null), concurrency: 16 });
  for (let i = 0; i < 40; i++) world.put();
  world.fleet.start();
  await world.pass(1);
  expect(gates.length).toBe(16);
  gates.shift()?.();
  await world.pass(1); // the poller sees that the circuit is open, and then the others end one by one
  for (const gate of gates.splice(0)) {
    gate();
    await world.pass(0.25);
  }
  away = false;
  await world.pass(90);
  expect(inner.sent.length).toBe(40);
  expect(sizes.slice(0, 3)).toEqual([1, 1, 2]); // one, and when it has ended two
  await world.end();
});

test("a queue that does not wait is asked about once in a second while it is empty, and at once while it is not", async () => {
  const { queue, asked } = scriptedQueue([]);
  const world = new World({ queues: new Map([[one, queue]]), waitSeconds: 0 });
  world.fleet.start();
  await world.pass(10);
  expect(asked.receives).toBeGreaterThan(5);
  expect(asked.receives).toBeLessThan(15);
  await world.end();
});

/** A poller alone, on a budget that others share. */
function bench(queue: MailQueue, most: number, metrics: Metrics = makeMetrics("0")) {
  const [timers, world, stop] = [new FakeTimers(), new World(), { stopped: false }];
  const budget = new ByteBudget({ most, patienceMs: 5000, timers });
  const circuit = new Circuit({ probe: async () => null, timers, changed: () => {} });
  const way = { ...world.way, courier: world.courier, worker: "worker-example.com" };
  const poller = new Poller(
    {
      ...{ domain: one, queue, ledger: world.ledger, journal: { note: () => {} }, metrics, way },
      ...{ concurrency: 4, visibilitySeconds: 120, budget, sends: budget, circuit, timers },
    },
    stop,
  );
  const running = poller.run();
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 4; i++) {
      timers.advance(250);
      for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  const end = async () => {
    stop.stopped = true;
    await pass(2);
    await running;
  };
  return { timers, budget, pass, end };
}

test("an entry that comes when memory is full waits for room, and is not given back unseen", async () => {
  const { queue, told } = scriptedQueue([entryOf('{"Event":"s3:TestEvent"}', 1)]);
  let fill = async () => {};
  const full: MailQueue = Object.assign(Object.create(queue), {
    receive: async (limit: number, stop: Stop) => {
      const entries = await queue.receive(limit, stop);
      if (entries.length > 0) await fill(); // while the queue was asked another domain took all there is
      return entries;
    },
  });
  const { timers, budget, pass, end } = bench(full, headLimit);
  fill = async () => void (await budget.take(headLimit));
  await pass(1);
  expect(told).toEqual([]);
  budget.give(headLimit);
  await pass(1);
  expect(told).toEqual(["ack"]);
  await end();
  expect([timers.pending, budget.held]).toEqual([0, 0]);
});

test("a mail that finds no room again and again is tried ever later, or it would be a dead letter within minutes", async () => {
  const waits: number[] = [];
  for (const count of [1, 2, 5, 9]) {
    const { queue, told } = scriptedQueue([entryOf("{}", count)]);
    let fill = () => {};
    const full: MailQueue = Object.assign(Object.create(queue), {
      receive: (limit: number, stop: Stop) => {
        fill();
        return queue.receive(limit, stop);
      },
    });
    const { budget, pass, end } = bench(full, headLimit);
    fill = () => void budget.take(headLimit);
    await pass(6);
    await end();
    waits.push(Number(told[0]?.split(" ")[1]));
  }
  expect(waits.map((seconds) => seconds >= 5)).toEqual([true, true, true, true]);
  expect(waits.map((seconds, index) => index === 0 || seconds > 1.5 * (waits[index - 1] ?? 0))).toEqual([true, true, true, true]);
  expect(waits.at(-1)).toBeGreaterThan(3000);
});

test("sesame_in_flight counts the mails of a loop that was replaced too", async () => {
  const answers: ((entries: readonly QueueEntry[]) => void)[] = [];
  const queue = {
    receive: () => new Promise<readonly QueueEntry[]>((resolve) => answers.push(resolve)),
    retryLater: async () => {},
    extend: async () => "kept",
    ack: async () => {},
    size: async () => noSize,
  } as unknown as MailQueue;
  const metrics = makeMetrics("0");
  const gates: (() => void)[] = [];
  const courier: Courier = {
    send: (_, { recipients }) =>
      new Promise((resolve) => gates.push(() => resolve(new Map(recipients.map(({ key }) => [key, { action: "delivered", detail: "" }]))))),
  };
  const world = new World({ queues: new Map([[one, queue]]), metrics, courier });
  const inFlight = async () => (await metrics.inFlight.get()).values.map(({ value }) => value);
  const bodies: string[] = [];
  for (let i = 0; i < 2; i++) world.put();
  bodies.push(...world.queue.bodies);
  world.fleet.start();
  await world.settle();
  expect(await inFlight()).toEqual([0]);
  answers[0]?.([{ ...entryOf(bodies[0] ?? "", 1), id: "e1", receiptHandle: "r1" }]);
  await world.settle();
  expect(await inFlight()).toEqual([1]);
  await world.pass(90); // the second receive hangs, and another loop takes over
  answers.at(-1)?.([{ ...entryOf(bodies[1] ?? "", 1), id: "e2", receiptHandle: "r2" }]);
  await world.settle();
  expect(await inFlight()).toEqual([2]);
  gates[0]?.();
  await world.settle();
  expect(await inFlight()).toEqual([1]);
  gates[1]?.();
  const ending = world.fleet.end();
  await world.settle();
  for (const answer of answers.splice(0)) answer([]);
  await ending;
  expect(await inFlight()).toEqual([0]);
});

test("a fleet that ends waits for no mail that waits for room", async () => {
  const inner = new MemoryCourier();
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const courier: Courier = {
    send: async (route, consignment) => {
      if (route === "ses") await gate;
      return inner.send(route, consignment);
    },
  };
  const world = new World({ courier, bytesInFlight: 4 * 1024 * 1024 });
  world.directory.rule("alice@example.com", { forwards: ["away@remote.test"] });
  const large = new Uint8Array(600 * 1024).fill(97);
  large.set(octets);
  for (const key of ["k1", "k2"]) {
    world.put();
    world.store.put({ kind: "object", bucket: "mails", key }, large);
  }
  world.fleet.start();
  await world.pass(1);
  expect(inner.sent.length).toBe(2); // both are delivered, one is being forwarded, one waits for its turn
  const ending = world.fleet.end();
  await world.settle();
  release();
  await world.pass(1);
  await ending;
  expect([inner.sent.length, world.queue.bodies.length, world.timers.pending]).toEqual([3, 1, 0]);
});

test("retries_total counts a mail that goes back because a port failed, and one that found no room", async () => {
  const metrics = makeMetrics("0");
  const world = new World({ metrics });
  world.ledger.claim = async () => {
    throw new PortError("Ledger", "claim", "Cannot claim as AWS must be reachable: current value is ECONNREFUSED");
  };
  world.put();
  world.fleet.start();
  await world.pass(1);
  await world.end();
  const { queue } = scriptedQueue([entryOf(world.queue.bodies[0] ?? "", 1)]);
  const { budget, pass, end } = bench(queue, headLimit, metrics);
  void budget.take(headLimit);
  await pass(10);
  await end();
  const retries = (await metrics.registry.metrics()).match(/sesame_retries_total\{.*/g);
  expect(retries).toEqual([
    'sesame_retries_total{domain="example.com",reason="port-error"} 1',
    'sesame_retries_total{domain="example.com",reason="no-room"} 1',
  ]);
});
