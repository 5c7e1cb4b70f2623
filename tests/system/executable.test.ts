// Executable: one file, started where there is nothing of the checkout, with nothing in its environment but its
// configuration. It carries mail the whole way as the source does, and it can be made for other machines.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { until } from "../until.ts";
import { Cloud } from "./cloud.ts";
import { tally } from "./count.ts";
import { type Compiled, compile } from "./executable.ts";
import { type Expected, makeTraffic, putRules, subjectOf, unknownUser } from "./traffic.ts";
import { WorkerProcess } from "./worker.ts";

const domain = "example.com";
const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../../apps/worker/package.json"), "utf8")) as { version: string };
let executable: Compiled;
let folder: string;

beforeAll(async () => {
  executable = (await compile()) as Compiled;
  folder = mkdtempSync(join(tmpdir(), "sesame-alone-"));
}, 120_000);
afterAll(() => {
  executable?.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Time that a process has worked, however long it waited for a processor: fields 14 and 15 of proc(5)'s stat. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Runs it to its end, with this environment and no other. */
async function sesame(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([executable.path, ...args], { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, error, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { out, error, code };
}

test("--version is that of the package", async () => {
  expect(await sesame(["--version"])).toEqual({ out: `${version}\n`, error: "", code: 0 });
});

test("what lies in the folder where it is started is neither read nor run", async () => {
  const traps = {
    ".env": "SMTP_PORT=trap\n",
    "bunfig.toml": 'preload = ["./trap.ts"]\n',
    "trap.ts": 'console.log("trapped");\n',
    "package.json": '{"name": "trap", "version": "6.6.6", "imports": {"#x": "./trap.ts"}}',
    "tsconfig.json": '{"compilerOptions": {"paths": {"*": ["./trap.ts"]}}}',
  };
  for (const [name, text] of Object.entries(traps)) writeFileSync(join(folder, name), text);
  expect(await sesame(["--version"])).toEqual({ out: `${version}\n`, error: "", code: 0 });
  const { error } = await sesame(["run"], { DOMAINS: domain, WAIT_SECONDS: "99" });
  expect(error.trim().split("\n")).toEqual([expect.stringContaining("Cannot read WAIT_SECONDS")]);
  for (const name of Object.keys(traps)) rmSync(join(folder, name));
});

describe("alone with its configuration", () => {
  let cloud: Cloud;
  let ordinary: SinkServer;
  let internal: SinkServer;

  beforeAll(async () => {
    const answer = (line: string) => (line.includes(`<${unknownUser}@`) ? "550 5.1.1 no such user" : null);
    [cloud, ordinary, internal] = await Promise.all([Cloud.start({ domains: [domain] }), sinkServer({ answer }), sinkServer()]);
    await putRules(cloud);
  }, 120_000);
  afterAll(async () => {
    ordinary?.close();
    internal?.close();
    await cloud?.stop();
  }, 120_000);

  const start = () =>
    WorkerProcess.start(
      {
        ...cloud.env,
        SMTP_HOST: "127.0.0.1",
        SMTP_PORT: String(ordinary.port),
        INTERNAL_SMTP_PORT: String(internal.port),
        WAIT_SECONDS: "1",
      },
      [executable.path],
      folder,
    );
  const isReady = (worker: WorkerProcess) => worker.linesOf("started").length > 0;

  test("it is ready at once", async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const worker = await start();
      await until(() => isReady(worker), "it does not start", 1);
      if (process.platform === "linux") times.push(processorMs(worker.pid));
      expect((await fetch(`http://127.0.0.1:${worker.healthPort}/livez`)).status).toBe(200);
      expect(await worker.metrics()).toContain(`sesame_build_info{version="${version}"} 1`);
      expect(await worker.stop()).toBe(0);
    }
    const [, , median = 0] = times.sort((a, b) => a - b);
    console.info(`ready after ${median} ms of work (median of 5)`);
    expect(median).toBeLessThan(1000); // it parses nothing and compiles nothing: about 100 ms
  }, 120_000);

  test("it brings mails of every kind from SNS to the mail server and to SES", async () => {
    const samples = await makeTraffic(cloud, 30, "x");
    for (const { mail } of samples) await cloud.receive(mail);
    const worker = await start();
    await until(async () => (await cloud.queued(domain)) === 0, "entries are left");
    expect(await worker.stop()).toBe(0);
    const from = (sink: SinkServer, door: Expected["door"]) =>
      sink.mails.flatMap(({ recipients, data }) => recipients.map((to) => ({ door, to, subject: subjectOf(data) })));
    const sent = cloud.ses.sent.map(({ destinations, raw }) => ({
      door: "ses" as const,
      to: destinations[0] ?? "",
      subject: subjectOf(raw),
    }));
    const { lost, extra } = tally(samples, [...from(ordinary, "mailbox"), ...from(internal, "internal"), ...sent]);
    expect({ lost, extra }).toEqual({ lost: [], extra: [] });
    expect(worker.other).toEqual([]);
  }, 120_000);
});

test("sesame local carries a mail from its front door into a Maildir and an answer into the outbox", async () => {
  const data = join(folder, "data");
  const env = { HEALTH_PORT: "0", METRICS_PORT: "0", WAIT_SECONDS: "1" };
  const local = Bun.spawn([executable.path, "local", "--data", data, "--port", "0"], {
    cwd: folder,
    env,
    stdin: "ignore",
    stdout: Bun.file(join(folder, "said")),
    stderr: "inherit",
  });
  const said = () => readFileSync(join(folder, "said"), "utf8");
  await until(() => existsSync(join(folder, "said")) && /smtp:\/\/127\.0\.0\.1:\d+/.test(said()), "it does not start");
  expect(said()).toContain(`  ${executable.path} send --port `); // what is to be pasted needs no checkout
  const port = /smtp:\/\/127\.0\.0\.1:(\d+)/.exec(said())?.[1] ?? "";
  expect((await sesame(["rules", "set", "alice@example.com", "--data", data, "--ooo", "I am away"])).code).toBe(0);
  const hand = ["send", "--port", port, "--from", "bob@remote.test", "--to", "alice@example.com", "--subject", "Hi", "--text", "Hello"];
  expect(await sesame(hand)).toMatchObject({ code: 0, out: expect.stringMatching(/^Sent to alice@example\.com .*: 250 /) });
  const filesIn = (path: string) => (existsSync(join(data, path)) ? readdirSync(join(data, path)) : []);
  await until(() => filesIn("maildir/example.com/alice/new").length === 1, "no mail comes");
  await until(() => filesIn("outbox").some((name) => name.endsWith(".eml")), "no answer leaves");
  local.kill("SIGTERM");
  expect(await local.exited).toBe(0);
}, 120_000);

/** How the file of another machine begins, and which loader it names. */
const targets: readonly [string, (head: Buffer) => boolean][] = [
  ["linux-arm64", (head) => head.readUInt32BE(0) === 0x7f454c46 && head.readUInt16LE(18) === 183], // EM_AARCH64
  ["linux-x64-musl", (head) => head.readUInt16LE(18) === 62 && head.includes("/lib/ld-musl-x86_64.so.1")],
  ["darwin-arm64", (head) => head.readUInt32LE(0) === 0xfeedfacf && head.readUInt32LE(4) === 0x0100000c], // CPU_TYPE_ARM64
];
for (const [target, isFor] of targets) {
  const built = await compile(target);
  if (built === null) console.warn(`SKIPPED tests/system/executable: Bun's runtime for ${target} could not be downloaded`);
  test.skipIf(built === null)(`it can be made for ${target}`, () => {
    const head = Buffer.alloc(4096);
    const file = openSync(built?.path ?? "", "r");
    readSync(file, head, 0, head.length, 0);
    closeSync(file);
    expect(isFor(head)).toBe(true);
    expect(statSync(built?.path ?? "").size).toBeGreaterThan(80e6); // Bun and the byte code are in it
  });
  afterAll(() => built?.remove());
}
