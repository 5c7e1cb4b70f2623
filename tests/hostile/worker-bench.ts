// A real worker on emulators, before a mail server that can be told to hold its answers: for faults of its host and of what
// it is given.

import { join } from "node:path";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { Cloud, queueOf } from "../system/cloud.ts";
import { subjectOf } from "../system/traffic.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";

const domain = "example.com";
const visibilitySeconds = 60;
const retrySeconds = 31; // for a mail that was put off once

export const main: string = join(import.meta.dir, "../../apps/worker/main.ts");

export class WorkerBench {
  readonly cloud: Cloud;
  readonly sink: SinkServer;
  /** Answers to a final dot that are held back, while they are. */
  readonly held: (() => void)[];
  #aheadSeconds = 0;
  readonly #holding: { isOn: boolean };
  readonly #ends: (() => unknown)[] = [];

  private constructor(cloud: Cloud, sink: SinkServer, held: (() => void)[], holding: { isOn: boolean }) {
    this.cloud = cloud;
    this.sink = sink;
    this.held = held;
    this.#holding = holding;
  }

  static async open(): Promise<WorkerBench> {
    const held: (() => void)[] = [];
    const holding = { isOn: false };
    const hold = () => (holding.isOn ? new Promise<void>((release) => void held.push(release)) : Promise.resolve());
    const [cloud, sink] = await Promise.all([Cloud.start({ domains: [domain], visibilitySeconds }), sinkServer({ hold })]);
    return new WorkerBench(cloud, sink, held, holding);
  }

  /** After each test. */
  async clear(): Promise<void> {
    this.release();
    for (const end of this.#ends.splice(0)) await end();
  }

  async close(): Promise<void> {
    this.sink.close();
    await this.cloud.stop();
  }

  /** From now on no final dot is answered. */
  hold(): void {
    this.#holding.isOn = true;
  }

  release(): void {
    this.#holding.isOn = false;
    for (const release of this.held.splice(0)) release();
  }

  get env(): Record<string, string> {
    const port = String(this.sink.port);
    return {
      ...this.cloud.env,
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: port,
      INTERNAL_SMTP_PORT: port,
      WAIT_SECONDS: "1",
      VISIBILITY_SECONDS: String(visibilitySeconds),
    };
  }

  async start(more: Readonly<Record<string, string>> = {}, program?: readonly string[]): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start({ ...this.env, ...more }, program);
    this.endLater(() => worker.kill("SIGKILL"));
    return worker;
  }

  endLater(end: () => unknown): void {
    this.#ends.push(end);
  }

  receive(key: string, octets: Uint8Array = octetsOf(key)): Promise<void> {
    return this.cloud.receive({ domain, key, octets, recipients: ["alice@example.com"] });
  }

  /** Subjects that begin so, of all mails that came. */
  arrived(prefix: string): readonly string[] {
    return this.sink.mails
      .map(({ data }) => subjectOf(data))
      .filter((subject) => subject.startsWith(prefix))
      .sort();
  }

  /** Until no entry is left. AWS's time moves on whenever all of them are put off, so that nobody waits for it. */
  async emptied(): Promise<void> {
    const isEmpty = async () => {
      const { visible, hidden } = await this.depth();
      if (visible + hidden === 0) return true;
      if (visible === 0 && (await this.#isIdle())) await this.advance(retrySeconds);
      return false;
    };
    await until(isEmpty, "entries are left", 200);
  }

  async advance(seconds: number): Promise<void> {
    this.#aheadSeconds += seconds;
    await this.cloud.emulator.advance(seconds);
    this.cloud.setTime(Date.now() + this.#aheadSeconds * 1000);
  }

  /** Entries that can be received, and those that were and are out of sight. */
  async depth(): Promise<Readonly<{ visible: number; hidden: number }>> {
    const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
    const QueueUrl = `${this.cloud.emulator.endpoint}/000000000000/${queueOf(domain)}`;
    const { Attributes = {} } = await this.cloud.clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }));
    const [visible = 0, hidden = 0] = names.map((name) => Number(Attributes[name] ?? 0));
    return { visible, hidden };
  }

  /** No mail waits for the mail server's answer, and no other one is fetched for a while. */
  async #isIdle(): Promise<boolean> {
    const { held } = this;
    const before = this.cloud.calls().get("GetObject");
    await new Promise((resolve) => setTimeout(resolve, 300));
    return held.length === 0 && this.cloud.calls().get("GetObject") === before && (await this.depth()).visible === 0;
  }
}

function octetsOf(key: string): Uint8Array {
  return new TextEncoder().encode(`From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: ${key}\r\n\r\nHello\r\n`);
}
