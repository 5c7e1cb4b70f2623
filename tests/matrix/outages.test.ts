// Outages with many workers: the mail server away for a day, a ledger that throttles for minutes, SES away for days, a queue
// that is nearly full. Fleets on fakes, on a clock that a test moves.

import { expect, test } from "bun:test";
import { type Courier, delayed, type Ledger, type MailQueue, PortError, type Verdict } from "@sesame/core";
import { Site, type WorkerHost } from "./worker-host.ts";

const hostAway = delayed("unreachable", "host", "connect ECONNREFUSED");

/** A number from 0 to 1 that depends on the seed alone. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const all = (hosts: readonly WorkerHost[], event: string) => hosts.reduce((sum, host) => sum + host.said(event), 0);
const receives = (hosts: readonly WorkerHost[]) =>
  hosts.flatMap(({ lines }) => lines.filter(({ event }) => event === "mail").map((line) => Number(line["receiveCount"])));

for (const flapping of [false, true]) {
  test(`X36 a day ${flapping ? "with a mail server that answers for a minute each hour" : "without the mail server"}: 12 workers, maxReceiveCount 10, no dead letter`, async () => {
    const site = new Site({ maxReceiveCount: 10 });
    let away = true;
    const courier: Courier = {
      send: async (route, transaction) => {
        if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
        return site.courier.send(route, transaction);
      },
    };
    const probe = async () => (away ? "refused" : null);
    const mails = Array.from({ length: 100 }, (_, i) => `mail-${i}`);
    away = false; // they start while it works, so none of them knows when it goes away
    const hosts = Array.from({ length: 12 }, (_, i) => site.start(`worker-${i}`, { courier, probe }));
    await site.pass(30);
    away = true;
    for (const key of mails.slice(0, 52)) site.queue.put(site.notice(key));
    for (let hour = 0; hour < 24; hour++) {
      await site.pass(3540, 5000);
      for (const key of mails.slice(52 + hour * 2, 54 + hour * 2)) site.queue.put(site.notice(key));
      away = !flapping;
      await site.pass(60, 1000);
      away = true;
    }
    expect(site.queue.deadLetters).toEqual([]);
    away = false;
    await site.pass(3600, 1000);
    expect(mails.filter((key) => site.copies(key) !== 1 || !site.closed(key))).toEqual([]);
    expect([site.queue.bodies.length, site.queue.deadLetters.length]).toEqual([0, 0]);
    expect(Math.max(...receives(hosts))).toBeLessThanOrEqual(5);
    await site.end();
  }, 120_000);
}

test("X36 one mail while the mail server is away: not one worker after another receives it", async () => {
  const site = new Site();
  let away = false;
  const courier: Courier = {
    send: async (route, transaction) => {
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      return site.courier.send(route, transaction);
    },
  };
  const hosts = Array.from({ length: 30 }, (_, i) => site.start(`worker-${i}`, { courier, probe: async () => (away ? "refused" : null) }));
  await site.pass(60);
  away = true;
  site.queue.put(site.notice("alice"));
  await site.pass(6 * 3600, 5000);
  expect(hosts.filter(({ fleet }) => fleet.circuits.mailServer.state === "closed")).toEqual([]);
  away = false;
  await site.pass(3600, 1000);
  expect([site.copies("alice"), Math.max(...receives(hosts)) <= 3]).toEqual([1, true]);
  await site.end();
}, 120_000);

const throttled = () =>
  new PortError(
    "Ledger",
    "record",
    "Cannot record: AWS throttled the request",
    Object.assign(new Error("slow down"), { name: "ThrottlingException", $metadata: { httpStatusCode: 400 } }),
  );

/** A table that all workers share: it takes a share of the writes, and refuses the others as DynamoDB does. */
function throttlingTable(share: { of: number }, seed: number) {
  const random = randomOf(seed);
  const counts = { refused: 0, taken: 0 };
  const gate = <T>(write: () => Promise<T>): Promise<T> => {
    if (random() >= share.of) {
      counts.refused++;
      return Promise.reject(throttled());
    }
    counts.taken++;
    return write();
  };
  const throttledLedger = (ledger: Ledger): Ledger => ({
    claim: (mailId, seconds, recipients, trace) => gate(() => ledger.claim(mailId, seconds, recipients, trace)),
    reopen: (mailId, seconds, recipients, former, trace) => gate(() => ledger.reopen(mailId, seconds, recipients, former, trace)),
    keepClosed: (mailId, closed) => gate(() => ledger.keepClosed(mailId, closed)),
    extend: (lease, seconds) => gate(() => ledger.extend(lease, seconds)),
    record: (lease, finals, then, eraseAfter) => gate(() => ledger.record(lease, finals, then, eraseAfter)),
    countReply: (count) => gate(() => ledger.countReply(count)),
    claimReply: (row) => gate(() => ledger.claimReply(row)),
    releaseReply: (row) => gate(() => ledger.releaseReply(row)),
    recall: (recipients, sender) => ledger.recall(recipients, sender),
    loopKey: () => ledger.loopKey(),
  });
  return { counts, throttledLedger };
}

