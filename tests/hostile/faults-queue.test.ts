// Faults of the queue and the tables, played on fleets over fakes: what cannot be had, what comes in the wrong order, what is no
// mail at all, and calls of which more than half fail.

import { expect, test } from "bun:test";
import { type Address, type ObjectLocation, PortError } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { TestWay } from "../journey/way.ts";
import { Site } from "../matrix/worker-host.ts";
import { Random } from "../mutation/random.ts";

const objectOf = (key: string): ObjectLocation => ({ kind: "object", bucket: "example-com-emails", key });

test("F01 ten minutes without a queue: polls grow rare, readiness says so, and work goes on within one pause", async () => {
  const site = new Site();
  site.queue.put(site.notice("alice"));
  let [isAway, polls] = [true, 0];
  const receive = site.queue.receive.bind(site.queue);
  site.queue.receive = async (limit, stop) => {
    polls++;
    if (isAway) throw new PortError("MailQueue", "receive", "Cannot receive: AWS is not reachable: ECONNRESET");
    return receive(limit, stop);
  };
  const host = site.start("one");
  await site.pass(600);
  // Half a second, then twice as long each time, up to thirty seconds.
  expect([polls >= 6 + 18, polls <= 6 + 30, host.said("port-error") === polls]).toEqual([true, true, true]);
  const [view] = host.fleet.views();
  expect((view?.pollAgeSeconds ?? Number.POSITIVE_INFINITY) > host.fleet.maxAgeSeconds).toBe(true); // what makes /health and /readyz say 503
  expect((view?.loopAgeSeconds ?? Number.POSITIVE_INFINITY) <= 1).toBe(true); // and /livez 200: a restart mends no queue
  isAway = false;
  await site.pass(31);
  expect([site.copies("alice"), site.queue.bodies.length]).toEqual([1, 0]);
  await site.end();
});

test("F12 a mail whose object is gone for ever ends in the dead-letter queue, said each time, and never as done", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  site.queue.put(site.notice("gone"));
  site.queue.put(site.notice("alice"));
  const stored = await site.store.open(objectOf("gone"));
  if (stored === "missing") throw new Error("the mail was not stored");
  await site.store.erase(stored);
  const host = site.start("one");
  await site.pass(300);
  expect([site.copies("alice"), site.closed("gone"), site.queue.bodies.length]).toEqual([1, false, 1]);
  await site.pass(12 * 3600, 5000);
  expect([site.queue.bodies.length, site.queue.deadLetters.length, host.said("object-missing")]).toEqual([0, 1, 10]);
  expect([site.copies("gone"), site.closed("gone")]).toEqual([0, false]);
  await site.end();
});

test("F28 a blocklist that cannot be read delays each mail for as long, and lets nobody in", async () => {
  const site = new Site({ maxReceiveCount: 10 });
  site.directory.block("*@example.com", ["*@remote.test"]);
  const look = site.directory.look.bind(site.directory);
  site.directory.look = async () => {
    throw new PortError("Directory", "look", "Cannot look: AWS has an internal error: HTTP 500");
  };
  site.queue.put(site.notice("blocked"));
  site.queue.put(site.notice("welcome", "carol@elsewhere.test"));
  const host = site.start("one");
  await site.pass(1800, 1000);
  expect([site.courier.sends, site.queue.bodies.length, host.said("port-error") > 5]).toEqual([0, 2, true]);
  site.directory.look = look;
  await site.pass(3600, 1000);
  expect([site.copies("blocked"), site.copies("welcome"), site.queue.bodies.length]).toEqual([0, 1, 0]);
  await site.end();
});

const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
const bounce =
  "Received: from a8-95.smtp-out.amazonses.com (a8-95.smtp-out.amazonses.com [192.0.2.1]) by x; now\r\nFrom: MAILER-DAEMON@amazonses.com\r\n" +
  "To: alice@example.com\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
  "Final-Recipient: rfc822; gone@customer.test\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" +
  `Message-ID: <${id}@email.amazonses.com>\r\n\r\n--b--\r\n`;
const event = JSON.stringify({
  eventType: "Bounce",
  bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: "gone@customer.test" }] },
  mail: { messageId: id, source: "alice@example.com" },
});

