// What a pool owes to those who cannot wait: a probe while every place is taken, and everybody when the worker ends.

import { afterEach, expect, spyOn, test } from "bun:test";
import { createServer, Socket } from "node:net";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { until } from "../until.ts";
import { inOrder, testOptions, transaction, words } from "./samples.ts";
import { portOf } from "./scripted-server.ts";
import { sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function courierOn(port: number, options: Partial<SmtpOptions> = {}): { courier: SmtpCourier; timers: FakeTimers } {
  const timers = new FakeTimers();
  const target = { host: "127.0.0.1", port, protocol: "smtp" } as const;
  const courier = new SmtpCourier({ mailbox: target, internal: target }, { ...testOptions, ...options }, timers);
  ends.push(() => courier.abort());
  return { courier, timers };
}

/** A server that takes connections and says nothing. */
async function muteServer(): Promise<{ port: number; open: () => number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: portOf(server), open: () => sockets.size };
}

const wordsOf = async (sending: ReturnType<SmtpCourier["send"]>) => words(inOrder(await sending)[0]);

test("probe() does not stand in line behind mails that hang", async () => {
  const server = await sinkServer({ hold: () => new Promise(() => {}) });
  ends.push(server.close);
  const { courier } = courierOn(server.port, { poolSize: 1 });
  const sends = [courier.send("mailbox", transaction(["a@example.com"])), courier.send("mailbox", transaction(["b@example.com"]))];
  await until(() => server.mails.length === 1, "the other side does not act", 1);
  expect((await courier.probe("mailbox")).kind).toBe("reachable");
  await until(() => server.open() === 1, "the other side does not act", 1); // the session of the probe is gone
  await courier.abort();
  expect(await Promise.all(sends.map(wordsOf))).toEqual(["delayed in-doubt mail twice?", "delayed stopped mail"]);
});

test("abort() tells those too whose session is still being opened, and lets go of its socket", async () => {
  const server = await muteServer();
  const { courier, timers } = courierOn(server.port);
  const sends = [courier.send("mailbox", transaction(["a@example.com"])), courier.probe("mailbox")] as const;
  await until(() => server.open() === 2, "the other side does not act", 1);
  await courier.abort();
  expect(await wordsOf(sends[0])).toBe("delayed stopped mail");
  expect((await sends[1]).kind).toBe("unreachable");
  await until(() => server.open() === 0, "the other side does not act", 1);
  expect([timers.pending, courier.gauge]).toEqual([0, { idle: 0, busy: 0 }]);
});

test("close() gives up a probe that is under way", async () => {
  const server = await muteServer();
  const { courier, timers } = courierOn(server.port);
  const probing = courier.probe("mailbox");
  await until(() => server.open() === 1, "the other side does not act", 1);
  await courier.close();
  expect((await probing).kind).toBe("unreachable");
  await until(() => server.open() === 0, "the other side does not act", 1);
  expect(timers.pending).toBe(0);
});

test("send() opens no fresh session for a mail whose session was ended by abort()", async () => {
  let isEnding = false;
  const answer = (line: string) => {
    if (isEnding && line.startsWith("MAIL")) void courier.abort();
    return null;
  };
  const server = await sinkServer({ answer });
  ends.push(server.close);
  const { courier } = courierOn(server.port);
  await courier.send("mailbox", transaction(["a@example.com"]));
  isEnding = true;
  const sending = courier.send("mailbox", transaction(["b@example.com"]));
  expect(await wordsOf(sending)).toBe("delayed stopped mail");
  expect([server.connections(), server.mails.length]).toEqual([1, 1]);
});

test("a session asks its server for a sign of life long before the deadline of the final dot", async () => {
  const told = spyOn(Socket.prototype, "setKeepAlive");
  ends.push(() => told.mockRestore());
  const server = await sinkServer();
  ends.push(server.close);
  await courierOn(server.port).courier.probe("mailbox");
  // nodemailer does so. The system's own two hours would leave a pool full of sessions to a server that lost its power.
  expect(told.mock.calls.at(-1)).toEqual([true, 30_000]);
});