for (const [name, least, seed] of [
  ["throttles everything for eight minutes", 0, 1],
  ["takes one write of twenty for eight minutes", 0.05, 2],
  ["takes half of the writes for eight minutes", 0.5, 3],
] as const) {
  test(`X35 8 workers drain a queue while their ledger ${name}: no copy more, and nothing to announce`, async () => {
    const site = new Site();
    const share = { of: 1 };
    const { counts, throttledLedger } = throttlingTable(share, seed);
    const mails = Array.from({ length: 400 }, (_, i) => `mail-${i}`);
    for (const key of mails) site.queue.put(site.notice(key));
    const courier: Courier = {
      send: async (route, transaction) => {
        await site.clock.sleep(2000);
        return site.courier.send(route, transaction);
      },
    };
    const hosts = Array.from({ length: 8 }, (_, i) => {
      const ledger = throttledLedger(site.ledger(`worker-${i}`));
      return site.startOn(ledger, { courier, concurrency: 8 });
    });
    await site.pass(5);
    const before = site.courier.sends;
    expect(before).toBeGreaterThan(60);
    share.of = least;
    await site.pass(480);
    const during = site.courier.sends - before;
    share.of = 1;
    for (let minutes = 0; minutes < 90 && site.queue.bodies.length > 0; minutes++) await site.pass(60, 1000);
    expect([mails.filter((key) => site.copies(key) !== 1 || !site.closed(key)), site.queue.bodies.length]).toEqual([[], 0]);
    expect(["unrecorded", "taken-over", "fenced", "set-aside"].map((event) => [event, all(hosts, event)])).toEqual([
      ["unrecorded", 0],
      ["taken-over", 0],
      ["fenced", 0],
      ["set-aside", 0],
    ]);
    expect(counts.refused).toBeGreaterThan(20);
    if (least === 0) expect(during).toBeLessThanOrEqual(64); // those that were on their way
    await site.end();
  }, 120_000);
}

test("X35 a stop in mid-throttling announces what could not be recorded, when its time is over", async () => {
  const site = new Site();
  const share = { of: 1 };
  const { throttledLedger } = throttlingTable(share, 4);
  const courier: Courier = {
    send: async (route, transaction) => {
      share.of = 0;
      return site.courier.send(route, transaction);
    },
  };
  site.queue.put(site.notice("alice"));
  const host = site.startOn(throttledLedger(site.ledger("one")), { courier });
  await site.pass(5);
  expect([site.copies("alice"), host.said("unrecorded")]).toEqual([1, 0]);
  const ended: string[] = [];
  const ending = host.fleet.end().then(() => ended.push("ended"));
  await site.pass(24);
  expect([host.said("unrecorded"), ended]).toEqual([0, []]);
  host.fleet.giveUp();
  await site.pass(10);
  await ending;
  expect([host.said("unrecorded"), ended]).toEqual([1, ["ended"]]);
});

test("X08 SES away for two days: mail is delivered at once, forwards arrive later, and no receive count nears the dead-letter queue", async () => {
  const site = new Site({ maxReceiveCount: 20 });
  const mails = Array.from({ length: 60 }, (_, i) => `mail-${i}`);
  for (const key of mails.slice(0, 30)) site.directory.rule(`${key}@example.com` as never, { forwards: ["x@elsewhere.test"] });
  let away = true;
  const courier: Courier = {
    send: async (route, transaction) => {
      if (route !== "ses" || !away) return site.courier.send(route, transaction);
      const lost: Verdict = delayed("unreachable", "mail", "ECONNREFUSED");
      return new Map(transaction.recipients.map(({ key }) => [key, lost]));
    },
  };
  const hosts = ["one", "two"].map((owner) => site.start(owner, { courier }));
  for (const key of mails) site.queue.put(site.notice(key));
  await site.pass(120);
  expect(mails.filter((key) => site.copies(key) !== 1)).toEqual([]);
  expect(mails.slice(30).filter((key) => !site.closed(key))).toEqual([]);
  await site.pass(48 * 3600, 5000);
  expect([site.queue.deadLetters.length, site.queue.bodies.length, site.courier.mailsFor("x@elsewhere.test" as never).length]).toEqual([
    0, 30, 0,
  ]);
  away = false;
  await site.pass(24 * 3600, 5000);
  expect([site.queue.bodies.length, site.courier.mailsFor("x@elsewhere.test" as never).length]).toEqual([0, 30]);
  expect(Math.max(...receives(hosts))).toBeLessThanOrEqual(16);
  await site.end();
}, 120_000);

