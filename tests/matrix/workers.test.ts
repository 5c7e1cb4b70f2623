// Workers: several of them at one queue, mails that come twice, workers that hang or die, and a mail server that is away
// for a day. Fleets on fakes, on a clock that a test moves.

import { expect, test } from "bun:test";
import { type Courier, delayed, type EffectKey, type MailQueue, PortError, type QueueEntry, type Verdict } from "@sesame/core";
import type { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { Site } from "./worker-host.ts";

const delivered: Verdict = { action: "delivered", detail: "250 2.0.0 OK" };
const hostAway = delayed("unreachable", "host", "connect ECONNREFUSED");

/** The queue with some of its methods in another way. */
function queueWith(queue: MemoryMailQueue, more: Partial<MailQueue>): MailQueue {
  return {
    receive: (limit, stop) => queue.receive(limit, stop),
    extend: (entry, seconds) => queue.extend(entry, seconds),
    ack: (entries) => queue.ack(entries),
    retryLater: (entry, seconds) => queue.retryLater(entry, seconds),
    size: () => queue.size(),
    ...more,
  };
}

const polling = (queue: MailQueue) => ({ queues: new Map([["example.com" as never, queue]]) });

/** The site's mail server, which takes so long for each mail. */
function slow(site: Site, seconds: number): Courier {
  return {
    send: async (route, transaction) => {
      await site.clock.sleep(seconds * 1000);
      return site.courier.send(route, transaction);
    },
  };
}

test("F41 Fleet delivers once when a queue hands out one entry twice at once", async () => {
  const site = new Site();
  site.queue.put(site.notice("alice"));
  const twice = queueWith(site.queue, {
    receive: async (limit, stop) => {
      const entries = await site.queue.receive(limit, stop);
      return entries.flatMap((entry) => [entry, { ...entry, receiptHandle: `${entry.receiptHandle}-again` }]);
    },
  });
  const host = site.start("one", { courier: slow(site, 3), ...polling(twice) });
  await site.pass(10);
  expect([site.copies("alice"), site.closed("alice"), host.said("busy-elsewhere")]).toEqual([1, true, 1]);
  expect(site.queue.bodies).toEqual([]);
  await site.end();
});

test("F42 Fleet delivers once when one mail stands in 8 entries", async () => {
  const site = new Site();
  const notice = site.notice("alice");
  for (let i = 0; i < 8; i++) site.queue.put(notice);
  const host = site.start("one", { courier: slow(site, 2) });
  await site.pass(60);
  expect([site.copies("alice"), host.said("busy-elsewhere") > 0, host.said("already-closed")]).toEqual([1, true, 7]);
  expect(site.queue.bodies).toEqual([]);
  await site.end();
});

test("F43 two workers deliver once when they have an entry each of one mail", async () => {
  const site = new Site();
  const notice = site.notice("alice");
  for (let i = 0; i < 2; i++) site.queue.put(notice);
  const hosts = ["one", "two"].map((owner) => site.start(owner, { courier: slow(site, 30), concurrency: 1 }));
  await site.pass(300);
  expect([site.copies("alice"), site.closed("alice"), site.queue.bodies.length]).toEqual([1, true, 0]);
  expect(hosts.map((host) => host.said("busy-elsewhere")).sort()).toEqual([0, 1]);
  expect(hosts.map((host) => host.said("taken-over"))).toEqual([0, 0]);
  await site.end();
});

test("F64 a worker keeps its entry through ten minutes of waiting for the mail server", async () => {
  const site = new Site();
  site.queue.put(site.notice("alice"));
  const hosts = ["one", "two"].map((owner) => site.start(owner, { courier: slow(site, 590) }));
  await site.pass(700);
  expect([site.copies("alice"), site.closed("alice"), site.queue.bodies.length]).toEqual([1, true, 0]);
  expect(hosts.map((host) => host.said("busy-elsewhere"))).toEqual([0, 0]);
  await site.end();
});

test("F08 a mail is delivered once when the receipt of its entry ran out in work", async () => {
  const site = new Site();
  site.queue.put(site.notice("alice"));
  const deaf = queueWith(site.queue, {
    extend: async () => {
      throw new PortError("MailQueue", "extend", "Cannot extend: AWS has an internal error");
    },
  });
  const hosts = ["one", "two"].map((owner) => site.start(owner, { courier: slow(site, 300), ...polling(deaf) }));
  await site.pass(900);
  expect([site.copies("alice"), site.closed("alice"), site.queue.bodies.length]).toEqual([1, true, 0]);
  const all = (event: string) => hosts.reduce((sum, host) => sum + host.said(event), 0);
  expect([all("busy-elsewhere") > 0, all("already-closed"), all("taken-over"), all("port-error") > 0]).toEqual([true, 1, 0, true]);
  await site.end();
});

test("F07 a mail is recognised as done when its entry comes back after it was deleted", async () => {
  const site = new Site();
  const notice = site.notice("alice");
  site.queue.put(notice);
  const host = site.start("one");
  await site.pass(5);
  expect(site.queue.bodies).toEqual([]);
  site.queue.put(notice);
  await site.pass(5);
  expect([site.copies("alice"), host.said("already-closed"), site.queue.bodies.length]).toEqual([1, 1, 0]);
  await site.end();
});

test("F44 a worker that wakes after its lease was taken is fenced off, and begins nothing more", async () => {
  const site = new Site();
  site.directory.rule("alice@example.com" as never, { ooo_active: true, ooo_message: "I am away", forwards: ["x@elsewhere.test"] });
  site.queue.put(site.notice("alice"));
  let wake = () => {};
  const stuck: Courier = {
    send: async (route, transaction) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return site.courier.send(route, transaction);
    },
  };
  const first = site.start("one", { courier: stuck });
  await site.pass(5);
  site.kill(first); // it hangs: its timers, and with them its heartbeat, stand still
  const second = site.start("two");
  await site.pass(300);
  expect([site.copies("alice"), site.closed("alice"), second.said("taken-over")]).toEqual([1, true, 1]);
  wake();
  await site.pass(5);
  expect([site.copies("alice"), first.said("fenced"), first.said("mail")]).toEqual([2, 1, 0]);
  const sent = (to: string) => site.courier.mailsFor(to as never).length;
  expect([sent("bob@remote.test"), sent("x@elsewhere.test"), site.queue.bodies.length]).toEqual([1, 1, 0]);
  await site.end();
});

