// Two workers, three domains, mails of every kind, from SNS to the mail server and to SES: nothing is lost and nothing doubled.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { until } from "../until.ts";
import { Cloud } from "./cloud.ts";
import { tally } from "./count.ts";
import { type Expected, makeTraffic, putRules, type Sample, subjectOf, unknownUser } from "./traffic.ts";
import { WorkerProcess } from "./worker.ts";

const domains = ["example.com", "another.test", "third.test"];
const count = Number(process.env["SESAME_MAILS"] ?? 500);

let cloud: Cloud;
let ordinary: SinkServer;
let internal: SinkServer;
let resting = 0;

beforeAll(async () => {
  const answer = (line: string) => (line.includes(`<${unknownUser}@`) ? "550 5.1.1 no such user" : null);
  [cloud, ordinary, internal] = await Promise.all([Cloud.start({ domains }), sinkServer({ answer }), sinkServer()]);
  await putRules(cloud);
}, 120_000);
afterAll(async () => {
  ordinary.close();
  internal.close();
  await cloud.stop();
}, 120_000);

function arrived(): readonly Expected[] {
  const from = (sink: SinkServer, door: Expected["door"]) =>
    sink.mails.flatMap(({ recipients, data }) => recipients.map((to) => ({ door, to, subject: subjectOf(data) })));
  const sent = cloud.ses.sent.map(({ destinations, raw }) => ({
    door: "ses" as const,
    to: destinations[0] ?? "",
    subject: subjectOf(raw),
  }));
  return [...from(ordinary, "mailbox"), ...from(internal, "internal"), ...sent];
}

function env(): Record<string, string> {
  return {
    ...cloud.env,
    BLOCKED_MAIL: "delete",
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(ordinary.port),
    INTERNAL_SMTP_PORT: String(internal.port),
    SMTP_NAME: "worker.example.com",
    WAIT_SECONDS: "1",
  };
}

/** Waits until nothing is queued but the entries of blocked mails, which rest for a quarter of an hour. */
async function emptied(): Promise<void> {
  const queued = async () => (await Promise.all(domains.map((domain) => cloud.queued(domain)))).reduce((sum, each) => sum + each, 0);
  await until(async () => (await queued()) === resting, "entries are left", 200);
}

test(`two workers bring ${count} mails of mixed kinds for three domains where they belong`, async () => {
  const samples = await makeTraffic(cloud, count);
  const workers = await Promise.all([WorkerProcess.start(env()), WorkerProcess.start(env())]);
  await until(() => workers.every((worker) => worker.linesOf("started").length > 0), "a worker does not start");
  for (const { mail } of samples) await cloud.receive(mail);
  resting = samples.filter(({ kind }) => kind === "blocked").length;
  const closed = () => workers.flatMap((worker) => worker.linesOf("erase-waits")).length === resting;
  await emptied();
  await until(closed, "a blocked mail is not closed");

  const { lost, extra } = tally(samples, arrived());
  expect({ lost, extra }).toEqual({ lost: [], extra: [] });
  expect(await Promise.all(workers.map((worker) => worker.stop()))).toEqual([0, 0]);
  await expectClosed(samples);
  await expectTrails(samples);
  const both = workers.map((worker) => worker.linesOf("mail").length);
  expect(Math.min(...both)).toBeGreaterThan(0); // they shared the work
  expect(workers.flatMap((worker) => worker.other)).toEqual([]);
  expectOneClosingLine(workers, samples);
  console.info(`AWS calls for each mail of mixed kinds: ${JSON.stringify(callsFor(samples.length))}`);
}, 180_000);

test("a mail without rules costs at most 5.3 calls of AWS", async () => {
  const mails = 200;
  const [plain] = await makeTraffic(cloud, 1, "p");
  if (!plain) throw new Error("no sample");
  for (let i = 0; i < mails; i++) await cloud.receive({ ...plain.mail, key: `plain-${i}` });
  cloud.forgetCalls();
  const worker = await WorkerProcess.start(env());
  await emptied();
  expect(await worker.stop()).toBe(0);
  const calls = callsFor(mails);
  const sumOf = (...names: readonly string[]) => names.reduce((sum, name) => sum + (calls[name] ?? 0), 0);
  const own = sumOf("GetObject", "BatchGetItem", "UpdateItem", "CopyObject");
  const shared = sumOf("ReceiveMessage", "DeleteMessageBatch");
  console.info(`AWS calls for each plain mail: ${(own + shared).toFixed(2)} ${JSON.stringify(calls)}`);
  expect(own).toBeLessThanOrEqual(5.05); // five, and those of the start
  // Ten mails share a receive and a deletion, so 0.3 with the empty polls at the end. A busy machine cuts batches short.
  expect(shared).toBeLessThan(1);
}, 120_000);

/** Every mail is closed in the ledger, and no lease is left. */
async function expectClosed(samples: readonly Sample[]): Promise<void> {
  const rows = (await cloud.rows("email-worker-ledger")).filter((row) => "crashes" in row); // of mails
  expect(rows.length).toBe(samples.length);
  expect(rows.filter(({ closed }) => closed !== true)).toEqual([]);
}

/** Every object bears its mark; that of a blocked mail is deleted later. */
async function expectTrails(samples: readonly Sample[]): Promise<void> {
  const { HeadObjectCommand } = await import("@aws-sdk/client-s3");
  const status = async ({ mail }: Sample) => {
    const Bucket = `${mail.domain.replaceAll(".", "-")}-emails`;
    const head = await cloud.clients.s3.send(new HeadObjectCommand({ Bucket, Key: mail.key })).catch(() => null);
    return head === null ? "gone" : (head.Metadata?.["status"] ?? "unmarked");
  };
  for (const sample of samples) {
    const expected = { blocked: "blocked", "unknown-user": "all_invalid" }[sample.kind] ?? "delivered";
    expect([sample.mail.key, await status(sample)]).toEqual([sample.mail.key, expected]);
  }
}

function expectOneClosingLine(workers: readonly WorkerProcess[], samples: readonly Sample[]): void {
  const closing = workers
    .flatMap((worker) => worker.linesOf("mail"))
    .filter((line) => (line["settlement"] as { kind?: string } | undefined)?.kind === "close");
  expect(closing.length).toBe(samples.length);
  expect(new Set(closing.map((line) => line["mailId"])).size).toBe(samples.length);
}

/** Calls of AWS for each of so many mails, by name. */
function callsFor(mails: number): Record<string, number> {
  return Object.fromEntries([...cloud.calls()].map(([name, value]) => [name, Math.round((value / mails) * 100) / 100]));
}