test("X08 one forward while SES is away for two days: the circuit stays closed for one mail, and its receives stay few all the same", async () => {
  const site = new Site({ maxReceiveCount: 20 });
  site.directory.rule("alice@example.com" as never, { forwards: ["x@elsewhere.test"] });
  let away = true;
  const courier: Courier = {
    send: async (route, transaction) => {
      if (route !== "ses" || !away) return site.courier.send(route, transaction);
      return new Map(transaction.recipients.map(({ key }) => [key, delayed("try-later", "mail", "503 ServiceUnavailable")]));
    },
  };
  const host = site.start("one", { courier });
  site.queue.put(site.notice("alice"));
  await site.pass(48 * 3600, 5000);
  expect([site.queue.deadLetters.length, host.fleet.circuits.ses.state]).toEqual([0, "closed"]);
  away = false;
  await site.pass(12 * 3600, 5000);
  expect([site.queue.bodies.length, site.courier.mailsFor("x@elsewhere.test" as never).length]).toEqual([0, 1]);
  expect(Math.max(...receives([host]))).toBeLessThanOrEqual(14);
  await site.end();
}, 120_000);

test("X08 a queue with 90,000 entries in flight is not received, with one line, and is again when there are fewer", async () => {
  const site = new Site();
  let inFlight = 90_000;
  const queue: MailQueue = Object.assign(Object.create(site.queue), {
    receive: site.queue.receive.bind(site.queue),
    ack: site.queue.ack.bind(site.queue),
    size: async () => ({ visible: 1, inFlight, delayed: 0 }),
  });
  const host = site.start("one", { queues: new Map([["example.com" as never, queue]]) });
  await site.pass(31);
  site.queue.put(site.notice("alice"));
  await site.pass(120);
  expect([site.copies("alice"), host.said("queue-full")]).toEqual([0, 1]);
  expect(host.fleet.views()[0]?.pollAgeSeconds ?? 99).toBeLessThan(2); // it has its reasons
  inFlight = 89_999;
  await site.pass(31);
  expect(site.copies("alice")).toBe(1);
  await site.end();
});

test("X08 a bucket away for a day stops its own queue without costing receives, and other queues go on", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  const open = site.store.open.bind(site.store);
  let away = true;
  let asked = 0;
  site.store.open = async (location) => {
    asked++;
    if (away) throw new PortError("MailStore", "open", "Cannot open", Object.assign(new Error("reset"), { code: "ECONNRESET" }));
    return open(location);
  };
  const mails = Array.from({ length: 40 }, (_, i) => `mail-${i}`);
  for (const key of mails) site.queue.put(site.notice(key));
  const hosts = ["one", "two", "three"].map((owner) => site.start(owner));
  await site.pass(24 * 3600, 5000);
  expect([site.queue.deadLetters.length, asked < 3 * 24 * 60 * 1.5]).toEqual([0, true]);
  away = false;
  await site.pass(2 * 3600, 1000);
  expect([site.queue.bodies.length, mails.filter((key) => site.copies(key) !== 1)]).toEqual([0, []]);
  expect(Math.max(...receives(hosts))).toBeLessThanOrEqual(4);
  await site.end();
}, 120_000);

test("X08 the ledger away for a day costs few receives, and work goes on after it", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  const share = { of: 0 };
  const { throttledLedger } = throttlingTable(share, 5);
  const mails = Array.from({ length: 40 }, (_, i) => `mail-${i}`);
  for (const key of mails) site.queue.put(site.notice(key));
  const hosts = Array.from({ length: 12 }, (_, i) => site.startOn(throttledLedger(site.ledger(`worker-${i}`))));
  await site.pass(24 * 3600, 5000);
  expect(site.queue.deadLetters).toEqual([]);
  share.of = 1;
  await site.pass(2 * 3600, 1000);
  expect([site.queue.bodies.length, mails.filter((key) => site.copies(key) !== 1)]).toEqual([0, []]);
  expect(Math.max(...receives(hosts))).toBeLessThanOrEqual(6);
  await site.end();
}, 120_000);
