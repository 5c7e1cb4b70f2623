// Pool: which session carries which mail, told from the server's side.

import { afterEach, describe, expect, test } from "bun:test";
import { PortError } from "@sesame/core";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { type Opening, openSession } from "../../packages/smtp/open-session.ts";
import { smtpOptions } from "../../packages/smtp/options.ts";
import { SessionPool } from "../../packages/smtp/pool.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { until } from "../until.ts";
import { contentOf, courierTo, inOrder, testOptions, transaction, words } from "./samples.ts";
import { type SinkOptions, type SinkServer, sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Bench = { server: SinkServer; courier: SmtpCourier; timers: FakeTimers; send: (subject?: string) => Promise<string> };

async function bench(options: Partial<SmtpOptions> = {}, sink: SinkOptions = {}): Promise<Bench> {
  const server = await sinkServer(sink);
  const timers = new FakeTimers();
  const target = { host: "127.0.0.1", port: server.port, protocol: sink.protocol ?? "smtp" } as const;
  const courier = new SmtpCourier({ mailbox: target, internal: target }, { ...testOptions, ...options }, timers);
  ends.push(
    () => server.close(),
    () => courier.close(),
  );
  const send = (subject = "x") => one(courier, subject);
  return { server, courier, timers, send };
}

async function one(courier: SmtpCourier, subject = "x"): Promise<string> {
  const content = contentOf(`Subject: ${subject}\r\n\r\n`);
  return words(inOrder(await courier.send("mailbox", transaction(["a@example.com"], { content })))[0]);
}

describe("SmtpCourier and its pool", () => {
  test("send() opens no session before it is needed, and keeps it", async () => {
    const { server, courier, send } = await bench();
    expect([server.connections(), courier.gauge]).toEqual([0, { idle: 0, busy: 0 }]);
    for (let i = 0; i < 3; i++) expect(await send()).toBe("delivered");
    expect([server.connections(), courier.gauge]).toEqual([1, { idle: 1, busy: 0 }]);
    expect(server.commands.filter((line) => /RSET|QUIT/.test(line))).toEqual([]);
  });

  test("send() opens at most so many sessions when many mails come", async () => {
    let most = 0;
    const { server, courier, send } = await bench({ poolSize: 3 }, { onData: () => (most = Math.max(most, server.open())) });
    const sends = Array.from({ length: 30 }, () => send());
    expect(courier.gauge.busy).toBe(3);
    expect(await Promise.all(sends)).toEqual(Array(30).fill("delivered"));
    expect([most, server.connections(), server.mails.length]).toEqual([3, 3, 30]);
  });

  test("send() serves who waits in order", async () => {
    const { server, send } = await bench({ poolSize: 1 });
    await Promise.all(["1", "2", "3", "4", "5"].map((subject) => send(subject)));
    expect(server.mails.map(({ data }) => data.toString().trim())).toEqual(["1", "2", "3", "4", "5"].map((each) => `Subject: ${each}`));
  });

  test("send() probes a session that was idle for long, and only then", async () => {
    const { server, timers, send } = await bench();
    await send();
    timers.advance(29_000);
    await send();
    expect(server.commands.filter((line) => line.includes("RSET"))).toEqual([]);
    timers.advance(31_000);
    expect(await send()).toBe("delivered");
    expect(server.commands.filter((line) => line.includes("RSET"))).toEqual(["0 RSET"]);
    expect(server.connections()).toBe(1);
  });

  test("send() takes a fresh session when the probe is refused", async () => {
    const { server, timers, send } = await bench({}, { answer: (line) => (line === "RSET" ? "554 no" : null) });
    await send();
    timers.advance(31_000);
    expect(await send()).toBe("delivered");
    expect(server.connections()).toBe(2);
  });

  test("close of an idle session comes when its time is over", async () => {
    const { server, courier, timers, send } = await bench();
    await Promise.all([send(), send()]);
    expect(courier.gauge).toEqual({ idle: 2, busy: 0 });
    timers.advance(59_000);
    expect(courier.gauge.idle).toBe(2);
    timers.advance(1_000);
    expect(courier.gauge.idle).toBe(0);
    await until(() => server.open() === 0, "the other side does not act", 1);
    expect(server.commands.filter((line) => line.includes("QUIT")).length).toBe(2);
    expect(timers.pending).toBe(0);
  });

  test("close of idle sessions comes one by one when their times differ", async () => {
    const { server, courier, timers, send } = await bench();
    await Promise.all([send(), send()]);
    timers.advance(20_000);
    await send();
    timers.advance(40_000);
    expect(courier.gauge.idle).toBe(1);
    timers.advance(19_000);
    expect(courier.gauge.idle).toBe(1);
    timers.advance(1_000);
    expect(courier.gauge.idle).toBe(0);
    await until(() => server.open() === 0, "the other side does not act", 1);
  });

  test("send() retires a session after its transactions", async () => {
    const { server, send } = await bench({ maxTransactions: 2 });
    for (let i = 0; i < 5; i++) await send();
    expect(server.connections()).toBe(3);
    expect(server.commands.filter((line) => line.includes("QUIT"))).toEqual(["0 QUIT", "1 QUIT"]);
  });

  test("send() goes on when the server was restarted between mails", async () => {
    const { server, courier, send } = await bench();
    await Promise.all([send(), send(), send()]);
    server.drop();
    expect(await send()).toBe("delivered");
    expect(server.mails.length).toBe(4);
    await until(() => courier.gauge.idle === 1, "the other side does not act", 1);
  });

  test("send() uses no session on which the server spoke without being asked", async () => {
    for (const line of ["250 surprise", "421 4.4.2 idle too long", "banana"]) {
      const { server, courier, send } = await bench();
      await send();
      server.say(line);
      await until(() => courier.gauge.idle === 0, "the other side does not act", 1);
      expect(await send()).toBe("delivered");
      expect(server.connections()).toBe(2);
    }
  });

  test("send() waits for a session that is free when the server wants no more of them", async () => {
    const { server, send } = await bench(
      { poolSize: 3 },
      { greeting: (connection) => (connection === 0 ? "220 sink" : "421 4.7.0 too many connections") },
    );
    const sends = Array.from({ length: 4 }, () => send());
    expect(await Promise.all(sends)).toEqual(Array(4).fill("delivered"));
    expect(new Set(server.commands.filter((line) => line.includes("MAIL")).map((line) => line[0]))).toEqual(new Set(["0"]));
  });

  test("send() tells all who wait when the host is dead", async () => {
    const { server, courier, send } = await bench({ poolSize: 2 }, { greeting: () => "554 5.7.1 no" });
    expect(await Promise.all(Array.from({ length: 20 }, () => send()))).toEqual(Array(20).fill("delayed refused-us host"));
    expect(server.connections()).toBe(2);
    expect(courier.gauge).toEqual({ idle: 0, busy: 0 });
    expect(await send()).toBe("delayed refused-us host");
  });

  test("close() says goodbye, and send() is stopped after it", async () => {
    const { server, courier, send } = await bench();
    await Promise.all([send(), send()]);
    await courier.close();
    expect(server.commands.filter((line) => line.includes("QUIT")).length).toBe(2);
    expect(await send()).toBe("delayed stopped mail");
  });

  test("close() lets a mail on its way finish, and stops those who wait", async () => {
    let closing: Promise<void> | null = null;
    const answer = (line: string) => {
      if (line.startsWith("RCPT")) closing = courier.close();
      return null;
    };
    const { server, courier, send } = await bench({ poolSize: 1 }, { answer });
    const sends = [send("1"), send("2")];
    expect(await Promise.all(sends)).toEqual(["delivered", "delayed stopped mail"]);
    await closing;
    await until(() => server.commands.at(-1) === "0 QUIT", "the other side does not act", 1);
  });

  test("probe() tells what the server can do, or why it is not there", async () => {
    const { courier, server } = await bench({}, { extensions: ["SIZE 10240000", "SMTPUTF8"] });
    expect(await courier.probe("mailbox")).toEqual({
      kind: "reachable",
      capabilities: { smtpUtf8: true, sizeLimit: 10_240_000, secure: false },
    });
    expect(courier.gauge).toEqual({ idle: 1, busy: 0 });
    server.close();
    await until(() => courier.gauge.idle === 0, "the other side does not act", 1);
    expect(await courier.probe("internal")).toMatchObject({
      kind: "unreachable",
      verdict: { action: "delayed", reason: "unreachable", scope: "host" },
    });
  });

  test('send() throws a PortError for the route "ses"', async () => {
    const { courier } = await bench();
    await expect(courier.send("ses", transaction(["a@example.com"]))).rejects.toThrow(PortError);
  });

  test("send() relays by the internal target and delivers by the other", async () => {
    const [mailbox, internal] = [await sinkServer({ protocol: "lmtp" }), await sinkServer()];
    ends.push(mailbox.close, internal.close);
    const courier = new SmtpCourier(
      {
        mailbox: { host: "127.0.0.1", port: mailbox.port, protocol: "lmtp" },
        internal: { host: "127.0.0.1", port: internal.port, protocol: "smtp" },
      },
      testOptions,
    );
    ends.push(() => courier.close());
    expect(inOrder(await courier.send("internal", transaction(["a@example.com"]))).map(words)).toEqual(["relayed"]);
    expect(inOrder(await courier.send("mailbox", transaction(["a@example.com"]))).map(words)).toEqual(["delivered"]);
    expect([mailbox.mails.length, internal.mails.length, courier.gauge.idle]).toEqual([1, 1, 2]);
  });

  test("SmtpCourier() throws when it is told what cannot be", () => {
    expect(() => courierTo(25, "lmtp")).toThrow("port 25");
    expect(() => courierTo(24, "lmtp", { name: "3f2a9c1b77d0" })).toThrow("fully qualified");
    expect(() => courierTo(24, "lmtp", { poolSize: 0 })).toThrow("at least 1");
    expect(() => courierTo(24, "lmtp", { minPoolSize: 0 })).toThrow("at least 1");
  });
});

describe("SessionPool.acquire()", () => {
  test("acquire() gets a session that came back while its own is being opened", async () => {
    const server = await sinkServer();
    ends.push(server.close);
    const [timers, options] = [new FakeTimers(), smtpOptions(testOptions)];
    const target = { host: "127.0.0.1", port: server.port, protocol: "smtp" } as const;
    const failed: Opening = { kind: "failed", failure: { stage: "connection", reply: null, detail: "too many" } };
    let fail: (opening: Opening) => void = () => {};
    const openings = [openSession(target, options, timers), new Promise<Opening>((resolve) => (fail = resolve))];
    const pool = new SessionPool(async () => openings.shift() ?? failed, options, timers);
    const first = await pool.acquire();
    const second = pool.acquire();
    if (first.kind !== "open") throw new Error("no session");
    expect(pool.gauge).toEqual({ idle: 0, busy: 2 });
    pool.release(first.session);
    expect(await second).toEqual({ ...first, reused: true });
    fail(failed);
    await until(() => pool.gauge.busy === 1, "the failed opening still counts", 1);
    pool.release(first.session);
    await pool.close();
  });
});
