// The fleet with fake ports: when it receives, and what returns to the queue.

import { expect, test } from "bun:test";
import {
  type Courier,
  type Domain,
  delayed,
  type EpochMs,
  headLimit,
  type JournalEvent,
  type MailQueue,
  type QueueEntry,
  type Verdict,
} from "@sesame/core";
import type { FleetOptions } from "../../apps/worker/fleet.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { octets, one, two, World } from "./world.ts";

const hostAway: Verdict = delayed("unreachable", "host", "connection refused");

test("Fleet delivers the mails in its queues and ends with nothing in work", async () => {
  const world = new World();
  for (let i = 0; i < 25; i++) world.put();
  world.fleet.start();
  await world.pass(3);
  expect(world.queue.bodies.length).toBe(0);
  expect(world.courier.sent.length).toBe(25);
  await world.end();
  expect(world.timers.pending).toBe(0);
});

test("Fleet receives nothing while the mail server is unreachable: receive counts do not grow", async () => {
  const world = new World();
  let away = true;
  const courier: Courier = {
    send: async (route, transaction) =>
      away ? new Map(transaction.recipients.map(({ key }) => [key, hostAway])) : world.courier.send(route, transaction),
  };
  const counting = new World({ courier, probe: async () => (away ? "refused" : null) });
  for (let i = 0; i < 20; i++) counting.put();
  counting.fleet.start();
  await counting.pass(5);
  const receives = counting.lines.filter((line) => line["event"] === "mail").length;
  expect(receives).toBeLessThanOrEqual(4); // those that were in work when it went away
  await counting.pass(600);
  expect(counting.lines.filter((line) => line["event"] === "mail").length).toBe(receives);
  expect(counting.fleet.circuits.mailServer.state).toBe("open");
  away = false;
  await counting.pass(120);
  expect(counting.queue.bodies.length).toBe(0);
  expect(world.courier.sent.length).toBe(20);
  await counting.end();
});

