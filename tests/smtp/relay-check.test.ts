// Relay: what a server says to a recipient of a domain, and the ends of a conversation that leads nowhere.

import { afterEach, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { type Domain, ok } from "@sesame/core";
import { askRelay, type RelayCheckResult } from "@sesame/smtp";
import { checkPort, portsOf } from "../../apps/worker/check/mail-server.ts";
import { decodeConfig } from "../../apps/worker/config.ts";
import { mailServerOf } from "../../apps/worker/mail-server.ts";
import { portOf } from "./scripted-server.ts";
import { sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function ask(port: number, timeoutMs: number = 2000): Promise<RelayCheckResult> {
  const target = { host: "127.0.0.1", port, protocol: "smtp" } as const;
  return askRelay({ target, name: "worker.test", recipient: "sesame-check@example.com", timeoutMs });
}

const rows: readonly [string, RelayCheckResult["kind"]][] = [
  ["250 ok", "accepts"],
  ["550 5.1.1 no such user", "accepts"], // it answers for the domain
  ["450 4.2.0 greylisted", "accepts"],
  ["554 5.7.1 Relay access denied", "refuses"],
  ["2500 ok", "not-asked"], // no reply at all
  ["354 go", "not-asked"],
];
for (const [line, kind] of rows) {
  test(`askRelay() says ${kind} when the recipient is answered ${line}`, async () => {
    const server = await sinkServer({ answer: (command) => (command.startsWith("RCPT") ? line : null) });
    ends.push(server.close);
    expect((await ask(server.port)).kind).toBe(kind);
    expect(server.mails).toEqual([]);
  });
}

test("askRelay() ends in time when the server drips", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const drip = setInterval(() => socket.write("2"), 20);
    socket.on("close", () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  expect(await ask(portOf(server), 300)).toEqual({ kind: "not-asked", detail: "no answer within 300 ms" });
});

test("X28 the doctor warns of a server that refuses an unknown mailbox and accepts a route to another host", async () => {
  for (const [answer, expected] of [
    ["250 2.1.5 Ok", ["warning: %"]],
    ["550 5.1.1 no such user", ["ok: "]],
  ] as const) {
    const rcpt = (line: string) => (line.includes("%") ? answer : "550 5.1.1 no such user");
    const server = await sinkServer({ answer: (line) => (line.startsWith("RCPT") ? rcpt(line) : null) });
    ends.push(server.close);
    const decoded = decodeConfig({ DOMAINS: "example.com", SMTP_HOST: "127.0.0.1", SMTP_PORT: String(server.port), SMTP_TLS: "off" });
    if (!decoded.ok) throw new Error(decoded.error);
    const courier = mailServerOf(decoded.value, "127.0.0.1");
    ends.push(() => courier.close());
    const [port] = portsOf(decoded.value);
    const findings = port ? await checkPort(port, decoded.value, courier) : [];
    expect(findings.map(({ level, text }) => `${level}: ${/[%!]|@amazon/.exec(text)?.[0] ?? ""}`)).toEqual([...expected]);
    expect(server.mails).toEqual([]);
  }
});

test("the doctor asks a server about fifty domains over few connections at once", async () => {
  let most = 0;
  const server = await sinkServer({ onData: () => (most = Math.max(most, server.open())) });
  ends.push(server.close);
  const domains = Array.from({ length: 50 }, (_, n) => `d${n}.test` as Domain);
  const decoded = decodeConfig({ DOMAINS: domains.join(), SMTP_HOST: "127.0.0.1", SMTP_PORT: String(server.port), SMTP_TLS: "off" });
  const config = decoded.ok ? decoded : ok(null);
  const [port] = config.value ? portsOf(config.value) : [];
  if (!config.value || !port) throw new Error("no configuration");
  const courier = mailServerOf(config.value, "127.0.0.1");
  ends.push(() => courier.close());
  const findings = await checkPort(port, config.value, courier);
  expect(findings.map(({ level }) => level)).toEqual(["ok"]);
  expect(server.commands.filter((line) => line.includes("RCPT")).length).toBe(50);
  expect(most).toBeLessThan(10);
}, 120_000);
