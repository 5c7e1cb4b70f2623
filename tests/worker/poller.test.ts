// The poller with fake ports: how it polls its queue, and how work starts again after failures.

import { expect, test } from "bun:test";
import {
  type Courier,
  delayed,
  type EpochMs,
  headLimit,
  type JournalEvent,
  type MailQueue,
  PortError,
  type QueueEntry,
  type Stop,
  type Verdict,
} from "@sesame/core";
import { ByteBudget } from "../../apps/worker/byte-budget.ts";
import { Circuits } from "../../apps/worker/circuits.ts";
import { type Metrics, makeMetrics } from "../../apps/worker/metrics.ts";
import { Poller } from "../../apps/worker/poller.ts";
import { SendPlaces } from "../../apps/worker/send-places.ts";
import { Window } from "../../apps/worker/window.ts";
import { backOff } from "../../packages/core/journey/retry-delay.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { octets, one, World } from "./world.ts";

const hostAway: Verdict = delayed("unreachable", "host", "connection refused");
const noSize = { visible: 0, inFlight: 0, delayed: 0 };

function entryOf(body: string, receiveCount: number): QueueEntry {
  return { id: "e", receiptHandle: "r", receiveCount, sentAt: 0 as EpochMs, body };
}

/** A queue that returns its entries once and records the calls. */
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

test("mails that end while the mail server is unreachable do not end the slow start", async () => {
  const gates: (() => void)[] = [];
  const sizes: number[] = [];
  let [away, running] = [true, 0];
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, transaction) => {
      if (!away) sizes.push(++running);
      await new Promise<void>((resolve) => (away ? gates.push(resolve) : setImmediate(resolve)));
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      running--;
      return inner.send(route, transaction);
    },
  };
  const probe = async () => (away && world.fleet.circuits.mailServer.openings > 0 ? "refused" : null);
  const world: World = new World({ courier, probe, concurrency: 16 });
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

test("a queue without long poll is polled once a second while it is empty, and at once while it is not", async () => {
  const { queue, asked } = scriptedQueue([]);
  const world = new World({ queues: new Map([[one, queue]]), waitSeconds: 0 });
  world.fleet.start();
  await world.pass(10);
  expect(asked.receives).toBeGreaterThan(5);
  expect(asked.receives).toBeLessThan(15);
  await world.end();
});

/** A single poller with a shared budget. */
function bench(queue: MailQueue, most: number, metrics: Metrics = makeMetrics("0"), world: World = new World()) {
  const [timers, stop] = [new FakeTimers(), { stopped: false }];
  const events: JournalEvent[] = [];
  const budget = new ByteBudget({ most, maxWaitMs: 5000, timers });
  const { store } = world.journeyPorts;
  const circuits = new Circuits({ probe: async () => null, ledger: world.ledger, store, timers, changed: () => {} });
  const window = new Window({ most: 4, timers });
  const places = new SendPlaces({ most: 4, mostBytes: most / 2, mostWaiting: 4, timers });
  const resting = { quietSince: () => true, hides: () => {}, admit: () => true };
  const ports = { ...world.journeyPorts, courier: world.courier, worker: "worker-example.com", mayOpen: () => true, resting };
  const journal = { note: (event: JournalEvent) => void events.push(event) };
  const poller = new Poller(
    {
      ...{ domain: one, queue, ledger: world.ledger, journal, metrics, ports },
      ...{ window, visibilitySeconds: 120, budget, places, circuits, isFull: () => false, recordMs: 1000, givesUp: () => false, timers },
    },
    stop,
  );
  const running = poller.run();
  const settle = async () => {
    for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds * 4; i++) {
      timers.advance(250);
      await settle();
    }
  };
  const end = async () => {
    stop.stopped = true;
    await pass(2);
    await running;
  };
  /** Opens the circuit: the mail server is unreachable. */
  const lose = async () => {
    const courier: Courier = { send: async () => new Map([["deliver a" as never, hostAway]]) };
    const content = { pieces: [], rest: null, size: 0, eightBit: false };
    await circuits.mailServer.watch(courier).send("mailbox", { mailId: "b/k" as never, from: null, recipients: [], content });
  };
  return { timers, budget, circuit: circuits.mailServer, window, poller, running, stop, events, settle, pass, end, lose };
}

/** The same queue; a function runs before each receive is answered. */
function meanwhile(queue: MailQueue, act: () => unknown): MailQueue {
  const receive = async (limit: number, stop: Stop) => {
    const entries = await queue.receive(limit, stop);
    await act();
    return entries;
  };
  return Object.assign(Object.create(queue), { receive });
}

const testEvent = '{"Event":"s3:TestEvent"}'; // acknowledged as it is

