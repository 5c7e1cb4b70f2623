// Livez: one costly mail after another goes from the queue through a worker to a mail server, while /livez is asked every 5 ms.
// What comes back is how long the worker's event loop was held, and how long /livez took. The worker is a process of its own.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { Cloud } from "../system/cloud.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";
import type { CostlyMail } from "./costly-mails.ts";
import type { Waits } from "./livez-asker.ts";
import type { Turns } from "./turn-probe.ts";

/** What one mail did: the wait of /livez, the turns of the loop, and how many mails and octets the mail server took. */
export type LivezRow = Readonly<{ what: string; waits: Waits; turns: Turns; taken: number; octets: number }>;

const here = (file: string) => join(import.meta.dir, file);
const main = here("../../apps/worker/main.ts");

/** Each mail `rounds` times, one at a time. */
export async function livezRows(mails: readonly CostlyMail[], rounds: number): Promise<readonly LivezRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-livez-"));
  const [cloud, sink] = await Promise.all([Cloud.start({ domains: ["example.com"] }), sinkServer({ keep: false })]);
  try {
    return await measure(mails, rounds, { cloud, sink, file: join(folder, "turns.json") });
  } finally {
    sink.close();
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type World = Readonly<{ cloud: Cloud; sink: SinkServer; file: string }>;

async function measure(mails: readonly CostlyMail[], rounds: number, { cloud, sink, file }: World): Promise<readonly LivezRow[]> {
  for (const { rows } of mails)
    for (const [table, items] of Object.entries(rows)) for (const item of items) await cloud.putRow(table, item);
  const port = String(sink.port);
  const smtp = { SMTP_HOST: "127.0.0.1", SMTP_PORT: port, INTERNAL_SMTP_PORT: port, WAIT_SECONDS: "1" };
  const worker = await WorkerProcess.start({ ...cloud.env, ...smtp, TURN_PROBE: file }, [
    ...[process.execPath, "--preload", here("turn-probe.ts"), main],
  ]);
  const asker = new Asker(`http://127.0.0.1:${worker.healthPort}/livez`);
  const found: Omit<LivezRow, "turns">[] = [];
  try {
    await passOne(cloud, { what: "warm-up", octets: () => Buffer.from("From: a@b.test\r\n\r\nHi\r\n"), key: "warm-up" });
    for (let round = 0; round < rounds; round++)
      for (const [at, mail] of mails.entries()) {
        const octets = mail.octets();
        const location = await cloud.store({ domain: "example.com", key: `m-${round}-${at}`, octets, recipients: mail.recipients });
        const before = { mails: sink.mails.length, octets: sink.octets() };
        worker.kill("SIGUSR2");
        await asker.waits();
        await cloud.publish(
          "example.com",
          cloud.notice({ domain: "example.com", key: `m-${round}-${at}`, octets, recipients: mail.recipients }, location),
        );
        await emptied(cloud);
        found.push({
          what: mail.what,
          waits: await asker.waits(),
          taken: sink.mails.length - before.mails,
          octets: sink.octets() - before.octets,
        });
      }
  } finally {
    asker.end();
    await worker.stop();
  }
  const turns = (JSON.parse(readFileSync(file, "utf8")) as readonly Turns[]).slice(1);
  return found.map((row, at) => ({ ...row, turns: turns[at] ?? { count: 0, ownMs: Number.NaN, wallMs: Number.NaN } }));
}

async function passOne(cloud: Cloud, { octets, key }: Readonly<{ what: string; octets: () => Uint8Array; key: string }>): Promise<void> {
  await cloud.receive({ domain: "example.com", key, octets: octets(), recipients: ["alice@example.com"] });
  await emptied(cloud);
}

const emptied = (cloud: Cloud) => until(async () => (await cloud.queued("example.com")) === 0, "a mail is left in the queue", 100);

/** The process that asks. */
class Asker {
  readonly #child;
  readonly #lines: AsyncIterator<string>;

  constructor(url: string) {
    this.#child = Bun.spawn([process.execPath, here("livez-asker.ts"), url], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#lines = linesOf(this.#child.stdout);
  }

  /** What was seen since the last call. */
  async waits(): Promise<Waits> {
    this.#child.stdin.write("\n");
    this.#child.stdin.flush();
    return JSON.parse((await this.#lines.next()).value);
  }

  end(): void {
    this.#child.kill();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
