// Lane: a cloud and a mail end on which one run after another is made: a batch of mails, a worker that is ended at a point,
// time that moves on, a second worker that finishes. Nothing waits for time: AWS's clock is moved instead.

import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { bucketOf, Cloud, queueOf } from "../system/cloud.ts";
import { subjectOf } from "../system/traffic.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";
import { batchOf, domain, type KillSample, putRules } from "./batch.ts";
import { type KillCase, type Terms, termsOf } from "./case.ts";
import { type Ended, type Evidence, putOffSeconds, retrySeconds, shutdownSeconds, visibilitySeconds } from "./judge.ts";
import type { MailEnd } from "./mail-end.ts";

const pollSeconds = 1;
const lateMs = 120; // of an answer to a final dot, where the worker must not have read it yet
const lookMs = 80;
const patienceMs = 100_000;

type Depth = Readonly<{ visible: number; hidden: number }>;

export class Lane {
  readonly #cloud: Cloud;
  readonly #end: MailEnd;
  readonly #program: readonly string[] | undefined;
  readonly #documents: DynamoDBDocumentClient;
  #aheadSeconds = 0;
  #polledAt = 0;
  #lettersTaken = 0;

  private constructor(cloud: Cloud, end: MailEnd, program: readonly string[] | undefined) {
    this.#cloud = cloud;
    this.#end = end;
    this.#program = program;
    this.#documents = DynamoDBDocumentClient.from(cloud.dynalite.client);
    cloud.proxies.queue.fault = (name) => {
      if (name === "ReceiveMessage") this.#polledAt = performance.now();
      return null;
    };
  }

  /** `program`: the executable; else the checkout is run. */
  static async start(end: MailEnd, program?: readonly string[]): Promise<Lane> {
    const cloud = await Cloud.start({ domains: [domain], visibilitySeconds });
    await putRules(cloud);
    return new Lane(cloud, end, program);
  }