test("an entry that arrives when memory is full waits for room before it returns to the queue", async () => {
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

test("a mail that repeatedly finds no room is retried with growing delays; else it would be a dead letter within minutes", async () => {
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

test("sesame_in_flight also counts the mails of a superseded poller", async () => {
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

test("a fleet that stops does not wait for mails that wait for room", async () => {
  const inner = new MemoryCourier();
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const courier: Courier = {
    send: async (route, transaction) => {
      if (route === "ses") await gate;
      return inner.send(route, transaction);
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

test("retries_total counts a mail that returns because a port failed, and one that found no room", async () => {
  const metrics = makeMetrics("0");
  const world = new World({ metrics });
  world.ledger.claim = async () => {
    throw new PortError("Ledger", "claim", "Cannot claim: AWS is not reachable: ECONNREFUSED");
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

test("X36 entries that arrive when the mail server has become unreachable return for 20 to 30 s, and none is started", async () => {
  const { queue, told } = scriptedQueue([entryOf(testEvent, 1), entryOf(testEvent, 2)]);
  let lose = async () => {};
  const {
    pass,
    end,
    circuit,
    lose: away,
  } = bench(
    meanwhile(queue, () => lose()),
    headLimit,
  );
  lose = away;
  await pass(1);
  expect([circuit.state, ...told.map((each) => each.split(" ")[0])]).toEqual(["open", "retry", "retry"]);
  const seconds = told.map((each) => Number(each.split(" ")[1]));
  expect([Math.min(...seconds) >= 20, Math.max(...seconds) <= 30]).toEqual([true, true]); // no worker receives it at once to find out for itself
  await end();
});

test("a poller receives nothing while the mail server is unreachable, or memory is full", async () => {
  const { queue, asked } = scriptedQueue([]);
  const { pass, end, budget, circuit, poller, lose } = bench(queue, headLimit);
  await lose();
  await pass(4);
  expect([circuit.state, asked.receives]).toEqual(["open", 1]); // it asked as it began
  await budget.take(1); // less than a head is left
  await pass(4);
  expect([circuit.state, asked.receives]).toEqual(["closed", 1]);
  expect([poller.answeredAt ?? 0, poller.aliveAt].map((at) => at > 7000)).toEqual([true, true]); // it has its reasons, and is alive
  budget.give(1);
  await pass(4);
  expect(asked.receives).toBeGreaterThan(2);
  await end();
});

test("run() ends when late entries are back in the queue", async () => {
  const { queue } = scriptedQueue([entryOf(testEvent, 1)]);
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: MailQueue = Object.assign(Object.create(queue), { retryLater: () => gate });
  const stop: { raise: () => void } = { raise: () => {} };
  const {
    settle,
    running,
    stop: raised,
  } = bench(
    meanwhile(slow, () => stop.raise()),
    headLimit,
  );
  stop.raise = () => {
    raised.stopped = true;
  };
  const ended: string[] = [];
  const done = running.then(() => ended.push("ended"));
  await settle();
  expect(ended).toEqual([]);
  release();
  await done;
});

test("run() ends when its mails in work have ended, and their entries are acknowledged", async () => {
  const { queue } = scriptedQueue([entryOf(testEvent, 1)]);
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: MailQueue = Object.assign(Object.create(queue), { ack: () => gate });
  const { settle, running, stop, poller, pass } = bench(slow, headLimit);
  await settle();
  stop.stopped = true;
  const ended: string[] = [];
  const done = running.then(() => ended.push("ended"));
  await pass(2);
  expect([poller.inFlight, ...ended]).toEqual([1]);
  release();
  await done;
  expect(poller.inFlight).toBe(0);
});

const delays: readonly (readonly [what: string, receiveCount: number, most: number, seconds: number])[] = [
  ["a port fails", 1, headLimit, backOff("e", 1)],
  ["a port fails", 2, headLimit, backOff("e", 2)],
  ["a port fails", 5, headLimit, backOff("e", 5)],
  ["there is no room", 1, 0, 10],
  ["there is no room", 2, 0, backOff("e", 1)],
  ["there is no room", 5, 0, backOff("e", 4)],
];
for (const [what, receiveCount, most, seconds] of delays) {
  test(`an entry goes back for ${seconds} s when ${what} at receive ${receiveCount}`, async () => {
    const world = new World();
    world.ledger.claim = async () => {
      throw new PortError("Ledger", "claim", "Cannot claim: AWS is not reachable: ECONNREFUSED");
    };
    world.put();
    const { queue, told } = scriptedQueue([entryOf(world.queue.bodies[0] ?? "", receiveCount)]);
    let fill = () => {};
    const { budget, pass, end, events } = bench(
      meanwhile(queue, () => fill()),
      headLimit,
      makeMetrics("0"),
      world,
    );
    if (most === 0) fill = () => void budget.take(headLimit);
    await pass(6);
    expect(told).toEqual([`retry ${seconds}`]);
    const port = most === 0 ? { port: "ByteBudget", operation: "entry" } : { port: "Ledger", operation: "claim" };
    expect(events.filter(({ kind }) => kind === "port-error")).toMatchObject([port]);
    await end();
  });
}

test("an ack that fails is noted, and the poller continues", async () => {
  const { queue, asked } = scriptedQueue([entryOf(testEvent, 1)]);
  const deaf: MailQueue = Object.assign(Object.create(queue), {
    ack: async () => {
      throw new PortError("MailQueue", "ack", "Cannot ack: AWS is not reachable: ECONNREFUSED");
    },
  });
  const { pass, end, events, poller } = bench(deaf, headLimit);
  await pass(4);
  expect(events.filter(({ kind }) => kind === "port-error")).toMatchObject([{ port: "MailQueue", operation: "ack" }]);
  expect([poller.inFlight, asked.receives > 2]).toEqual([0, true]);
  await end();
});

test("a mail that ends makes room at once, and not only after 250 ms", async () => {
  const world = new World({ concurrency: 1 });
  for (let i = 0; i < 3; i++) world.put();
  world.fleet.start();
  await world.settle();
  expect([world.courier.sent.length, world.timers.now()]).toEqual([3, 0]);
  await world.end();
});

test("polls that fail are repeated with growing delays up to 30 s, and without delay after an answer", async () => {
  const metrics = makeMetrics("0");
  const times: number[] = [];
  const world = { away: true };
  const queue = {
    receive: async () => {
      await Promise.resolve(); // the bench stands by then
      times.push(timers.now());
      if (world.away) throw new Error("reset");
      return [];
    },
    size: async () => noSize,
  } as unknown as MailQueue;
  const { timers, pass, end, events } = bench(queue, headLimit, metrics);
  await pass(150);
  const failures = times.length;
  const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  for (const [index, longest] of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
    expect(pauses[index]).toBeGreaterThanOrEqual(0.75 * longest);
    expect(pauses[index]).toBeLessThanOrEqual(longest + 250); // time moves by a quarter of a second here
  }
  expect(events.map(({ kind }) => kind)).toEqual(Array(failures).fill("port-error"));
  expect(await metrics.registry.metrics()).toContain(`sesame_poll_errors_total{domain="example.com"} ${failures}`);
  world.away = false;
  await pass(31);
  world.away = true;
  times.length = 0;
  await pass(3);
  const [first = 0, second = 9999] = times;
  expect(second - first).toBeLessThanOrEqual(750);
  await end();
});

test("last_poll_timestamp_seconds is when the queue last answered", async () => {
  const metrics = makeMetrics("0");
  const world = new World({ metrics });
  world.fleet.start();
  await world.pass(2);
  await world.end();
  const [, at] = /sesame_last_poll_timestamp_seconds\{domain="example.com"\} (.*)/.exec(await metrics.registry.metrics()) ?? [];
  expect(Math.abs(Number(at) - world.clock.now() / 1000)).toBeLessThan(5);
});

/** Mails in work that end on demand, and the limits that the poller asks for. */
async function busy(concurrency: number, entries: number) {
  const gates: ((verdict: Verdict) => void)[] = [];
  const limits: number[] = [];
  const courier: Courier = {
    send: (_, { recipients }) =>
      new Promise((resolve) => gates.push((verdict) => resolve(new Map(recipients.map(({ key }) => [key, verdict]))))),
  };
  const source = new World();
  for (let i = 0; i < entries; i++) source.put();
  const queue: MailQueue = Object.assign(Object.create(source.queue), {
    receive: (limit: number, stop: Stop) => {
      limits.push(limit);
      return source.queue.receive(limit, stop);
    },
    ack: (entries: readonly QueueEntry[]) => source.queue.ack(entries),
    retryLater: (entry: QueueEntry, seconds: number) => source.queue.retryLater(entry, seconds),
    size: () => source.queue.size(),
  });
  const world: World = new World({
    queues: new Map([[one, queue]]),
    courier,
    journeyPorts: source.journeyPorts,
    concurrency,
    probe: async () => (world.fleet.circuits.mailServer.openings > 0 ? "refused" : null),
  });
  world.fleet.start();
  await world.settle();
  const end = async () => {
    const ending = world.fleet.end();
    for (let left = gates.splice(0); left.length > 0; left = gates.splice(0)) {
      for (const gate of left) gate({ action: "delivered", detail: "" });
      await world.settle();
    }
    await world.pass(1);
    await ending;
  };
  return { world, gates, limits, end };
}

test("a busy poller waits a moment for more mails to end, because each call would receive one entry", async () => {
  const { world, gates, limits, end } = await busy(16, 20);
  expect([gates.length, ...limits.splice(0)]).toEqual([16, 10, 6]);
  for (const gate of gates.splice(0, 3)) {
    gate({ action: "delivered", detail: "" });
    await world.settle();
  }
  expect(limits).toEqual([]);
  world.timers.advance(25);
  await world.settle();
  expect(limits).toEqual([3]);
  await end();
});

test("a busy poller receives nothing when the mail server becomes unreachable in that moment", async () => {
  const { world, gates, limits, end } = await busy(16, 20);
  limits.length = 0;
  gates.shift()?.({ action: "delivered", detail: "" });
  await world.settle();
  gates.shift()?.(hostAway);
  await world.settle();
  expect(world.fleet.circuits.mailServer.state).toBe("open");
  world.timers.advance(25);
  await world.settle();
  expect(limits).toEqual([]);
  await end();
});

test("a poller with room for ten more entries polls at once", async () => {
  const { gates, limits, end } = await busy(30, 30);
  expect([gates.length, ...limits]).toEqual([30, 10, 10, 10]);
  await end();
});

test("a poller counts as alive from the answer of its queue: returning entries may take as long as the poll", async () => {
  let answer: (entries: readonly QueueEntry[]) => void = () => {};
  const queue = {
    receive: () =>
      new Promise<readonly QueueEntry[]>((resolve) => {
        answer = resolve;
      }),
    retryLater: () => new Promise<void>(() => {}),
    size: async () => noSize,
  } as unknown as MailQueue;
  const { timers, poller, lose, settle } = bench(queue, headLimit);
  await lose();
  timers.advance(3000);
  answer([entryOf(testEvent, 1)]);
  await settle();
  timers.advance(2000);
  expect([poller.aliveAt, poller.answeredAt]).toEqual([3000, 3000]);
});

test("work begins again with one mail, and with twice as many for each that ends", async () => {
  const gates: (() => void)[] = [];
  let away = true;
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, transaction) => {
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      await new Promise<void>((resolve) => gates.push(resolve));
      return inner.send(route, transaction);
    },
  };
  const world = new World({ courier, probe: async () => null, concurrency: 16 });
  for (let i = 0; i < 60; i++) world.put();
  world.fleet.start();
  await world.settle();
  away = false;
  await world.pass(6);
  const inWork: number[] = [];
  for (let i = 0; i < 5; i++) {
    inWork.push(gates.length);
    gates.shift()?.();
    await world.settle();
    world.timers.advance(25); // a busy poller waits so long for others to end
    await world.settle();
  }
  expect(inWork).toEqual([1, 2, 4, 8, 16]);
  away = true;
  for (const gate of gates.splice(0)) gate();
  await world.end();
});

test("an entry is acknowledged behind the extension that is under way: it would be undone else", async () => {
  const told: string[] = [];
  let extended: () => void = () => {};
  let delivered: () => void = () => {};
  const source = new World();
  source.put();
  const queue: MailQueue = Object.assign(Object.create(source.queue), {
    receive: (limit: number, stop: Stop) => source.queue.receive(limit, stop),
    size: async () => noSize,
    extend: () =>
      new Promise((resolve) => {
        extended = () => resolve("kept");
      }),
    ack: async () => void told.push("ack"),
  });
  const gate = new Promise<void>((resolve) => {
    delivered = resolve;
  });
  const inner = new MemoryCourier();
  const courier: Courier = { send: (route, transaction) => gate.then(() => inner.send(route, transaction)) };
  const world = new World({ queues: new Map([[one, queue]]), courier, journeyPorts: source.journeyPorts });
  world.fleet.start();
  await world.pass(31);
  delivered();
  await world.settle();
  expect([inner.sent.length, ...told]).toEqual([1]);
  extended();
  await world.settle();
  expect(told).toEqual(["ack"]);
  await world.end();
});

test("X04 a mail whose rows find no room in memory returns to the queue, nothing of it is sent, and it goes on later", async () => {
  const metrics = makeMetrics("0");
  const inner = new MemoryCourier();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let sends = 0;
  const courier: Courier = {
    send: async (route, transaction) => {
      sends++;
      await gate;
      return inner.send(route, transaction);
    },
  };
  const world = new World({ courier, metrics, bytesInFlight: 4 * 1024 * 1024 });
  const notes = "x".repeat(1_200_000); // about 2.4 MB in memory
  world.directory.rule("alice@example.com", { ooo_active: false, notes });
  world.put();
  world.put();
  world.fleet.start();
  await world.pass(60);
  expect([sends, world.queue.bodies.length]).toEqual([1, 2]);
  expect(await metrics.registry.metrics()).toMatch(/sesame_retries_total\{domain="example.com",reason="no-room"\} [1-9]/);
  release();
  await world.pass(600);
  await world.end();
  expect([inner.sent.length, world.queue.bodies.length]).toEqual([2, 0]);
});
