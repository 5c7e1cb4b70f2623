// Start of `sesame run`, and its errors: as a separate process, without a reachable AWS.

import { afterEach, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { freePorts } from "../mailserver/free-port.ts";
import { portOf } from "../smtp/scripted-server.ts";
import { Cloud } from "../system/cloud.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Accepts connections and sends nothing. */
async function muteServer(): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: portOf(server), connections: () => sockets.size };
}

async function start(endpointPort: number, env: Readonly<Record<string, string>> = {}): Promise<WorkerProcess> {
  const aws = {
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL: `http://127.0.0.1:${endpointPort}`,
  };
  const worker = await WorkerProcess.start({ ...aws, DOMAINS: "example.com", ...env });
  ends.push(() => worker.kill("SIGKILL"));
  return worker;
}

const closedPort = 1;

test("F88 a port in use ends the start with one line, and the process", async () => {
  const { port } = await muteServer();
  for (const name of ["METRICS_PORT", "HEALTH_PORT"]) {
    const worker = await start(closedPort, { [name]: String(port) });
    expect(await worker.exited).toBe(2);
    expect(worker.other).toEqual([`Cannot listen on 127.0.0.1 port ${port}: another program uses it; set ${name} to a free port`]);
  }
}, 120_000);

test("an address of another machine ends the start with one line, and the process", async () => {
  const worker = await start(closedPort, { HTTP_HOST: "192.0.2.1" });
  expect(await worker.exited).toBe(2);
  expect(worker.other.join()).toMatch(/^Cannot listen on port \d+: HTTP_HOST must be an address of this machine, is "192\.0\.2\.1"/);
}, 120_000);

test("SIGTERM ends the start while it waits for AWS, and nothing is received", async () => {
  const aws = await muteServer();
  const worker = await start(aws.port, { SHUTDOWN_SECONDS: "21" });
  await until(() => aws.connections() >= 2, "it asks for no tables");
  worker.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect(worker.lines.map(({ event }) => event)).toEqual(["stopped"]); // it waited for no call to end, which would have been said
}, 120_000);

test("a missing ledger table ends the start: each receive would bring a mail closer to the dead-letter queue", async () => {
  const cloud = await Cloud.start({ domains: ["example.com"] });
  ends.push(() => cloud.stop());
  const worker = await WorkerProcess.start({ ...cloud.env, LEDGER_TABLE: "no-such-table" });
  ends.push(() => worker.kill("SIGKILL"));
  expect(await worker.exited).toBe(2);
  expect(worker.other.join()).toMatch(/^Cannot start: the table LEDGER_TABLE must exist, is "no-such-table"/);
  expect(worker.linesOf("started")).toEqual([]);
}, 120_000);

test("F40 a second signal ends the process at once", async () => {
  const aws = await muteServer();
  const worker = await start(aws.port);
  await until(() => worker.linesOf("started").length === 1, "it does not start");
  worker.kill("SIGTERM");
  await until(() => worker.linesOf("stopping").length === 1, "it does not stop");
  worker.kill("SIGINT");
  expect(await worker.exited).toBe(1);
}, 120_000);

test("F40 a closed standard output stops the worker in order", async () => {
  const { healthPort, ...worker } = await startPlain();
  await until(() => worker.output().includes('"started"'), "it does not start");
  expect((await fetch(`http://127.0.0.1:${healthPort}/livez`)).status).toBe(200);
  worker.close();
  expect(await worker.exited).toBe(0);
}, 120_000);

/** A worker whose standard output can be closed; its polls fail, so it writes a log line every few seconds. */
async function startPlain() {
  const [healthPort = 0, metricsPort = 0] = await freePorts(2);
  const env = {
    ...{ PATH: "/nowhere", DOMAINS: "example.com", HTTP_HOST: "127.0.0.1", AWS_ENDPOINT_URL: `http://127.0.0.1:${closedPort}` },
    ...{ AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
    ...{ HEALTH_PORT: String(healthPort), METRICS_PORT: String(metricsPort) },
  };
  const main = join(import.meta.dir, "../../apps/worker/main.ts");
  const child = spawn(process.execPath, [main, "run"], { env, stdio: ["ignore", "pipe", "ignore"] });
  ends.push(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  return { healthPort, exited, output: () => text, close: () => void child.stdout.destroy() };
}