test("F49 a mail that kills its worker three times is set aside, and the others flow", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  const mails = Array.from({ length: 20 }, (_, i) => `mail-${i}`);
  site.queue.put(site.notice("poison"));
  for (const key of mails.slice(0, 10)) site.queue.put(site.notice(key));
  let deaths = 0;
  const courier: Courier = {
    send: async (route, transaction) => {
      if (!transaction.mailId.endsWith("/poison")) return site.courier.send(route, transaction);
      deaths++;
      return new Promise<ReadonlyMap<EffectKey, Verdict>>(() => {});
    },
  };
  for (const owner of ["first", "second", "third"]) {
    const host = site.start(owner, { courier });
    await site.pass(300, 1000);
    site.kill(host);
    await site.pass(130, 1000); // lease and visibility of the dead run out
  }
  expect([deaths, mails.filter((key) => site.copies(key) === 1).length]).toEqual([3, 10]);
  for (const key of mails.slice(10)) site.queue.put(site.notice(key));
  const last = site.start("fourth", { courier });
  await site.pass(12 * 3600, 5000);
  expect([deaths, last.said("set-aside"), site.queue.deadLetters.length]).toEqual([3, 7, 1]);
  expect(mails.filter((key) => site.copies(key) !== 1 || !site.closed(key))).toEqual([]);
  expect([site.copies("poison"), site.closed("poison"), site.queue.bodies.length]).toEqual([0, false, 0]);
  await site.end();
});

test("F50 a day without the mail server loses nothing, fills no dead-letter queue, and ends without a stampede", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  const mails = Array.from({ length: 120 }, (_, i) => `mail-${i}`);
  for (const key of mails.slice(0, 72)) site.queue.put(site.notice(key));
  let [away, running] = [true, 0];
  const sizes: number[] = [];
  const counts = new Map<string, number>();
  const counting = queueWith(site.queue, {
    receive: async (limit, stop) => {
      const entries = await site.queue.receive(limit, stop);
      for (const { id, receiveCount } of entries) counts.set(id, receiveCount);
      return entries;
    },
  });
  const courier: Courier = {
    send: async (route, transaction) => {
      if (away) return new Map(transaction.recipients.map(({ key }) => [key, hostAway]));
      sizes.push(++running);
      await site.clock.sleep(1000);
      running--;
      return site.courier.send(route, transaction);
    },
  };
  const host = site.start("one", { courier, probe: async () => (away ? "refused" : null), concurrency: 16, ...polling(counting) });
  for (let hour = 0; hour < 24; hour++) {
    await site.pass(3600, 5000);
    for (const key of mails.slice(72 + hour * 2, 74 + hour * 2)) site.queue.put(site.notice(key));
  }
  expect([site.courier.sends, site.queue.deadLetters.length, site.queue.bodies.length]).toEqual([0, 0, 120]);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(2);
  expect(host.fleet.circuits.mailServer.state).toBe("open");
  away = false;
  await site.pass(300);
  expect(mails.filter((key) => site.copies(key) !== 1 || !site.closed(key))).toEqual([]);
  expect([site.queue.bodies.length, site.queue.deadLetters.length]).toEqual([0, 0]);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(3);
  // One mail, then two, then four: each that ends lets two begin.
  expect([sizes[0], Math.max(...sizes.slice(1, 3)) <= 2, Math.max(...sizes.slice(3, 7)) <= 4]).toEqual([1, true, true]);
  expect(Math.max(...sizes)).toBe(16);
  await site.end();
});

test("F51 without a dead-letter queue a mail that cannot be done is held, tried ever more rarely, and never deleted", async () => {
  const site = new Site();
  site.queue.put("no notice of SES");
  site.queue.put(site.notice("alice"));
  site.courier.script("mailbox", "alice@example.com" as never, delayed("try-later", "recipient", "452 4.2.2 full"));
  const acked: QueueEntry[] = [];
  const watched = queueWith(site.queue, { ack: async (entries) => void acked.push(...entries) });
  const host = site.start("one", polling(watched));
  await site.pass(48 * 3600, 5000);
  expect([acked, site.queue.bodies.length, site.closed("alice")]).toEqual([[], 2, false]);
  expect(host.said("entry-undecodable")).toBeGreaterThan(40); // once an hour in the end
  expect(host.said("entry-undecodable")).toBeLessThan(60);
  site.courier.script("mailbox", "alice@example.com" as never, delivered);
  await site.pass(4000, 1000);
  expect([site.copies("alice"), site.closed("alice")]).toEqual([1, true]);
  await site.end();
});
