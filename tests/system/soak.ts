// Soak: the executable moves many mails of mixed kinds for three domains from SNS to IMAP, two workers at once; and the same
// again with workers killed in the midst of it and started anew. What arrived is read in the mailboxes and at SES's door,
// and each loss or second copy is looked up in the log.

import { MailServer } from "../mailserver/mail-server.ts";
import { until } from "../until.ts";
import { Cloud } from "./cloud.ts";
import { type Account, type Arrived, account } from "./count.ts";
import { makeTraffic, people, putRules, type Sample, subjectOf } from "./traffic.ts";
import { type LogLine, WorkerProcess } from "./worker.ts";

const domains = ["example.com", "another.test", "third.test"];
const mailboxes = domains.flatMap((domain) => people.map((name) => ({ address: `${name}@${domain}` })));
const visibilitySeconds = 10; // how long the mails of a killed worker wait

export type SoakResult = Account &
  Readonly<{
    mails: number;
    kills: number;
    /** Mails that were taken over from a killed worker. */
    takenOver: number;
    /** Calls of AWS that failed: on a busy machine the emulators may be too slow, and mails wait half a minute for another try. */
    troubles: number;
    /** Mails without a closed row in the ledger, or in a dead-letter queue. */
    unfinished: number;
    /** From the start of the workers until the last mail is in its mailbox. */
    seconds: number;
  }>;

export class Soak {
  readonly #cloud: Cloud;
  readonly #server: MailServer;
  readonly #program: readonly string[];
  readonly #workers: WorkerProcess[] = [];
  #rounds = 0;

  private constructor(cloud: Cloud, server: MailServer, program: readonly string[]) {
    this.#cloud = cloud;
    this.#server = server;
    this.#program = program;
  }

  static async start(executable: string): Promise<Soak> {
    const [cloud, server] = await Promise.all([Cloud.start({ domains, visibilitySeconds }), MailServer.start({ mailboxes })]);
    await putRules(cloud);
    return new Soak(cloud, server, [executable]);
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL"); // of a round that failed
    await Promise.all([this.#cloud.stop(), this.#server.stop()]);
  }

  /** Moves so many mails; so many times a worker is killed in mid-work, evenly spread, and another started at once. */
  async run(mails: number, kills: number): Promise<SoakResult> {
    const name = `round${++this.#rounds}`;
    const samples = await makeTraffic(this.#cloud, mails, name);
    await this.#publish(samples);
    const began = performance.now();
    const started = await Promise.all([this.#worker(), this.#worker()]);
    const workers = [...started];
    const running = [...started];
    const isDue = (count: number) => closed(workers.flatMap((worker) => worker.lines)) >= count;
    for (let i = 1; i <= kills; i++) {
      await until(() => isDue((mails * i) / (kills + 1)), "the work does not go on", 2, 300_000);
      const [victim] = running.splice(i % running.length, 1);
      victim?.kill("SIGKILL");
      const successor = await this.#worker();
      running.push(successor);
      workers.push(successor);
    }
    await until(() => this.#isEmpty(), "entries are left", 100, 600_000);
    await until(() => this.#server.queued() === 0, "Postfix keeps a mail", 100);
    const seconds = (performance.now() - began) / 1000;
    await Promise.all(running.map((worker) => worker.stop()));
    const lines = workers.flatMap((worker) => worker.lines);
    const count = (kind: string) => lines.filter(({ event }) => event === kind).length;
    const unfinished = await this.#unfinished(samples);
    const figures = { mails, kills, takenOver: count("taken-over"), troubles: count("port-error"), unfinished, seconds };
    return { ...account(samples, await this.#arrived(name), lines), ...figures };
  }

  async #worker(): Promise<WorkerProcess> {
    const { ports } = this.#server;
    const env = {
      ...this.#cloud.env,
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: String(ports.smtp),
      INTERNAL_SMTP_PORT: String(ports.internal),
      SMTP_NAME: "worker.example.com",
      WAIT_SECONDS: "1",
      VISIBILITY_SECONDS: String(visibilitySeconds),
    };
    const worker = await WorkerProcess.start(env, this.#program);
    this.#workers.push(worker);
    return worker;
  }

  /** Several at once: the emulators would else be the slowest part. */
  async #publish(samples: readonly Sample[]): Promise<void> {
    const left = [...samples];
    const lane = async () => {
      for (let sample = left.shift(); sample !== undefined; sample = left.shift()) await this.#cloud.receive(sample.mail);
    };
    await Promise.all(Array.from({ length: 8 }, lane));
  }

  async #isEmpty(): Promise<boolean> {
    const counts = await Promise.all(domains.map((domain) => this.#cloud.queued(domain)));
    return counts.every((count) => count === 0);
  }

  async #unfinished(samples: readonly Sample[]): Promise<number> {
    const keys = new Set(samples.map(({ mail }) => mail.key));
    const rows = (await this.#cloud.rows("email-worker-ledger")).filter(({ id }) => keys.has(String(id).split("/")[1] ?? ""));
    const dead = await Promise.all(domains.map((domain) => this.#cloud.queued(domain, "-dlq")));
    return samples.length - rows.filter((row) => row["closed"] === true).length + dead.reduce((sum, count) => sum + count, 0);
  }

  /** All that came of a round, at the ends of all ways. */
  async #arrived(name: string): Promise<readonly Arrived[]> {
    const inboxes = await Promise.all(
      mailboxes.map(async ({ address: to }) => {
        const subjects = (await this.#server.headers(to)).map(subjectOf);
        // The mailbox does not tell by which of its ports the server was given a mail; a forward is told by its subject.
        return subjects.map((subject): Arrived => ({ door: subject.startsWith("FWD: ") ? "internal" : "mailbox", to, subject }));
      }),
    );
    const sent = this.#cloud.ses.sent.map(
      ({ destinations, raw }): Arrived => ({ door: "ses", to: destinations[0] ?? "", subject: subjectOf(raw) }),
    );
    return [...inboxes.flat(), ...sent].filter(({ subject }) => subject.replace(/^\w+: /, "").startsWith(`${name}-`));
  }
}

function closed(lines: readonly LogLine[]): number {
  return lines.filter((line) => (line["settlement"] as { kind?: string } | undefined)?.kind === "close").length;
}

/** A result in one line. */
export function inOneLine({
  mails,
  kills,
  lost,
  doubled,
  announced,
  inDoubt,
  takenOver,
  troubles,
  unfinished,
  seconds,
}: SoakResult): string {
  const killed = kills === 0 ? "" : `, ${kills} workers killed, ${takenOver} mails taken over`;
  const copies = `${lost.length} lost, ${doubled.length} doubled, ${announced.length} doubled as announced, ${inDoubt.length} replies in doubt`;
  return `${mails} mails${killed}${troubles === 0 ? "" : `, ${troubles} calls failed`}: ${copies}, ${unfinished} unfinished; ${seconds.toFixed(1)} s, ${(mails / seconds).toFixed(1)} mails/s`;
}