test("F46 mails and events may come in any order: a bounce before its event, a newer mail before an older one", async () => {
  for (const isBounceFirst of [true, false]) {
    const site = new Site();
    const head = new TextEncoder().encode(bounce);
    site.store.put(objectOf("bounce"), head);
    const recipients = ["alice@example.com"];
    const notice = writeNotice({
      sesId: "bounce",
      location: objectOf("bounce"),
      source: "",
      recipients,
      head,
      receivedAt: site.clock.now(),
    });
    const older = site.notice("older");
    await site.pass(60);
    const newer = site.notice("newer");
    const host = site.start("one");
    for (const body of [newer, ...(isBounceFirst ? [notice, event] : [event, notice])]) {
      site.queue.put(body);
      await site.pass(5);
    }
    site.queue.put(older);
    await site.pass(300);
    const from = site.courier
      .mailsFor("alice@example.com" as Address)
      .map((octets) => /^From: (.*)\r$/m.exec(new TextDecoder().decode(octets))?.[1]);
    expect([from, site.copies("newer"), site.copies("older"), site.queue.bodies.length]).toEqual([["gone@customer.test"], 1, 1, 0]);
    expect(host.lines.flatMap((line) => (line["event"] === "bounce" ? [line["result"]] : []))).toEqual(
      isBounceFirst ? ["awaited", "rewritten"] : ["rewritten"],
    );
    await site.end();
  }
});

test("F47 poison takes nothing along: the mail beside it is delivered at once, and each kind ends as it is documented", async () => {
  const acknowledged: readonly string[] = [
    JSON.stringify({ Type: "SubscriptionConfirmation", SubscribeURL: "https://127.0.0.1:1/", Message: "confirm" }),
    JSON.stringify({ Event: "s3:TestEvent", Bucket: "example-com-emails" }),
    JSON.stringify({ notificationType: "Received", mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" }, receipt: {} }),
    JSON.stringify({ notificationType: "Delivery", mail: { messageId: "x" } }),
    JSON.stringify({
      Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Copy", s3: { bucket: { name: "b" }, object: { key: "k" } } }],
    }),
  ];
  const kept: readonly string[] = [
    "no JSON at all",
    "",
    JSON.stringify({ Type: "Notification", Message: 7 }),
    JSON.stringify({
      notificationType: "Received",
      mail: { messageId: "x" },
      receipt: { recipients: ["a@example.com"], action: { type: "S3" } },
    }),
  ];
  const site = new Site({ maxReceiveCount: 10 });
  for (const body of [...kept, ...acknowledged]) site.queue.put(body);
  site.queue.put(site.notice("alice"));
  const host = site.start("one");
  await site.pass(5);
  expect([site.copies("alice"), site.queue.bodies]).toEqual([1, [...kept]]);
  expect([host.said("entry-ignored"), host.said("entry-undecodable")]).toEqual([acknowledged.length, kept.length]);
  await site.pass(24 * 3600, 5000);
  expect([site.queue.bodies, site.queue.deadLetters.toSorted()]).toEqual([[], [...kept].sort()]);
  expect(host.said("entry-undecodable")).toBe(10 * kept.length);
  await site.end();
});

test("F38 a worker that dies between the first and the last of three forwards: the others are sent later, and none twice but the one in flight", async () => {
  const targets = ["x@other.test", "y@other.test", "z@other.test"] as Address[];
  for (const kind of ["die-before", "die-after"] as const) {
    for (const dies of [0, 1, 2]) {
      const way = new TestWay("From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n");
      way.directory.rule("alice@example.com", { forwards: targets });
      way.faults = new FaultInjector([faultAt(`Courier.send#${2 + dies}`, { kind })]); // the first send is the delivery
      await way.untilDone();
      const copies = targets.map((target) => way.courier.mailsFor(target).length);
      // Whoever died after the send cannot know of it.
      expect([kind, dies, copies]).toEqual([kind, dies, targets.map((_, index) => (kind === "die-after" && index === dies ? 2 : 1))]);
      expect(way.courier.mailsFor("alice@example.com" as Address).length).toBe(1);
      expect(way.journal.events.filter((each) => each.kind === "taken-over").length).toBe(1);
    }
  }
});

test("F80 a forged X-SES-Worker-Processed or X-Loop skips no blocklist and no rule, and is counted", async () => {
  const mac = "0".repeat(32);
  const forged = `X-SES-Worker-Processed: worker-example.com\r\nX-Loop: alice@example.com; id=${mac}; hop=1; mac=${mac}\r\n`;
  const mail = `${forged}From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n`;
  const ruled = new TestWay(mail);
  ruled.directory.rule("alice@example.com", { ooo_active: true, ooo_message: "away", forwards: ["x@other.test"] });
  await ruled.untilDone();
  const to = ruled.courier.sent.map(({ recipients }) => String(recipients[0]?.address));
  expect(to.toSorted()).toEqual(["alice@example.com", "bob@remote.test", "x@other.test"]);
  const closing = ruled.journal.events.find((each) => each.kind === "mail");
  expect(JSON.stringify(closing?.kind === "mail" && closing.plan)).toContain("loop-mark-forged");
  const blocked = new TestWay(mail);
  blocked.directory.block("alice@example.com", ["bob@remote.test"]);
  await blocked.untilDone();
  expect(blocked.courier.sends).toBe(0);
});

/** So many calls fail, half of them after they took effect. */
class Lossy extends FaultInjector {
  readonly #random: Random;
  readonly #lossOf: (port: string) => number;

  constructor(seed: number, lossOf: (port: string) => number) {
    super();
    this.#random = new Random(seed);
    this.#lossOf = lossOf;
  }

  override wrap<T extends object>(port: string, target: T): T {
    const loss = this.#lossOf(port);
    return new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== "function" || typeof property === "symbol") return value;
        return async (...args: unknown[]) => {
          const lost = new PortError(port, property, "lost on the way");
          if (this.#random.chance(loss / 2)) throw lost;
          const answer: unknown = await value.apply(target, args);
          if (this.#random.chance(loss / 2)) throw lost;
          return answer;
        };
      },
    });
  }
}

