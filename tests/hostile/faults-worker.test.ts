// Faults of a real worker's host and of what it is given, on emulators: empty objects, S3's own events, few file descriptors,
// a full disk under its log. What a signal does to it: faults-sigterm.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { freePorts } from "../mailserver/free-port.ts";
import { until } from "../until.ts";
import { main, WorkerBench } from "./worker-bench.ts";

let bench: WorkerBench;
beforeAll(async () => {
  bench = await WorkerBench.open();
}, 120_000);
afterEach(() => bench.clear());
afterAll(() => bench.close(), 120_000);

test("F17 an empty object is delivered as it is, and the log says what was odd", async () => {
  const before = bench.sink.mails.length;
  await bench.receive("empty", new Uint8Array(0));
  const worker = await bench.start();
  await bench.emptied();
  expect(await worker.stop()).toBe(0);
  expect(bench.sink.mails.slice(before).map(({ data }) => data.toString().trim())).toEqual([""]);
  const [line] = worker.linesOf("mail");
  expect([line?.level, JSON.stringify(line)]).toEqual(["warn", expect.stringContaining("no-header-block")]);
}, 120_000);

test("F22 the event of our own copy costs one receive, brings no mail again and makes no loop", async () => {
  await bench.receive("copied");
  const worker = await bench.start();
  await until(() => worker.linesOf("mail").length === 1, "the mail is not delivered");
  const s3 = { bucket: { name: "example-com-emails" }, object: { key: "copied", size: 10 } };
  await bench.cloud.publish("example.com", JSON.stringify({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Copy", s3 }] }));
  await until(() => worker.linesOf("entry-ignored").length > 0, "the event is not received");
  await bench.emptied();
  expect(await worker.stop()).toBe(0);
  expect(worker.linesOf("entry-ignored").map((line) => line["reason"])).toEqual(["own-copy"]);
  expect(bench.arrived("copied")).toEqual(["copied"]);
  expect(bench.cloud.calls().get("CopyObject")).toBe(1 + 1); // this mail's and that of the test before
}, 120_000);

const shell = "/bin/bash";
test.skipIf(!existsSync(shell))(
  "F88 few file descriptors slow a worker down and lose nothing",
  async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `few-${String(i).padStart(2, "0")}`);
    for (const key of keys) await bench.receive(key);
    const limited = [shell, "-c", 'ulimit -n 42 && exec "$@"', "limited", process.execPath, main];
    const worker = await bench.start({}, limited);
    await bench.emptied();
    expect(await worker.stop()).toBe(0);
    expect([...new Set(bench.arrived("few-"))]).toEqual(keys);
    expect(worker.lines.filter(({ event }) => event === "port-error" || event === "circuit").length).toBeGreaterThan(0); // they were too few
    const announced = worker.lines.filter(({ msg }) => /may be delivered more than once/.test(msg ?? "")).length;
    expect(bench.arrived("few-").length - keys.length).toBeLessThanOrEqual(announced);
  },
  120_000,
);

test.skipIf(!existsSync("/dev/full"))(
  "F88 a full disk under the log stops no mail",
  async () => {
    const [healthPort = 0, metricsPort = 0] = await freePorts(2);
    const pages = { HTTP_HOST: "127.0.0.1", HEALTH_PORT: String(healthPort), METRICS_PORT: String(metricsPort) };
    for (const key of ["full-1", "full-2", "full-3"]) await bench.receive(key);
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [main, "run"], {
      env: { PATH: "/nowhere", ...bench.env, ...pages },
      stdio: ["ignore", full, "pipe"],
    });
    closeSync(full);
    bench.endLater(() => child.kill("SIGKILL"));
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await bench.emptied();
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(bench.arrived("full-")).toEqual(["full-1", "full-2", "full-3"]);
  },
  120_000,
);