  async run(one: KillCase): Promise<Evidence> {
    const terms = termsOf(one);
    const samples = batchOf(one, Date.now() + this.#aheadSeconds * 1000);
    for (const { mail } of samples) await this.#cloud.receive(mail);
    const holdMs = one.point === "dot-sent" ? lateMs : 0;
    let dots = 0;
    this.#end.hold(() => Bun.sleep(holdMs + (terms.jitterMs * (dots++ % 4)) / 3));
    const client = { AWS_CLIENT: one.client };
    const killed = await this.#worker(terms, { ...client, SESAME_KILL_POINT: `${one.point}:${one.signal}:${terms.nth}` });
    await this.#untilEnded(killed);
    const first = await endedOf(killed);
    const hidden = await this.#hiddenWithoutReason(first);
    const before = this.#aheadSeconds;
    if (one.signal === "KILL") await this.#advance(visibilitySeconds + 1);
    this.#end.hold(null);
    const fresh = await this.#worker(terms, client);
    const left = await this.#untilEmpty(fresh);
    fresh.kill("SIGTERM");
    await fresh.exited;
    const second = await endedOf(fresh);
    const [ends, arrived, deadLetters] = await Promise.all([this.#endsOf(samples), this.#take(), this.#cloud.queued(domain, "-dlq")]);
    return { one, terms, samples, arrived, first, second, ends, hidden, moved: this.#aheadSeconds - before, left, deadLetters };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#cloud.stop(), this.#end.stop()]);
  }

  /** Started, or dead already. The pages' ports were free when they were looked for; others look for ports too. */
  async #worker({ concurrency }: Terms, more: Readonly<Record<string, string>>): Promise<WorkerProcess> {
    const env = {
      ...this.#cloud.env,
      ...this.#end.env,
      SMTP_NAME: "worker.example.com",
      SMTP_TLS: "off",
      WAIT_SECONDS: String(pollSeconds),
      VISIBILITY_SECONDS: String(visibilitySeconds),
      SHUTDOWN_SECONDS: String(shutdownSeconds),
      CONCURRENCY: String(concurrency),
      ...more,
    };
    for (;;) {
      const worker = await (this.#program ? WorkerProcess.start(env, this.#program) : WorkerProcess.start(env));
      let code: number | null | undefined;
      void worker.exited.then((ended) => {
        code = ended;
      });
      await until(() => code !== undefined || worker.linesOf("started").length > 0, "a worker does not start", 20);
      if (code !== 2 || !worker.other.some((text) => text.startsWith("Cannot listen on"))) return worker;
    }
  }

  /** Until the worker is dead, or has nothing left to do and was never ended. */
  async #untilEnded(worker: WorkerProcess): Promise<void> {
    const deadline = performance.now() + patienceMs;
    let over = false;
    void worker.exited.then(() => {
      over = true;
    });
    for (let empty = 0; !over; ) {
      await Bun.sleep(lookMs);
      const depth = await this.#depth();
      // An entry is gone before the worker hears of it, so the worker is asked too: it was told all once nothing is in work.
      const isEmpty = depth.visible + depth.hidden === 0 && (await isIdle(worker)) && worker.linesOf("kill-point-reached").length === 0;
      empty = isEmpty ? empty + 1 : 0;
      if (empty * lookMs > 1000 || performance.now() > deadline)
        worker.kill("SIGKILL"); // judged as "not reached"
      else if (!over) await this.#advanceIfIdle(worker, depth);
    }
    // A long poll that the worker left behind still takes what becomes visible.
    await Bun.sleep(Math.max(0, this.#polledAt + pollSeconds * 1000 + 100 - performance.now()));
  }

  /** Entries that are left after all. */
  async #untilEmpty(worker: WorkerProcess): Promise<number> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const depth = await this.#depth();
      if (depth.visible + depth.hidden === 0) return 0;
      if (performance.now() > deadline) return depth.visible + depth.hidden;
      await this.#advanceIfIdle(worker, depth);
      await Bun.sleep(lookMs);
    }
  }

  /** Where all entries are put off and none is in work, it is time to move time. */
  async #advanceIfIdle(worker: WorkerProcess, { visible, hidden }: Depth): Promise<void> {
    if (visible > 0 || hidden === 0) return;
    for (let look = 0; look < 2; look++) {
      if (!(await isIdle(worker)) || (await this.#depth()).visible > 0) return;
      await Bun.sleep(lookMs);
    }
    await this.#advance(retrySeconds);
  }

  async #advance(seconds: number): Promise<void> {
    this.#aheadSeconds += seconds;
    await this.#cloud.emulator.advance(seconds);
    this.#cloud.setTime(Date.now() + this.#aheadSeconds * 1000);
  }

  async #depth(): Promise<Depth> {
    const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
    const QueueUrl = `${this.#cloud.emulator.endpoint}/000000000000/${queueOf(domain)}`;
    const { Attributes = {} } = await this.#cloud.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }));
    const [visible = 0, hidden = 0] = names.map((name) => Number(Attributes[name] ?? 0));
    return { visible, hidden };
  }

  /** Entries out of sight, but for those whose mail the worker's last word put off. */
  async #hiddenWithoutReason({ lines }: Ended): Promise<number> {
    const last = new Map(lines.filter((line) => line.event === "mail").map((line) => [line["mailId"], putOffSeconds(line)]));
    const putOff = [...last.values()].filter((seconds) => seconds > 0).length;
    return Math.max(0, (await this.#depth()).hidden - putOff);
  }

  async #take(): Promise<Evidence["arrived"]> {
    const sent = this.#cloud.ses.sent.slice(this.#lettersTaken);
    this.#lettersTaken += sent.length;
    const letters = sent.map(({ destinations, raw }) => ({ door: "ses" as const, to: destinations[0] ?? "", subject: subjectOf(raw) }));
    return [...(await this.#end.take()), ...letters];
  }

  async #endsOf(samples: readonly KillSample[]): Promise<Evidence["ends"]> {
    const bucket = bucketOf(domain);
    const endOf = async (key: string) => {
      const asked = new HeadObjectCommand({ Bucket: bucket, Key: key });
      const { Metadata = {} } = await this.#cloud.clients.s3.send(asked);
      const row = await this.#documents.send(new GetCommand({ TableName: "email-worker-ledger", Key: { id: `${bucket}/${key}` } }));
      return { status: Metadata["status"], invalid: Metadata["invalid_inboxes"], closed: row.Item?.["closed"] === true };
    };
    return new Map(await Promise.all(samples.map(async ({ mail }) => [mail.key, await endOf(mail.key)] as const)));
  }
}

/** Its log is read to the end when what it says last is there. */
async function endedOf(worker: WorkerProcess): Promise<Ended> {
  const code = await worker.exited;
  const last = code === null ? "kill-point-reached" : "stopped";
  await until(() => worker.linesOf(last).length > 0, "", 50, 10_000).catch(() => {});
  return { code, lines: worker.lines, other: worker.other };
}

async function isIdle(worker: WorkerProcess): Promise<boolean> {
  const text = await worker.metrics().catch(() => ""); // it has not begun yet, or is dead
  return /^sesame_in_flight\{[^}]*\} 0$/m.test(text);
}
