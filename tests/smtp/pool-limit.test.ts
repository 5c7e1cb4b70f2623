// The pool and its limit, told from the server's side: a server with few processes, one that refuses, one that is slow, and one
// that does anything. Every mail gets its verdict, and no server gets more sessions than it bears for longer than a moment.

import { afterEach, describe, expect, test } from "bun:test";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { until } from "../until.ts";
import { contentOf, inOrder, testOptions, transaction, words } from "./samples.ts";
import { type SinkOptions, type SinkServer, sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

class Bench {
  readonly timers = new FakeTimers();
  readonly courier: SmtpCourier;
  readonly server: SinkServer;
  readonly verdicts = new Map<string, number>();
  #isOver = false;

  constructor(server: SinkServer, options: Partial<SmtpOptions>) {
    this.server = server;
    const target = { host: "127.0.0.1", port: server.port, protocol: "smtp" } as const;
    this.courier = new SmtpCourier({ mailbox: target, internal: target }, { ...testOptions, ...options }, this.timers);
    ends.push(
      () => server.close(),
      () => this.courier.abort(),
    );
  }

  static async start(sink: SinkOptions = {}, options: Partial<SmtpOptions> = {}): Promise<Bench> {
    return new Bench(await sinkServer({ keep: false, ...sink }), options);
  }

  get limit(): number {
    return this.courier.sessionLimit;
  }

  async send(size = 0): Promise<string> {
    const content = contentOf(`Subject: x\r\n\r\n${"x".repeat(size)}`);
    const word = words(inOrder(await this.courier.send("mailbox", transaction(["a@example.com"], { content })))[0]);
    this.verdicts.set(word, (this.verdicts.get(word) ?? 0) + 1);
    return word;
  }

  /** Sends so many mails at once. */
  burst(mails: number): Promise<string[]> {
    return Promise.all(Array.from({ length: mails }, () => this.send()));
  }

  /** Keeps the courier busy until the test ends, or the courier is closed. */
  keepBusy(lanes = 64): void {
    const lane = async () => {
      while (!this.#isOver && !(await this.send()).includes("stopped"));
    };
    const all = Promise.all(Array.from({ length: lanes }, lane));
    ends.push(async () => {
      this.#isOver = true;
      await all;
    });
  }

  /** Until something is so. */
  wait(isSo: () => boolean, otherwise: string): Promise<void> {
    return until(isSo, otherwise, 1);
  }
}

const onlyDelivered = (bench: Bench) => expect([...bench.verdicts.keys()]).toEqual(["delivered"]);

describe("SmtpCourier and the number of its sessions", () => {
  test("send() opens 4 sessions at first", async () => {
    const bench = await Bench.start({ hold: () => new Promise(() => {}) });
    bench.keepBusy();
    await bench.wait(() => bench.server.open() === 4, "four sessions are not open");
    expect([bench.limit, bench.courier.gauge]).toEqual([4, { idle: 0, busy: 4 }]);
    await bench.courier.abort();
  });

  test("send() opens 32 for a burst, if the server bears them", async () => {
    const bench = await Bench.start();
    await bench.burst(1000);
    onlyDelivered(bench);
    expect([bench.limit, bench.server.connections() <= 40]).toEqual([32, true]);
  });

  test("send() leaves a quarter of the processes of a small server to others, and no mail waits for a connection", async () => {
    const bench = await Bench.start({ processes: 10 });
    bench.keepBusy();
    await bench.wait(() => bench.server.queued() > 0, "no connection waits");
    const sent = bench.server.mails.length;
    await bench.wait(() => bench.server.mails.length > sent + 200, "mails wait for a connection");
    bench.timers.advance(1_000);
    expect(bench.limit).toBe(7);
    await bench.wait(() => bench.server.open() <= 7, "too many sessions stay");
    expect(bench.server.queued()).toBe(0);
    onlyDelivered(bench);
  });

  test("send() does not blame the server for a late greeting when this process had no time to read it", async () => {
    const bench = await Bench.start({ processes: 10 });
    bench.keepBusy();
    await bench.wait(() => bench.server.queued() > 0, "no connection waits");
    const sent = bench.server.mails.length;
    await bench.wait(() => bench.server.mails.length > sent + 200, "mails wait for a connection"); // all ten are greeted
    const before = bench.limit;
    bench.timers.advance(1_500); // a stall: all timers are late
    expect(bench.limit).toBe(before);
    bench.timers.advance(1_000);
    expect(bench.limit).toBe(7);
  });

  test("send() asks a server that has refused a session for no other one within a second", async () => {
    const greeting = (connection: number) => (connection < 12 ? "220 sink" : "421 4.7.0 too many connections");
    const bench = await Bench.start({ greeting }, { maxTransactions: 100_000 });
    bench.keepBusy();
    await bench.wait(() => bench.limit < 12 && bench.server.connections() > 12, "nothing is refused");
    await bench.wait(() => bench.server.open() <= bench.limit, "too many sessions stay");
    const connections = bench.server.connections();
    const sent = bench.server.mails.length;
    await bench.wait(() => bench.server.mails.length > sent + 500, "the other sessions do not work");
    expect([bench.limit <= 6, bench.server.connections()]).toEqual([true, connections]);
    onlyDelivered(bench);
  });

  test("send() closes idle sessions above the limit with QUIT", async () => {
    let answer: string | null = null;
    const bench = await Bench.start({ answer: (line) => (line.startsWith("MAIL") ? answer : null) }, { maxTransactions: 100_000 });
    await bench.burst(1000);
    await bench.wait(() => bench.courier.gauge.idle > 20, "few sessions are idle");
    const quits = () => bench.server.commands.filter((line) => line.endsWith("QUIT")).length;
    expect(quits()).toBe(0);
    answer = "452 4.3.1 Insufficient system storage";
    for (const _ of [1, 2]) expect(await bench.send()).toBe("delayed try-later host");
    await bench.wait(() => bench.server.open() <= bench.limit, "idle sessions stay");
    expect([bench.limit <= 16, quits() >= 10]).toEqual([true, true]);
  });

  test("send() gives up half of the sessions when the answers to the final dot become slow", async () => {
    let isSlow = false;
    const held: (() => void)[] = [];
    const hold = () => (isSlow ? new Promise<void>((resolve) => held.push(resolve)) : Promise.resolve());
    const bench = await Bench.start({ hold }, { maxTransactions: 100_000 });
    await bench.burst(1000);
    expect(bench.limit).toBe(32);
    isSlow = true;
    bench.keepBusy();
    for (let round = 0; round < 3; round++) {
      await bench.wait(() => held.length === 32, "32 mails are not under way");
      bench.timers.advance(900);
      for (const answer of held.splice(0)) answer();
    }
    await bench.wait(() => bench.limit === 16 && held.length === 16 && bench.server.open() === 16, "the sessions stay");
    isSlow = false;
    for (const answer of held.splice(0)) answer();
    onlyDelivered(bench);
  });

  test("X05 send() does not give up sessions for what strangers can cause", async () => {
    const refusals = ["450 4.7.1 Greylisted", "452 4.2.2 Mailbox full", "550 5.1.1 Unknown user", "451 4.3.0 Temporary lookup failure"];
    let asked = 0;
    const answer = (line: string) => (line.startsWith("RCPT") && ++asked > 1000 ? (refusals[asked % 4] ?? null) : null);
    const bench = await Bench.start({ answer });
    await bench.burst(1000);
    await bench.burst(400);
    expect(bench.limit).toBe(32);
    expect(bench.verdicts.get("delivered")).toBe(1000);
  });

  test("send() opens further sessions when the first ones hang", async () => {
    let held = 0;
    const bench = await Bench.start({ hold: () => (held++ < 4 ? new Promise(() => {}) : Promise.resolve()) });
    const hanging = bench.burst(4);
    await bench.wait(() => held === 4, "four mails do not hang");
    const fifth = bench.send();
    bench.timers.advance(999);
    expect(bench.limit).toBe(4);
    bench.timers.advance(1);
    expect(await fifth).toBe("delivered");
    expect(bench.limit).toBe(6);
    await bench.courier.abort();
    expect(await hanging).toEqual(Array(4).fill("delayed in-doubt mail twice?"));
  });

  test("close() cancels sessions that are being opened, and leaves no timer", async () => {
    const bench = await Bench.start({ processes: 4 });
    bench.keepBusy(8);
    await bench.wait(() => bench.server.queued() > 0, "no connection waits");
    await bench.courier.abort();
    await bench.wait(() => bench.server.open() === 0, "connections stay");
    expect([bench.courier.gauge, bench.timers.pending]).toEqual([{ idle: 0, busy: 0 }, 0]);
  });

  for (const seed of [1, 2, 3, 4]) {
    test(`send() gives each mail its verdict whatever the server does, and the sessions come back (${seed})`, async () => {
      let isErratic = true;
      let most = 0;
      const next = randomOf(seed);
      const odd = (share: number, replies: readonly string[]) =>
        isErratic && next(100) < share ? (replies[next(replies.length)] ?? null) : null;
      const answer = (line: string): string | null => {
        if (line.startsWith("MAIL")) return odd(10, ["452 4.3.1 disk", "421 4.3.2 busy", "451 4.7.1 later", "550 5.7.1 no", "banana"]);
        if (line.startsWith("RCPT")) return odd(10, ["450 4.7.1 later", "421 4.7.0 too many errors", "550 5.1.1 no", "999 no"]);
        if (line === "DATA") return odd(5, ["451 4.3.0 disk", "421 4.3.2 busy", "250 strange"]);
        if (line === ".") return odd(20, ["451 4.3.0 disk", "452 4.3.1 disk", "421 4.3.2 busy", "554 5.7.1 spam"]);
        return line === "RSET" ? odd(20, ["502 no", "421 busy"]) : null;
      };
      const bench = await Bench.start({
        processes: 6 + next(20),
        answer,
        greeting: () => odd(30, ["421 4.7.0 too many connections", "554 5.7.1 no"]) ?? "220 sink",
        onData: (socket) => {
          most = Math.max(most, bench.server.open());
          if (isErratic && next(100) === 0) socket.destroy();
        },
      });
      const mails = Array.from({ length: 1500 }, () => bench.send());
      const time = setInterval(() => bench.timers.advance(100), 1);
      await Promise.all(mails);
      expect([...bench.verdicts.values()].reduce((sum, count) => sum + count, 0)).toBe(1500);
      // A session that is given up is still open for the server until it has read the QUIT.
      expect(most).toBeLessThanOrEqual(32 * 2);
      expect(bench.limit).toBeGreaterThanOrEqual(4);
      isErratic = false;
      bench.verdicts.clear();
      while (bench.limit < 6) await bench.burst(200);
      onlyDelivered(bench);
      await bench.wait(() => bench.courier.gauge.busy === 0, "a session is never free");
      clearInterval(time);
    }, 60_000);
  }
});

/** Numbers below a limit, the same for each seed. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2654435761;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
