// A slow drain in `sesame local`: large mails on their way to a mail server that reads slowly. Their octets and the collection
// of garbage must not keep the event loop from everything else. Measured in processor time of the process, as it runs.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { until } from "../until.ts";
import { SmtpClient } from "./smtp-client.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
const [mails, megabytes] = [8, 25];
const longestMs = 100;
let sink: SinkServer;
let data: string;

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), "sesame-drain-"));
  sink = await sinkServer({
    keep: false,
    onData: (socket) => {
      socket.pause();
      setTimeout(() => socket.resume(), 20);
    },
  });
}, 60_000);
afterAll(() => {
  sink.close();
  rmSync(data, { recursive: true, force: true });
});

test.skipIf(process.platform !== "linux")(
  `sesame local answers within ${longestMs} ms of its own time while ${mails} mails of ${megabytes} MB drain slowly`,
  async () => {
    const env = {
      ...process.env,
      ...{ HEALTH_PORT: "0", METRICS_PORT: "0", WAIT_SECONDS: "1", SMTP_HOST: "127.0.0.1", SMTP_PORT: String(sink.port) },
      INTERNAL_SMTP_PORT: String(sink.port),
    };
    const child = Bun.spawn([process.execPath, main, "local", "--data", data, "--port", "0"], { env, stdout: "pipe", stderr: "inherit" });
    const ports = await portsOf(child.stdout);
    const asker = Bun.spawn([
      ...[process.execPath, join(import.meta.dir, "../hostile/health-asker.ts")],
      ...[`http://127.0.0.1:${ports.health}/health`, String(child.pid)],
    ]);
    const said = new Response(asker.stdout).text();
    const line = `${"0123456789".repeat(7)}\r\n`;
    const octets = Buffer.from(`From: bob@remote.test\r\nSubject: large\r\n\r\n${line.repeat(Math.ceil((megabytes * 1e6) / line.length))}`);
    for (let i = 0; i < mails; i++) {
      const client = await SmtpClient.open(ports.smtp);
      expect(await client.send("bob@remote.test", ["alice@example.com"], octets)).toStartWith("250");
      await client.say("QUIT");
    }
    await until(() => sink.octets() >= mails * octets.length, "the mails are not delivered", 50, 110_000);
    asker.kill();
    child.kill("SIGTERM");
    const answers = (await said)
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text) as [wall: number, processor: number, inWork: number]);
    expect(await child.exited).toBe(0);
    const busy = answers.filter(([, , inWork]) => inWork > 0);
    // Answers come in steps of ten milliseconds of processor time, with that of the threads beside the loop.
    const longest = Math.max(...busy.map(([wall, processor]) => Math.min(wall, processor)));
    console.info(`/health took ${longest.toFixed(0)} ms of the worker's time at the most, in ${busy.length} answers`);
    expect(busy.length).toBeGreaterThan(10);
    expect(longest).toBeLessThanOrEqual(longestMs);
  },
  120_000,
);

/** The ports that `sesame local` prints. The rest of its output is read and forgotten. */
async function portsOf(output: ReadableStream<Uint8Array>): Promise<Readonly<{ smtp: number; health: number }>> {
  const reader = output.getReader();
  let text = "";
  while (!/smtp:\/\/.*\n/.test(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it ended: ${text}`);
    text += new TextDecoder().decode(value);
  }
  void (async () => {
    while (!(await reader.read()).done);
  })();
  const [, smtp] = /smtp:\/\/127\.0\.0\.1:(\d+)/.exec(text) ?? [];
  const [, health] = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(text) ?? [];
  return { smtp: Number(smtp), health: Number(health) };
}
