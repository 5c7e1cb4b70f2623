// Drain: many workers empty a backlog while the ledger's table takes fewer writes than they ask for. A model with the real
// back-off, the real breaker and the real repetition of records, on virtual time and with seeded random numbers. It compares
// them with workers that try a record once. Figures: 25 ms for a poll, 8 ms for a claim or record, 8 ms for the mail server.

import { type Lease, type Ledger, PortError } from "@sesame/core";
import { backOff } from "@sesame/core/journey";
import { Breaker } from "../../apps/worker/breaker.ts";
import { signOf } from "../../apps/worker/circuits.ts";
import { lastingLedger } from "../../apps/worker/lasting-ledger.ts";
import { VirtualTime } from "./virtual-time.ts";

export type DrainOptions = Readonly<{
  workers: number;
  /** Mails in work of each worker. */
  concurrency: number;
  mails: number;
  /** Writes a second that the table takes. Those that are not used are lost after a second. */
  writesPerSecond: number;
  /** "once": three attempts within a second, as the SDK makes them. "lasting": what the worker does. */
  records: "once" | "lasting";
  seed: number;
}>;

export type DrainResult = Readonly<{
  deliveries: number;
  /** Deliveries beyond the first of a mail, because the record of the first failed. Each is announced. */
  copies: number;
  writes: number;
  refused: number;
  mostReceives: number;
  seconds: number;
}>;

type Mail = { readonly id: string; receives: number; copies: number; isRecorded: boolean };

const [pollMs, writeMs, smtpMs, idleMs] = [25, 8, 8, 250];
const sdkPausesMs: readonly number[] = [50, 100]; // between the three attempts of the SDK

export async function drain(options: DrainOptions): Promise<DrainResult> {
  const model = new Drain(options);
  await model.run();
  return model.result();
}

class Drain {
  readonly #options: DrainOptions;
  readonly #time = new VirtualTime();
  readonly #mails: readonly Mail[];
  readonly #random: () => number;
  /** The mails that may be received now. */
  #visible: Mail[];
  #tokens: number;
  #filledAt = 0;
  #writes = 0;
  #refused = 0;
  #open: number;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#mails = Array.from({ length: options.mails }, (_, i) => ({
      id: `bucket/mail-${i}`,
      receives: 0,
      copies: 0,
      isRecorded: false,
    }));
    this.#visible = [...this.#mails].reverse();
    this.#tokens = options.writesPerSecond;
    this.#random = randomOf(options.seed);
    this.#open = options.mails;
  }

  async run(): Promise<void> {
    for (let worker = 0; worker < this.#options.workers; worker++) this.#startWorker();
    await this.#time.run(() => this.#open === 0);
  }

  result(): DrainResult {
    const deliveries = this.#mails.reduce((sum, { copies }) => sum + copies, 0);
    return {
      deliveries,
      copies: deliveries - this.#options.mails,
      writes: this.#writes,
      refused: this.#refused,
      mostReceives: Math.max(...this.#mails.map(({ receives }) => receives)),
      seconds: Math.round(this.#time.now() / 1000),
    };
  }

  #startWorker(): void {
    const probe = () => this.#write().then(() => "answered" as const, signOf);
    const breaker = new Breaker({ timers: this.#time, changed: () => {}, probe });
    for (let slot = 0; slot < this.#options.concurrency; slot++) void this.#work(breaker);
  }

  async #work(breaker: Breaker): Promise<void> {
    await this.#time.sleep(this.#random() * 100);
    while (this.#open > 0) {
      const isStopped = this.#options.records === "lasting" && !breaker.couldAdmit();
      const mail = isStopped ? undefined : this.#visible.pop();
      if (mail === undefined) await this.#time.sleep(idleMs * (0.75 + this.#random() / 2));
      else await this.#take(mail, breaker);
    }
  }

  async #take(mail: Mail, breaker: Breaker): Promise<void> {
    mail.receives++;
    await this.#time.sleep(pollMs / 10);
    if (!(await this.#watched(mail, breaker))) return this.#giveBack(mail);
    if (!mail.isRecorded) {
      await this.#time.sleep(smtpMs);
      mail.copies++;
    }
    if (!(await this.#record(mail, breaker))) return this.#giveBack(mail);
    mail.isRecorded = true;
    this.#open--;
  }

  async #record(mail: Mail, breaker: Breaker): Promise<boolean> {
    if (this.#options.records === "once") return this.#watched(mail, breaker);
    const record = async () => {
      if (!(await this.#watched(mail, breaker))) throw throttled();
      return "recorded" as const;
    };
    const ledger = { record } as unknown as Ledger;
    const lasting = lastingLedger(ledger, { timers: this.#time, longestMs: 1_800_000, givesUp: () => false, random: this.#random });
    return lasting.record({} as Lease, new Map(), "close").then(
      () => true,
      () => false,
    );
  }

  /** One write as the SDK makes it, and what the breaker learns from it. */
  async #watched(mail: Mail, breaker: Breaker): Promise<boolean> {
    for (const pauseMs of [...sdkPausesMs, null]) {
      const done = await this.#write().then(
        () => true,
        () => false,
      );
      if (done || pauseMs === null) {
        breaker.note(mail.id, done ? "answered" : "away");
        return done;
      }
      await this.#time.sleep(pauseMs * (0.5 + this.#random()));
    }
    return false;
  }

  async #write(): Promise<void> {
    await this.#time.sleep(writeMs);
    const { writesPerSecond } = this.#options;
    const now = this.#time.now();
    this.#tokens = Math.min(writesPerSecond, this.#tokens + ((now - this.#filledAt) / 1000) * writesPerSecond);
    this.#filledAt = now;
    this.#writes++;
    if (this.#tokens < 1) {
      this.#refused++;
      throw throttled();
    }
    this.#tokens--;
  }

  #giveBack(mail: Mail): void {
    this.#time.after(backOff(mail.id, mail.receives) * 1000, () => this.#visible.push(mail));
  }
}

function throttled(): PortError {
  const cause = Object.assign(new Error("slow down"), { name: "ThrottlingException", $metadata: { httpStatusCode: 400 } });
  return new PortError("Ledger", "record", "Cannot record: AWS throttled the request", cause);
}

/** Numbers from 0 to 1 that depend on the seed alone (a linear congruential generator). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
