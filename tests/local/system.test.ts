// The local system as a user runs it: a separate process, mail by SMTP, and mailboxes read as files.

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMail } from "@sesame/core";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { isSesBounce } from "../../packages/core/ses/bounce.ts";
import { corpusFiles, corpusNote } from "../core/corpus.ts";
import { SmtpClient } from "./smtp-client.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
const folders: string[] = [];
const running: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const process of running.splice(0)) process.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sesame-system-"));
  folders.push(folder);
  return folder;
}

type System = { port: number; process: Bun.Subprocess<"ignore", "pipe", "pipe">; kill(signal: NodeJS.Signals): Promise<number> };

/** Starts `sesame local` and reads its port from what it prints. */
async function start(data: string, more: Readonly<Record<string, string>> = {}): Promise<System> {
  const env = { ...process.env, HEALTH_PORT: "0", METRICS_PORT: "0", WAIT_SECONDS: "1", SMTP_HOST: "", ...more };
  const child = Bun.spawn([process.execPath, main, "local", "--data", data, "--port", "0"], {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  running.push(child);
  const reader = child.stdout.getReader();
  let text = "";
  while (!/smtp:\/\/127\.0\.0\.1:(\d+)/.test(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it ended: ${text}${await new Response(child.stderr).text()}`);
    text += new TextDecoder().decode(value);
  }
  void drain(reader);
  const port = Number(/smtp:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  return {
    port,
    process: child,
    kill: (signal) => {
      child.kill(signal);
      return child.exited;
    },
  };
}

async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

const run = (...args: string[]) => Bun.spawnSync([process.execPath, main, ...args]);
const inbox = (data: string, user: string) => join(data, "maildir/example.com", user, "new");
const files = (folder: string) => (existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name))) : []);

/** Looks until it is so; the process under test has its own time, which no fake clock reaches. */
async function until<T>(look: () => T, good: (value: T) => boolean, ms = 60_000, everyMs = 20): Promise<T> {
  for (const began = performance.now(); ; await Bun.sleep(everyMs)) {
    const value = look();
    if (good(value) || performance.now() - began > ms) return value;
  }
}

/** Hands in raw octets, dots doubled, and gives the answer to the final dot. */
async function hand(client: SmtpClient, to: string, octets: Uint8Array): Promise<string> {
  await client.say("MAIL FROM:<bob@remote.test>");
  await client.say(`RCPT TO:<${to}>`);
  await client.say("DATA");
  client.write(
    Buffer.from(
      Buffer.from(octets)
        .toString("latin1")
        .replace(/(^|\r\n)\./g, "$1.."),
      "latin1",
    ),
  );
  return client.say(Buffer.from(octets.slice(-2)).toString("latin1") === "\r\n" ? "." : "\r\n.");
}

test("sesame local delivers a mail with an attachment to the octet, and answers it by a rule set on the command line", async () => {
  const data = dataFolder();
  const system = await start(data);
  const rule = run("rules", "set", "alice@example.com", "--data", data, "--ooo", "Bin weg – bis Montag", "--ooo-subject", "Abwesend");
  expect(rule.exitCode).toBe(0);
  const mail = readFileSync(join(import.meta.dir, "../golden/54-forward-internal-and-external-8-bit-with-attachment/mail.eml"));
  const octets = mail.subarray(mail.indexOf("\r\n") + 2); // without Return-Path, which a delivery takes off
  const file = join(data, "mail.eml");
  await Bun.write(file, octets);
  const sent = run("send", file, "--port", String(system.port), "--from", "bob@remote.test", "--to", "alice@example.com");
  expect(sent.stdout.toString()).toMatch(
    /^Sent to alice@example\.com through 127\.0\.0\.1:\d+: 250 .*\nIts log says what becomes of it: example-com-emails\/[a-z0-9]{40}\n$/,
  );
  const [delivered] = await until(
    () => files(inbox(data, "alice")),
    (found) => found.length === 1,
  );
  expect(delivered?.equals(octets)).toBe(true);
  const outbox = join(data, "outbox");
  const replies = await until(
    () => (existsSync(outbox) ? readdirSync(outbox).filter((name) => name.endsWith(".eml")) : []),
    (found) => found.length === 1,
  );
  const reply = await simpleParser(readFileSync(join(outbox, replies[0] ?? "")));
  expect([reply.subject, reply.text?.split("\n")[0], reply.headers.get("auto-submitted")]).toEqual([
    "Abwesend",
    "Bin weg – bis Montag",
    "auto-replied (vacation)",
  ]);
  expect(await system.kill("SIGTERM")).toBe(0);
}, 120_000);

/** Files and folders that others than their owner may use. */
function openToOthers(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => (statSync(path).mode & 0o077) !== 0);
}

test("X27 nobody else can read what sesame local stores, and a folder of an earlier version is made private", async () => {
  const data = join(dataFolder(), "data");
  const umask = process.umask(0); // the worker inherits the most open one
  try {
    mkdirSync(join(data, "maildir"), { recursive: true });
    writeFileSync(join(data, "sesame.sqlite"), "");
    const system = await start(data);
    expect(run("rules", "set", "alice@example.com", "--data", data, "--ooo", "Away").exitCode).toBe(0);
    const sent = run("send", "--port", String(system.port), "--from", "bob@remote.test", "--to", "alice@example.com", "--subject", "Hi");
    expect(sent.stdout.toString()).toMatch(
      /^Sent to alice@example\.com through 127\.0\.0\.1:\d+: 250 .*\nIts log says what becomes of it: example-com-emails\/[a-z0-9]{40}\n$/,
    );
    const stored = () => readdirSync(data, { recursive: true }).map(String);
    const names = await until(
      stored,
      (found) => found.some((name) => /^outbox.*\.json$/.test(name)) && found.some((name) => /k*\.json$/.test(name)),
    );
    for (const part of [/^mail\/.*[^n]$/, /^maildir\/.*new\//, /^outbox\/.*eml$/, /sqlite-wal$/, /^lock\.db$/])
      expect(names.some((name) => part.test(name))).toBe(true);
    expect(openToOthers(data)).toEqual([]);
    expect(await system.kill("SIGTERM")).toBe(0);
  } finally {
    process.umask(umask);
  }
}, 120_000);

test("sesame local delivers to a mail server when one is configured, and forwards within through its internal port", async () => {
  const got: string[] = [];
  const sink = (name: string) =>
    new SMTPServer({
      authOptional: true,
      disabledCommands: ["AUTH", "STARTTLS"],
      onData(stream, { envelope }, done) {
        const parts: Buffer[] = [];
        stream.on("data", (part) => parts.push(part));
        stream.on("end", () => {
          const from = envelope.mailFrom ? envelope.mailFrom.address : "<>";
          got.push(
            `${name} ${from} ${envelope.rcptTo.map(({ address }) => address)} ${/Subject: (.*)\r/.exec(Buffer.concat(parts).toString())?.[1]}`,
          );
          done();
        });
      },
    });
  const servers = [sink("mailbox"), sink("internal")];
  const [port = 0, internal = 0] = await Promise.all(
    servers.map(
      (server) => new Promise<number>((ready) => server.listen(0, "127.0.0.1", () => ready((server.server.address() as AddressInfo).port))),
    ),
  );
  const data = dataFolder();
  const system = await start(data, { SMTP_HOST: "127.0.0.1", SMTP_PORT: String(port), INTERNAL_SMTP_PORT: String(internal) });
  run("rules", "set", "alice@example.com", "--data", data, "--forward", "carol@example.com");
  run("send", "--port", String(system.port), "--from", "bob@remote.test", "--to", "alice@example.com", "--subject", "Hi");
  await until(
    () => got.length,
    (count) => count === 2,
  );
  expect(got).toEqual(["mailbox bob@remote.test alice@example.com Hi", "internal alice@example.com carol@example.com FWD: Hi"]);
  expect(await system.kill("SIGTERM")).toBe(0);
  for (const server of servers) await new Promise<void>((done) => server.close(done));
}, 120_000);

test("sesame local refuses a data folder that another process uses, and unreadable configuration, with exit 2", async () => {
  const data = dataFolder();
  await start(data);
  const second = run("local", "--data", data, "--port", "0");
  expect([second.exitCode, second.stderr.toString()]).toEqual([2, expect.stringMatching(/^Cannot lock /)]);
  const env = { ...process.env, DOMAINS: "-bad-", CONCURRENCY: "many", DELIVERY: "pigeon" };
  const wrong = Bun.spawnSync([process.execPath, main, "local", "--data", dataFolder()], { env });
  expect(wrong.exitCode).toBe(2);
  for (const name of ["DOMAINS", "CONCURRENCY", "DELIVERY"]) expect(wrong.stderr.toString()).toContain(`Cannot read ${name}: `);
}, 120_000);

const samples = corpusFiles("mime", "ses-bounces");
test(`sesame local delivers all ${samples.length} mails of the corpus to the octet${corpusNote}`, async () => {
  const data = dataFolder();
  const system = await start(data);
  const client = await SmtpClient.open(system.port);
  const sent = new Map<string, Buffer>();
  for (const [index, sample] of samples.entries()) {
    const octets = Buffer.from(sample.octets);
    expect(await hand(client, `u${index}@example.com`, octets)).toStartWith("250 ");
    const ends = octets.subarray(-2).toString("latin1") === "\r\n" ? octets : Buffer.concat([octets, Buffer.from("\r\n")]);
    sent.set(`u${index}`, /^Return-Path:/i.test(ends.toString("latin1")) ? ends.subarray(ends.indexOf("\n") + 1) : ends);
  }
  for (const [user, octets] of sent) {
    // An SES bounce without a row first waits 30 s for its event; that it is delivered then is shown on a fake clock
    // (tests/journey). Here it must lie in the store to the octet.
    if (isSesBounce(openMail(octets, octets.length))) {
      expect([user, files(join(data, "mail/example-com-emails")).some((stored) => stored.includes(octets))]).toEqual([user, true]);
      continue;
    }
    const [delivered] = await until(
      () => files(inbox(data, user)),
      (found) => found.length === 1,
    );
    expect([user, delivered?.equals(octets)]).toEqual([user, true]);
  }
}, 180_000);

test("sesame local loses no mail that was answered with 250 when it is killed at 20 random moments under load", async () => {
  const data = dataFolder();
  const answered = new Set<string>();
  let serial = 0;
  for (let round = 0; round < 20; round++) {
    const system = await start(data);
    let alive = true;
    const load = Array.from({ length: 4 }, async () => {
      try {
        const client = await SmtpClient.open(system.port);
        while (alive) {
          const id = `m${++serial}.`;
          const octets = Buffer.from(`From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: ${id}\r\n\r\n${"x".repeat(500)}\r\n`);
          const answer = await hand(client, "alice@example.com", octets).catch(() => "");
          if (answer === "") return; // the server died under this client, which is the point
          if (answer.startsWith("250 ")) answered.add(id);
        }
      } catch {
        // it died before this client had connected
      }
    });
    // So many answers, and then somewhere between two: a moment that a slow machine comes to as well.
    const enough = answered.size + 1 + Math.floor(Math.random() * 30);
    await until(
      () => answered.size,
      (size) => size >= enough,
      60_000,
      1,
    );
    await Bun.sleep(Math.random() * 10);
    await system.kill("SIGKILL");
    alive = false;
    await Promise.allSettled(load);
  }
  expect(answered.size).toBeGreaterThan(20);
  await start(data);
  const found = await until(
    () => new Set(files(inbox(data, "alice")).map((octets) => /Subject: (\S+)/.exec(octets.toString())?.[1] ?? "")),
    (subjects) => [...answered].every((id) => subjects.has(id)),
    120_000,
    500, // each look reads every mail
  );
  expect([...answered].filter((id) => !found.has(id))).toEqual([]);
}, 300_000);