test("Fleet starts with one mail after the circuit has closed", async () => {
  const sizes: number[] = [];
  let [away, running] = [true, 0];
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, transaction) => {
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      sizes.push(++running);
      await new Promise<void>((resolve) => setImmediate(resolve));
      running--;
      return inner.send(route, transaction);
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

test("F39 Fleet returns entries at once that a poll brought after the stop", async () => {
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

test("F04 a domain whose queue is missing does not affect the others", async () => {
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

test("Fleet replaces a poller that hangs in a call, and returns the entries that the old one still receives", async () => {
  const answers: ((entries: readonly QueueEntry[]) => void)[] = [];
  const given: string[] = [];
  const queue = {
    receive: () => new Promise<readonly QueueEntry[]>((resolve) => answers.push(resolve)),
    retryLater: async (entry: QueueEntry, seconds: number) => void given.push(`${entry.id} ${seconds}`),
    size: async () => ({ visible: 0, inFlight: 0, delayed: 0 }),
  } as unknown as MailQueue;
  const world = new World({ queues: new Map([[one, queue]]) });
  world.fleet.start();
  await world.pass(90);
  expect(answers.length).toBe(2);
  expect(world.lines.some((line) => line["event"] === "poller-hangs")).toBe(true);
  answers[0]?.([{ id: "late", receiptHandle: "r", receiveCount: 1, sentAt: 0 as EpochMs, body: "{}" }]);
  await world.settle();
  expect(given).toEqual(["late 0"]); // not begun: the new one may have it by now
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet logs each minute what every domain did", async () => {
  const world = new World();
  for (let i = 0; i < 3; i++) world.put();
  world.fleet.start();
  await world.pass(61);
  const [line] = world.lines.filter(({ event }) => event === "status");
  expect(line).toMatchObject({ domain: one, received: 3, outcomes: { delivered: 3 }, inFlight: 0, queue: { visible: 0 }, msg: "status" });
  await world.end();
});

test("F52 a flooded domain does not slow the others", async () => {
  const world = new World();
  const flood = new MemoryMailQueue({ clock: world.clock });
  const courier: Courier = {
    send: async (route, transaction) => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return world.courier.send(route, transaction);
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

test("X24 a notice in the queue of one domain opens no mail of another domain", async () => {
  const source = new World();
  const foreign = new MemoryMailQueue({ clock: source.clock });
  const bucketOf = new Map([
    [one, "mails"],
    [two, "mails-of-two"],
  ]);
  const world = new World({
    journeyPorts: { ...source.journeyPorts, mayOpen: (bucket, _, domain) => bucket === bucketOf.get(domain) },
    queues: new Map<Domain, MailQueue>([
      [one, source.queue],
      [two, foreign],
    ]),
    courier: source.courier,
  });
  source.put(source.queue); // in the bucket of the first domain
  source.put(foreign, two); // a notice that names an object of the first domain
  world.fleet.start();
  await world.pass(2);
  expect(source.courier.sent.map(({ mailId }) => mailId)).toEqual(["mails/k1"]);
  expect([source.queue.bodies.length, foreign.bodies.length]).toEqual([0, 1]); // delayed, not lost
  expect(world.lines.find(({ event }) => event === "port-error")).toMatchObject({ domain: two, level: 50, operation: "open" });
  await world.end();
});

test("sesame_circuit_open is 1 while the mail server is away, and else 0", async () => {
  const metrics = makeMetrics("0");
  let away = true;
  const inner = new MemoryCourier();
  const courier: Courier = {
    send: async (route, transaction) =>
      away ? new Map(transaction.recipients.map(({ key }) => [key, hostAway])) : inner.send(route, transaction),
  };
  const world = new World({ metrics, courier, probe: async () => (away ? "refused" : null) });
  const shown = async () => /^sesame_circuit_open\{dependency="mail-server"\} (\d)$/m.exec(await metrics.registry.metrics())?.[1];
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

/** A queue whose receives are never answered but by the test. */
function hangingQueue() {
  const answers: ((entries: readonly QueueEntry[]) => void)[] = [];
  const queue = {
    receive: () => new Promise<readonly QueueEntry[]>((resolve) => answers.push(resolve)),
    size: async () => ({ visible: 3, inFlight: 2, delayed: 1 }),
  } as unknown as MailQueue;
  return { answers, queue };
}

test("Fleet replaces a poller when its loop is older than twice the long poll, and not before", async () => {
  const { answers, queue } = hangingQueue();
  const world = new World({ queues: new Map([[one, queue]]) });
  world.fleet.start();
  await world.pass(world.fleet.maxAgeSeconds);
  expect([world.fleet.maxAgeSeconds, answers.length]).toEqual([60, 1]);
  expect(world.fleet.views()).toMatchObject([{ loopAgeSeconds: 60, pollAgeSeconds: null }]);
  await world.pass(15); // it looks four times in that time
  expect(answers.length).toBe(2);
  expect(world.fleet.views()).toMatchObject([{ loopAgeSeconds: 0 }]);
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet starts no new poller after the stop", async () => {
  const { answers, queue } = hangingQueue();
  const stop = { stopped: false };
  const world = new World({ queues: new Map([[one, queue]]), stop });
  world.fleet.start();
  await world.pass(70);
  stop.stopped = true; // by a signal, before anybody calls end()
  await world.pass(10);
  expect(world.lines.filter(({ event }) => event === "poller-hangs").length).toBe(1);
  expect(world.fleet.views()).toMatchObject([{ loopAgeSeconds: 80 }]);
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet restarts a crashed poller after 1 s, then with growing delays up to a minute", async () => {
  const metrics = makeMetrics("0");
  const queue = {
    receive: async () => {
      throw new Error("reset");
    },
    size: async () => null,
  } as unknown as MailQueue;
  const world = new World({ queues: new Map([[one, queue]]), metrics });
  metrics.pollErrors.inc = () => {
    throw new TypeError("a bug");
  };
  const deaths = () => world.lines.filter(({ event }) => event === "poller-died");
  world.fleet.start();
  await world.settle();
  const pauses: number[] = [];
  while (pauses.length < 8) {
    const before = deaths().length;
    let seconds = 0;
    for (; deaths().length === before && seconds < 100; seconds++) await world.pass(1);
    pauses.push(seconds);
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  expect(deaths()[0]).toMatchObject({ level: 60, domain: one, text: "TypeError: a bug" });
  await world.end();
  expect(world.timers.pending).toBe(0);
});

test("Fleet logs an open circuit as error and a closed one as info, with masked addresses if the log masks them", async () => {
  for (const [logAddresses, detail] of [
    ["plain", "unreachable: 450 <alice@example.com> try later"],
    ["masked", expect.not.stringContaining("alice@example.com")],
  ] as const) {
    const away: Verdict = delayed("unreachable", "host", "450 <alice@example.com> try later");
    const courier: Courier = { send: async (_, { recipients }) => new Map(recipients.map(({ key }) => [key, away])) };
    const world = new World({ courier, logAddresses });
    world.put();
    world.fleet.start();
    await world.pass(6);
    const lines = world.lines.filter(({ event }) => event === "circuit");
    expect(lines[0]).toMatchObject({ level: 50, state: "open", detail, msg: expect.stringMatching(/receiving stops/) });
    expect(lines[1]).toMatchObject({
      level: 30,
      state: "closed",
      detail: "the mail server answers",
      msg: expect.stringMatching(/receiving continues/),
    });
    await world.end();
  }
});

test("Fleet reads the size of each queue at the start and twice a minute", async () => {
  const { answers, queue } = hangingQueue();
  const metrics = makeMetrics("0");
  let asked = 0;
  const sized: MailQueue = Object.assign(Object.create(queue), {
    size: async () => {
      asked++;
      return queue.size();
    },
  });
  const world = new World({ queues: new Map([[one, sized]]), metrics });
  world.fleet.start();
  await world.settle();
  expect([asked, world.fleet.views()[0]?.queue]).toEqual([1, { visible: 3, inFlight: 2, delayed: 1 }]);
  expect((await metrics.registry.metrics()).match(/sesame_queue_size\{.*/g)).toEqual([
    'sesame_queue_size{domain="example.com",state="visible"} 3',
    'sesame_queue_size{domain="example.com",state="in_flight"} 2',
    'sesame_queue_size{domain="example.com",state="delayed"} 1',
  ]);
  await world.pass(29);
  expect(asked).toBe(1);
  await world.pass(1);
  expect(asked).toBe(2);
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet passes every event to the log, the metrics and the observer", async () => {
  const metrics = makeMetrics("0");
  const heard: JournalEvent[] = [];
  const world = new World({ metrics, observer: { note: (event) => void heard.push(event) } });
  world.put();
  world.fleet.start();
  await world.pass(1);
  await world.end();
  expect(heard.filter(({ kind }) => kind === "mail").length).toBe(1);
  expect(world.lines.filter(({ event }) => event === "mail").length).toBe(1);
  expect(await metrics.registry.metrics()).toContain('sesame_mails_total{domain="example.com",outcome="delivered"} 1');
});

test("Fleet.end() waits for the mails in work", async () => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inner = new MemoryCourier();
  const courier: Courier = { send: (route, transaction) => gate.then(() => inner.send(route, transaction)) };
  const world = new World({ courier });
  world.put();
  world.fleet.start();
  await world.pass(1);
  const ended: string[] = [];
  const ending = world.fleet.end().then(() => ended.push("ended"));
  await world.pass(1);
  expect([world.queue.bodies.length, ...ended]).toEqual([1]);
  release();
  await ending;
  expect([world.queue.bodies.length, world.timers.pending]).toEqual([0, 0]);
});

/** A fleet whose audit marks wait until `release`. */
function slowMarks(more: Partial<FleetOptions> = {}) {
  const world = new World(more);
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const mark = world.store.mark.bind(world.store);
  world.store.mark = async (...given) => {
    await gate;
    return mark(...given);
  };
  return { world, release: () => release() };
}

test("Fleet lets the next mail begin when the end of one is recorded, while its mark and its deletion are under way", async () => {
  const { world, release } = slowMarks({ concurrency: 1 });
  for (let i = 0; i < 5; i++) world.put();
  world.fleet.start();
  await world.pass(5);
  // One closes in the bound of one, the next keeps its permit until it is marked.
  expect([world.courier.sent.length, world.queue.bodies.length]).toEqual([2, 5]);
  release();
  await world.pass(5);
  expect([world.courier.sent.length, world.queue.bodies.length]).toEqual([5, 0]);
  await world.end();
});

test("Fleet.end() waits for mails whose mark and deletion are under way", async () => {
  const { world, release } = slowMarks();
  world.put();
  world.fleet.start();
  await world.pass(1);
  const ended: string[] = [];
  const ending = world.fleet.end().then(() => ended.push("ended"));
  await world.pass(1);
  expect([world.courier.sent.length, world.queue.bodies.length, ...ended]).toEqual([1, 1]);
  release();
  await ending;
  expect([world.queue.bodies.length, world.timers.pending]).toEqual([0, 0]);
});

test("Fleet extends the entry of a mail that is closing", async () => {
  const { world, release } = slowMarks();
  const extended: number[] = [];
  const extend = world.queue.extend.bind(world.queue);
  world.queue.extend = (entry, seconds) => {
    extended.push(seconds);
    return extend(entry, seconds);
  };
  world.put();
  world.fleet.start();
  await world.pass(125);
  expect([world.courier.sent.length, extended.length > 2, world.queue.bodies.length]).toEqual([1, true, 1]);
  release();
  await world.pass(1);
  expect([world.courier.sent.length, world.queue.bodies.length]).toEqual([1, 0]);
  await world.end();
});

for (const [mails, receives] of [
  [0, 1],
  [9, 1],
  [200, 4],
] as const) {
  test(`Fleet asks a queue of ${mails} mails by ${receives} receives at once`, async () => {
    const world = new World({ concurrency: 128 });
    for (let i = 0; i < mails; i++) world.put();
    const receive = world.queue.receive.bind(world.queue);
    let [running, most] = [0, 0];
    world.queue.receive = async (...given) => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => setImmediate(resolve));
      return receive(...given).finally(() => running--);
    };
    world.fleet.start();
    await world.pass(10);
    expect([most, world.courier.sent.length]).toEqual([receives, mails]);
    await world.end();
  });
}

test("Fleet.end() stops probing the mail server", async () => {
  const away: Courier = { send: async (_, { recipients }) => new Map(recipients.map(({ key }) => [key, hostAway])) };
  const world = new World({ courier: away, probe: async () => "refused" });
  world.put();
  world.fleet.start();
  await world.pass(1);
  expect(world.fleet.circuits.mailServer.state).toBe("open");
  await world.end();
  expect(world.timers.pending).toBe(0);
});

test("Fleet lets large sends through SES use half of the memory at most, and a quarter of the window", async () => {
  for (const [size, most] of [
    [900, 1], // KiB: four copies while it is sent, and half of the memory is 4 MiB
    [300, 3],
    [10, 4],
  ] as const) {
    const gates: (() => void)[] = [];
    const inner = new MemoryCourier();
    const courier: Courier = {
      send: async (route, transaction) => {
        if (route === "ses") await new Promise<void>((resolve) => gates.push(resolve));
        return inner.send(route, transaction);
      },
    };
    const mail = new Uint8Array(size * 1024).fill(97);
    mail.set(octets);
    const world = new World({ courier, bytesInFlight: 8 * 1024 * 1024, concurrency: 16 });
    world.directory.rule("alice@example.com", { forwards: ["away@remote.test"] });
    for (let i = 1; i <= 6; i++) {
      world.put();
      world.store.put({ kind: "object", bucket: "mails", key: `k${i}` }, mail);
    }
    world.fleet.start();
    await world.pass(1);
    expect([inner.sent.length, gates.length]).toEqual([6, most]); // all are delivered
    // Two wait for a place without a permit; those behind them went back to the queue.
    expect([world.fleet.views()[0]?.inFlight, world.fleet.permitsOut <= most + 10]).toEqual([Math.min(6, most + 2), true]);
    for (let seconds = 0; seconds < 600 && world.queue.bodies.length > 0; seconds++) {
      for (const gate of gates.splice(0)) gate();
      await world.pass(1);
    }
    expect([inner.sent.length, world.queue.bodies.length]).toEqual([12, 0]);
    await world.end();
  }
});

test("X07 forwards of 40 large mails through a slow SES do not delay the mail of others", async () => {
  const arrived = new Map<string, number>();
  const inner = new MemoryCourier();
  let [sending, most] = [0, 0];
  const courier: Courier = {
    send: async (route, transaction) => {
      if (route === "mailbox") {
        arrived.set(transaction.mailId, world.timers.now());
        return inner.send(route, { ...transaction, content: { pieces: [], rest: null, size: 0, eightBit: false } });
      }
      most = Math.max(most, ++sending);
      await world.clock.sleep(20_000);
      sending--;
      return new Map(transaction.recipients.map(({ key }) => [key, { action: "relayed", detail: "ses-1" }]));
    },
  };
  const world: World = new World({ courier, bytesInFlight: 256 * 1024 * 1024, concurrency: 128 });
  world.directory.rule("alice@example.com", { forwards: ["away@remote.test"] });
  const large = new Uint8Array(30 * 1000 * 1000).fill(97);
  large.set(octets);
  for (let i = 1; i <= 40; i++) {
    world.put();
    world.store.put({ kind: "object", bucket: "mails", key: `k${i}` }, large);
  }
  world.fleet.start();
  await world.pass(1);
  const putAt = new Map<string, number>();
  for (let i = 41; i <= 240; i++) {
    world.put(world.queue, one, "carol");
    putAt.set(`mails/k${i}`, world.timers.now());
    await world.pass(0.25);
  }
  await world.pass(2);
  const waits = [...putAt].map(([mailId, at]) => (arrived.get(mailId) ?? Number.POSITIVE_INFINITY) - at);
  expect([waits.length, Math.max(...waits) <= 1000, most]).toEqual([200, true, 1]);
  for (let minutes = 0; minutes < 20 && world.queue.bodies.length > 0; minutes++) await world.pass(60);
  expect([world.queue.bodies.length, most]).toEqual([0, 1]); // and every forward leaves within 20 minutes; alone they take 13
  expect(Math.max(...world.lines.filter(({ event }) => event === "mail").map((line) => Number(line["receiveCount"])))).toBeLessThan(5);
  await world.end();
}, 60_000);

test("Fleet.views() shows when a loop last ran, and when its queue last answered", async () => {
  const { answers, queue } = hangingQueue();
  const world = new World({ queues: new Map([[one, queue]]) });
  world.fleet.start();
  await world.pass(3);
  answers.shift()?.([]);
  await world.settle();
  await world.pass(10);
  expect(world.fleet.views()).toMatchObject([{ domain: one, loopAgeSeconds: 10, pollAgeSeconds: 10, inFlight: 0 }]);
  const ending = world.fleet.end();
  for (const answer of answers) answer([]);
  await ending;
});

test("Fleet shows every domain from the start, before the first mail", async () => {
  const metrics = makeMetrics("0");
  new World({ metrics });
  expect(await metrics.registry.metrics()).toContain('sesame_mails_total{domain="example.com",outcome="delivered"} 0');
});

test("Fleet stops its watchdog and its status lines after the stop", async () => {
  const stop = { stopped: false };
  const world = new World({ stop });
  world.fleet.start();
  await world.pass(1);
  stop.stopped = true;
  await world.pass(61);
  expect(world.timers.pending).toBe(0);
  await world.end();
});

/** Two mails that were received together, and room for one. */
async function crowded() {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inner = new MemoryCourier();
  const world = new World({
    courier: { send: (route, consignment) => gate.then(() => inner.send(route, consignment)) },
    bytesInFlight: headLimit + 20_000, // the head of one, and both notices
  });
  for (const key of ["k1", "k2"]) {
    world.put();
    world.store.put({ kind: "object", bucket: "mails", key }, Buffer.concat([octets, Buffer.alloc(headLimit)]));
  }
  world.fleet.start();
  await world.settle();
  const turnedAway = () =>
    world.lines.filter(({ event, operation }) => event === "port-error" && (operation === "entry" || operation === "open"));
  expect([world.fleet.views()[0]?.inFlight, turnedAway().length]).toEqual([2, 0]);
  return { world, release, turnedAway };
}

test("Fleet lets a mail wait five seconds for room", async () => {
  const { world, release, turnedAway } = await crowded();
  await world.pass(4.75);
  expect(turnedAway().length).toBe(0);
  await world.pass(0.25);
  expect(turnedAway().length).toBe(1);
  release();
  await world.end();
});

test("Fleet.end() lets no mail wait for room", async () => {
  const { world, release, turnedAway } = await crowded();
  const ending = world.fleet.end();
  await world.settle();
  expect(turnedAway().length).toBe(1);
  release();
  await world.pass(1);
  await ending;
});

test("Fleet begins no third loop when one dies that was replaced before", async () => {
  const metrics = makeMetrics("0");
  const failures: ((error: Error) => void)[] = [];
  const queue = {
    receive: () => new Promise<readonly QueueEntry[]>((_, reject) => failures.push(reject)),
    size: async () => null,
  } as unknown as MailQueue;
  const world = new World({ queues: new Map([[one, queue]]), metrics });
  metrics.pollErrors.inc = () => {
    throw new TypeError("a bug");
  };
  world.fleet.start();
  await world.pass(75);
  expect(failures.length).toBe(2);
  failures[0]?.(new Error("reset"));
  await world.pass(10);
  expect(world.lines.filter(({ event }) => event === "poller-died").length).toBe(1);
  expect(failures.length).toBe(2);
  const ending = world.fleet.end();
  failures[1]?.(new Error("reset"));
  await ending;
});

test("Fleet tells a watcher every event with the name of its queue, and each change of a circuit", async () => {
  const heard: string[] = [];
  const world = new World({
    probe: async () => null,
    courier: { send: async (_, { recipients }) => new Map(recipients.map(({ key }) => [key, hostAway])) },
    watcher: {
      note: (label, event) => void heard.push(`${label} ${event.kind}`),
      circuit: (dependency, state, answer) => void heard.push(`${dependency} ${state} ${answer}`),
      loopReplaced: (label, how) => void heard.push(`${label} ${how}`),
    },
  });
  world.put();
  world.fleet.start();
  await world.pass(6);
  await world.end();
  expect(heard).toContain("example.com mail");
  expect(heard).toContain("mail-server open unreachable: connection refused");
  expect(heard).toContain("mail-server closed the mail server answers");
  expect(world.fleet.labelOf(one)).toBe("example.com");
});
