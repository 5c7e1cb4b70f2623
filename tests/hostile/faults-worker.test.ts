// Faults of a real worker's host and of what it is given, on emulators: empty objects, S3's own events, a signal with ten mails
// in work, few file descriptors, a full disk under its log.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../mailserver/free-port.ts";
import { until } from "../mailserver/mail-server.ts";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { Cloud } from "../system/cloud.ts";
import { subjectOf } from "../system/traffic.ts";
import { WorkerProcess } from "../system/worker.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
let cloud: Cloud;
let sink: SinkServer;
const held: (() => void)[] = [];
let isHolding = false;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  const hold = () => (isHolding ? new Promise<void>((release) => void held.push(release)) : Promise.resolve());
  [cloud, sink] = await Promise.all([Cloud.start({ domains: ["example.com"], visibilitySeconds: 60 }), sinkServer({ hold })]);
}, 60_000);
afterEach(async () => {
  isHolding = false;
  for (const release of held.splice(0)) release();
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  sink.close();
  await cloud.stop();
}, 60_000);

function env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const port = String(sink.port);
  return {
    ...cloud.env,
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: port,
    INTERNAL_SMTP_PORT: port,
    WAIT_SECONDS: "1",
    VISIBILITY_SECONDS: "60",
    ...more,
  };
}

async function start(more: Readonly<Record<string, string>> = {}, program?: readonly string[]): Promise<WorkerProcess> {
  const worker = await WorkerProcess.start(env(more), program);
  ends.push(() => worker.kill("SIGKILL"));
  return worker;
}

const mailOf = (key: string) => ({
  domain: "example.com",
  key,
  octets: new TextEncoder().encode(`From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: ${key}\r\n\r\nHello\r\n`),
  recipients: ["alice@example.com"],
});
const arrived = (prefix: string) =>
  sink.mails
    .map(({ data }) => subjectOf(data))
    .filter((subject) => subject.startsWith(prefix))
    .sort();
const emptied = (withinMs = 60_000) => until(async () => (await cloud.queued("example.com")) === 0, withinMs, "entries are left");

test("F17 an empty object is delivered as it is, and the log says what was odd", async () => {
  const before = sink.mails.length;
  await cloud.receive({ ...mailOf("empty"), octets: new Uint8Array(0) });
  const worker = await start();
  await emptied();
  expect(await worker.stop()).toBe(0);
  expect(sink.mails.slice(before).map(({ data }) => data.toString().trim())).toEqual([""]);
  const [line] = worker.linesOf("mail");
  expect([line?.level, JSON.stringify(line)]).toEqual(["warn", expect.stringContaining("no-header-block")]);
}, 60_000);

test("F22 the event of our own copy costs one receive, brings no mail again and makes no loop", async () => {
  await cloud.receive(mailOf("copied"));
  const worker = await start();
  await until(() => worker.linesOf("mail").length === 1, 20_000, "the mail is not delivered");
  const s3 = { bucket: { name: "example-com-emails" }, object: { key: "copied", size: 10 } };
  await cloud.publish("example.com", JSON.stringify({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Copy", s3 }] }));
  await until(() => worker.linesOf("entry-ignored").length > 0, 20_000, "the event is not received");
  await emptied();
  expect(await worker.stop()).toBe(0);
  expect(worker.linesOf("entry-ignored").map((line) => line["reason"])).toEqual(["own-copy"]);
  expect(arrived("copied")).toEqual(["copied"]);
  expect(cloud.calls().get("CopyObject")).toBe(1 + 1); // this mail's and that of the test before
}, 60_000);

test("F39 SIGTERM with ten mails in work: no poll begins, all ten end, and the process with 0", async () => {
  isHolding = true;
  const keys = Array.from({ length: 10 }, (_, i) => `ten-${i}`);
  for (const key of keys) await cloud.receive(mailOf(key));
  const worker = await start({ SMTP_POOL_SIZE: "10" });
  await until(() => held.length === 10, 30_000, "ten mails are not in work");
  for (const key of ["late-1", "late-2"]) await cloud.receive(mailOf(key));
  worker.kill("SIGTERM");
  await until(() => worker.linesOf("stopping").length === 1, 5000, "the signal is not heard");
  await Bun.sleep(1500); // the poll that ran when the signal came may still answer
  const polls = cloud.calls().get("ReceiveMessage");
  for (const release of held.splice(0)) release();
  isHolding = false;
  expect(await worker.exited).toBe(0);
  expect(cloud.calls().get("ReceiveMessage")).toBe(polls ?? -1);
  expect(arrived("ten-")).toEqual([...keys].sort());
  // What came too late waits for nobody: another worker has it at once.
  const began = performance.now();
  const other = await start();
  await emptied(20_000);
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(await other.stop()).toBe(0);
  expect(arrived("late-")).toEqual(["late-1", "late-2"]);
}, 90_000);

test("F39 SIGTERM and a mail server that never answers: the grace is kept, and the mail comes again, announced", async () => {
  isHolding = true;
  await cloud.receive(mailOf("hung"));
  const worker = await start({ SHUTDOWN_SECONDS: "3" });
  await until(() => held.length === 1, 30_000, "the mail is not in work");
  worker.kill("SIGTERM");
  const began = performance.now();
  const code = await worker.exited;
  expect(performance.now() - began).toBeLessThan(3000 + 5000 + 3000);
  expect([code, worker.lines.some(({ msg }) => /may be delivered more than once/.test(msg ?? ""))]).toEqual([0, true]);
  isHolding = false;
  const other = await start();
  await emptied(50_000);
  expect(await other.stop()).toBe(0);
  expect(new Set(arrived("hung"))).toEqual(new Set(["hung"]));
  expect(arrived("hung").length).toBeLessThanOrEqual(2);
}, 120_000);

const shell = "/bin/bash";
test.skipIf(!existsSync(shell))(
  "F88 few file descriptors slow a worker down and lose nothing",
  async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `few-${String(i).padStart(2, "0")}`);
    for (const key of keys) await cloud.receive(mailOf(key));
    const limited = [shell, "-c", 'ulimit -n 48 && exec "$@"', "limited", process.execPath, main];
    const worker = await start({}, limited);
    await emptied(80_000);
    expect(await worker.stop()).toBe(0);
    expect([...new Set(arrived("few-"))]).toEqual(keys);
    expect(worker.lines.filter(({ event }) => event === "port-error" || event === "circuit").length).toBeGreaterThan(0); // they were too few
    const announced = worker.lines.filter(({ msg }) => /may be delivered more than once/.test(msg ?? "")).length;
    expect(arrived("few-").length - keys.length).toBeLessThanOrEqual(announced);
  },
  120_000,
);

test.skipIf(!existsSync("/dev/full"))(
  "F88 a full disk under the log stops no mail",
  async () => {
    const [healthPort = 0, metricsPort = 0] = await freePorts(2);
    const pages = { HTTP_HOST: "127.0.0.1", HEALTH_PORT: String(healthPort), METRICS_PORT: String(metricsPort) };
    for (const key of ["full-1", "full-2", "full-3"]) await cloud.receive(mailOf(key));
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [main, "run"], { env: { PATH: "/nowhere", ...env(pages) }, stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    ends.push(() => child.kill("SIGKILL"));
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await emptied();
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(arrived("full-")).toEqual(["full-1", "full-2", "full-3"]);
  },
  90_000,
);
