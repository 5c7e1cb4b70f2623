// Metrics and health under what strangers can do to them: a hundred thousand addresses make no series, the page is one that
// Prometheus takes, and a worker with its hands full of large mails still answers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { JournalEvent } from "@sesame/core";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { FaultInjector, faultAt } from "../fakes/faults.ts";
import { TestWay } from "../journey/way.ts";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { Cloud } from "../system/cloud.ts";
import { makeTraffic, putRules, unknownUser } from "../system/traffic.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";

const mail =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\nnonsense\r\n\r\nHello\r\n";

/** Journeys of every kind, and what each of them tells the journal. */
const journeys: readonly ((way: TestWay) => void)[] = [
  () => {},
  ({ directory }) =>
    directory.rule("alice@example.com", { ooo_active: true, ooo_message: "away", forwards: ["x@other.test", "y@another.test", 7] }),
  ({ directory }) => directory.block("alice@example.com", ["*@remote.test", "useless"]),
  ({ courier }) =>
    courier.script("mailbox", "alice@example.com" as never, {
      action: "failed",
      status: "5.1.1",
      reason: "no-such-mailbox",
      scope: "recipient",
      detail: "550 5.1.1 <alice@example.com> unknown",
    }),
  (way) => {
    way.faults = new FaultInjector([
      faultAt("Courier.send#1", { kind: "throw-after" }),
      faultAt("MailStore.mark#1", { kind: "throw-before" }),
    ]);
  },
];

/** The same events about other people: every address and every mail has another name. */
function renamed(value: unknown, name: string): unknown {
  if (typeof value === "string") return value.replaceAll("@", `${name}@`).replace(/(emails\/\w+)/, `$1${name}`);
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [renamed(key, name), renamed(item, name)]));
  if (Array.isArray(value)) return value.map((item) => renamed(item, name));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renamed(item, name)]));
}

const seriesOf = (page: string) => page.split("\n").flatMap((line) => (/^\w/.test(line) ? [line.slice(0, line.lastIndexOf(" "))] : []));

test("F88 a hundred thousand senders and recipients make no series", async () => {
  const metrics = makeMetrics("1.2.3");
  const journal = metrics.journal("example.com");
  const told: JournalEvent[][] = [];
  for (const prepare of journeys) {
    const way = new TestWay(mail);
    prepare(way);
    await way.untilDone();
    told.push(way.journal.events.filter(({ kind }) => kind !== "stage"));
  }
  for (const event of told.flat()) journal.note(event);
  const before = seriesOf(await metrics.registry.metrics());
  for (let i = 0; i < 100_000; i++) for (const event of told[i % told.length] ?? []) journal.note(renamed(event, `-${i}`) as JournalEvent);
  const after = seriesOf(await metrics.registry.metrics());
  expect(after).toEqual(before);
  expect(before.length).toBeGreaterThan(30);
  expect((await metrics.registry.metrics()).match(/sesame_mails_total\{[^}]*\} (\d+)/g)?.length).toBeGreaterThan(2);
  expect(after.join("\n")).not.toMatch(/@|alice|bob/);
}, 120_000);

describe("a worker", () => {
  let cloud: Cloud;
  let sink: SinkServer;
  let isSlow = false;

  beforeAll(async () => {
    const options: Parameters<typeof sinkServer>[0] = {
      keep: false,
      answer: (line) => (line.includes(`<${unknownUser}@`) ? "550 5.1.1 no such user" : null),
      onData: (socket) => {
        if (!isSlow) return;
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      },
    };
    [cloud, sink] = await Promise.all([Cloud.start({ domains: ["example.com"] }), sinkServer(options)]);
    await putRules(cloud);
  }, 120_000);
  afterAll(async () => {
    sink.close();
    await cloud.stop();
  }, 120_000);

  const start = () => {
    const port = String(sink.port);
    return WorkerProcess.start({
      ...cloud.env,
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: port,
      INTERNAL_SMTP_PORT: port,
      SMTP_POOL_SIZE: "10",
      WAIT_SECONDS: "1",
    });
  };
  const emptied = () => until(async () => (await cloud.queued("example.com")) === 0, "entries are left", 200);

  const promtool = spawnSync("promtool", ["--version"]).status === 0;
  if (!promtool) console.warn("SKIPPED tests/hostile/metrics: promtool is missing (apt-get install prometheus)");

  test.skipIf(!promtool)(
    "F88 has a page of metrics in which promtool finds no fault",
    async () => {
      for (const sample of await makeTraffic(cloud, 20)) await cloud.receive(sample.mail);
      const worker = await start();
      await emptied();
      const page = await worker.metrics();
      expect(await worker.stop()).toBe(0);
      const checked = spawnSync("promtool", ["check", "metrics"], { input: page, encoding: "utf8" });
      expect({ said: checked.stdout + checked.stderr, status: checked.status }).toEqual({ said: "", status: 0 });
      expect(page).toContain("sesame_mails_total");
    },
    120_000,
  );

  test.skipIf(process.platform !== "linux")(
    "F78 answers within a second while ten mails of 40 MB are in work",
    async () => {
      const line = `${"0123456789".repeat(7)}\r\n`;
      const part = `--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n${line.repeat(Math.ceil(20e6 / line.length))}`;
      const header = "From: bob@remote.test\r\nSubject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
      const octets = new TextEncoder().encode(`${header}${part}${part}--b--\r\n`);
      isSlow = true;
      // Every other mail is to be forwarded too, for which all of it is read in search of names that SES refuses.
      for (let i = 0; i < 10; i++)
        await cloud.receive({
          domain: "example.com",
          key: `large-${i}`,
          octets,
          recipients: [i % 2 ? "out@example.com" : "alice@example.com"],
        });
      const worker = await start();
      const url = `http://127.0.0.1:${worker.healthPort}/health`;
      const asker = Bun.spawn([process.execPath, join(import.meta.dir, "health-asker.ts"), url, String(worker.pid)]);
      const said = new Response(asker.stdout).text();
      await emptied();
      asker.kill();
      const answers = (await said)
        .split("\n")
        .slice(0, -1)
        .map((text) => JSON.parse(text) as [number, number, number]);
      expect(await worker.stop()).toBe(0);
      const [wall = 0, processor = 0, most = 0] = [0, 1, 2].map((column) => Math.max(...answers.map((answer) => answer[column] ?? 0)));
      console.info(
        `/health took ${wall.toFixed(0)} ms at the most, and ${processor} ms of the worker's time, with ${most} mails of 40 MB in work`,
      );
      expect(sink.octets()).toBeGreaterThan(10 * 40e6);
      expect(most).toBe(10);
      expect(answers.filter(([, , inWork]) => inWork > 0).length).toBeGreaterThan(20);
      expect(answers.filter(([took, used]) => Math.min(took, used) >= 1000)).toEqual([]);
    },
    180_000,
  );
});