function lossyWay(seed: number, lossOf: (port: string) => number): TestWay {
  const way = new TestWay("From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n");
  way.directory.rule("alice@example.com", { ooo_active: true, ooo_message: "away", forwards: ["x@other.test"] });
  way.faults = new Lossy(seed, lossOf);
  return way;
}

/** Copies in the mailbox and at the target; there is one reply at the most, and a copy too many was announced. */
function copiesOf(way: TestWay): readonly number[] {
  const copies = ["alice@example.com", "x@other.test"].map((to) => way.courier.mailsFor(to as Address).length);
  const announced = way.journal.events.some(
    (each) =>
      each.kind === "taken-over" ||
      each.kind === "unrecorded" ||
      (each.kind === "deed" && each.verdict.action === "delayed" && each.verdict.possibleDuplicate),
  );
  expect(way.courier.mailsFor("bob@remote.test" as Address).length).toBeLessThanOrEqual(1);
  expect(copies.some((count) => count > 1) && !announced).toBe(false);
  return copies;
}

test("F88 a mail comes through when six of ten calls of all but the ledger are lost", async () => {
  let receives = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const way = lossyWay(seed, (port) => (port === "Ledger" ? 0 : 0.6));
    receives += await way.untilDone(500);
    expect([seed, Math.min(...copiesOf(way)) >= 1]).toEqual([seed, true]);
  }
  expect(receives).toBeGreaterThan(60 * 5);
});

test("F88 a mail is delivered, and a copy too many announced, when three of ten calls of all ports are lost", async () => {
  let extra = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const way = lossyWay(seed, () => 0.3);
    await way.untilDone(500);
    const copies = copiesOf(way);
    expect([seed, Math.min(...copies) >= 1]).toEqual([seed, true]);
    extra += copies.filter((count) => count > 1).length;
  }
  expect(extra).toBeGreaterThan(0);
});

test("F88 a mail is delivered or set aside when three of ten calls of all ports are lost, and another worker receives each time", async () => {
  const ends = { delivered: 0, aside: 0, extra: 0 };
  for (let seed = 1; seed <= 200; seed++) {
    const way = lossyWay(seed, () => 0.3);
    // A lease that could not be given back looks to others like that of a worker that crashed, and three of those set a mail aside.
    const isAside = () => way.journal.events.some(({ kind }) => kind === "set-aside");
    let isDone = false;
    for (let receives = 0; receives < 500 && !isDone && !isAside(); receives++) {
      isDone = await way.receive().then(
        ({ kind }) => kind === "ack",
        () => false,
      );
      way.changeWorker();
      way.clock.advance(200);
    }
    const copies = copiesOf(way);
    expect([seed, isDone ? Math.min(...copies) >= 1 : isAside()]).toEqual([seed, true]);
    ends[isDone ? "delivered" : "aside"]++;
    ends.extra += copies.filter((count) => count > 1).length;
  }
  expect([ends.delivered > 20, ends.aside > 20, ends.extra > 0]).toEqual([true, true, true]); // each of them was met
});
