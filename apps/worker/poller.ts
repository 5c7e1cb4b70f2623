// Poller: takes entries from one queue and sends each on its journey, as many at once as may be. It receives only what it
// can begin, keeps what it began alive, and says last what becomes of the entry. The one place where what a journey throws
// is caught: the entry stays queued.

import {
  backOff,
  type EntryOutcome,
  handleEntry,
  type Journal,
  type JourneyPorts,
  type Ledger,
  type MailId,
  type MailQueue,
  type QueueEntry,
  type Stop,
  thrownEvent,
} from "@sesame/core";
import type { Timers } from "@sesame/smtp";
import { type ByteBudget, budgetedCourier, budgetedStore, NoRoom } from "./budget.ts";
import type { Circuit } from "./circuit.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Metrics } from "./metrics.ts";

export type PollerOptions = Readonly<{
  domain: string;
  queue: MailQueue;
  ledger: Ledger;
  journal: Journal;
  metrics: Metrics;
  /** What a mail needs on its way, but for what differs with each entry. */
  way: Omit<JourneyPorts, "stop" | "onLease" | "journal">;
  /** Mails in work at once. */
  concurrency: number;
  /** How long an entry stays out of sight; it is extended while in work. */
  visibilitySeconds: number;
  budget: ByteBudget;
  /** The line of large sends through SES. */
  sends: ByteBudget;
  circuit: Circuit;
  timers: Timers;
}>;

const batch = 10; // SQS gives at most ten
const longestPauseMs = 30_000; // between polls that fail
const sliceMs = 250; // no wait is longer without looking whether work shall end
const gatherMs = 25; // a busy poller waits so long for more mails to end, or it would receive one entry a call
const emptyMs = 1000; // between polls of an empty queue that does not wait by itself
const noRoomSeconds = 5; // the first time

export class Poller {
  readonly #options: PollerOptions;
  readonly #stop: Stop;
  readonly #beat: Heartbeat;
  readonly #inWork = new Set<Promise<void>>();
  #aliveAt: number;
  #answeredAt: number | null = null;
  #superseded = false;
  #wake: (() => void) | null = null;
  /** Mails that may be in work after the circuit closed; doubles with each that ends. */
  #ramp: number;
  #openings: number;

  constructor(options: PollerOptions, stop: Stop) {
    this.#options = options;
    this.#stop = stop;
    const { queue, ledger, journal, visibilitySeconds, timers } = options;
    this.#beat = new Heartbeat({ queue, ledger, journal, visibilitySeconds, timers });
    this.#aliveAt = timers.now();
    this.#ramp = options.concurrency;
    this.#openings = options.circuit.openings;
    options.metrics.inFlight.inc({ domain: options.domain }, 0);
  }

  /** When the loop last came round, whether or not the queue answered. */
  get aliveAt(): number {
    return this.#aliveAt;
  }

  /** When the queue last answered, or the loop had a reason not to ask; `null`: never. */
  get answeredAt(): number | null {
    return this.#answeredAt;
  }

  get inFlight(): number {
    return this.#inWork.size;
  }

  /** Another loop takes over: what this one still receives goes back. */
  supersede(): void {
    this.#superseded = true;
  }

  /** Polls until stopped or superseded, then waits for the mails in work. Rejects only for a bug. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#ended) {
      this.#aliveAt = this.#options.timers.now();
      if (this.#room() < 1) await this.#waitForRoom();
      else failures = await this.#receive(failures);
    }
    await Promise.all(this.#inWork);
  }

  get #ended(): boolean {
    return this.#stop.stopped || this.#superseded;
  }

  /** How many mails could be begun now. */
  #room(): number {
    const { concurrency, circuit, budget } = this.#options;
    if (circuit.openings !== this.#openings) {
      this.#openings = circuit.openings;
      this.#ramp = 1;
    }
    if (circuit.state === "open" || !budget.hasRoom) return 0;
    return Math.min(batch, concurrency - this.#inWork.size, this.#ramp - this.#inWork.size);
  }

  /** Until a mail ends, and for a quarter of a second at most: the circuit and the budget change without telling. */
  #waitForRoom(): Promise<void> {
    const { timers } = this.#options;
    this.#answeredAt = timers.now();
    return new Promise((resolve) => {
      const cancel = timers.after(sliceMs, () => this.#wake?.());
      this.#wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
    });
  }

  /** One poll. Gives the number of failures in a row. */
  async #receive(failures: number): Promise<number> {
    const { domain, queue, metrics, journal, timers, way, circuit } = this.#options;
    try {
      if (this.#room() < batch && this.#inWork.size > batch) await this.#pause(gatherMs);
      if (this.#room() < 1) return failures;
      const askedAt = timers.now();
      const entries = await queue.receive(this.#room(), this.#stop);
      this.#answeredAt = timers.now();
      this.#aliveAt = this.#answeredAt; // giving back may take as long again
      metrics.lastPoll.set({ domain }, way.clock.now() / 1000);
      // Whatever came while work ended, or the mail server went away, goes back untouched.
      if (this.#ended || circuit.state === "open") await this.#handBack(entries);
      else for (const entry of entries) this.#start(entry);
      if (entries.length === 0) await this.#pause(askedAt + emptyMs - timers.now());
      return 0;
    } catch (error) {
      metrics.pollErrors.inc({ domain });
      journal.note(thrownEvent(error, null));
      // Workers that failed together must not come back together.
      await this.#pause(Math.min(500 * 2 ** failures, longestPauseMs) * (0.75 + Math.random() / 4));
      return failures + 1;
    }
  }

  async #handBack(entries: readonly QueueEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.#say({ kind: "retry", afterSeconds: 0 }, entry)));
  }

  #start(entry: QueueEntry): void {
    const { domain, metrics, concurrency, circuit } = this.#options;
    const work = this.#workOn(entry).finally(() => {
      this.#inWork.delete(work);
      // Those that end while the server is away tell nothing of the pace that it can bear.
      if (circuit.state === "closed") this.#ramp = Math.min(this.#ramp * 2, concurrency);
      this.#wake?.();
      metrics.inFlight.dec({ domain });
    });
    this.#inWork.add(work);
    metrics.inFlight.inc({ domain }); // not set: a loop that was replaced may still have mails in work
  }

  async #workOn(entry: QueueEntry): Promise<void> {
    const pulse = this.#beat.start(entry, this.#stop);
    const scope = this.#options.budget.scope();
    const outcome = await this.#journeyOf(entry, async (way) => {
      if (!(await scope.take(entry.body.length))) throw new NoRoom("entry", entry.body.length);
      const store = budgetedStore(way.store, scope);
      const courier = budgetedCourier(way.courier, scope, this.#options.sends);
      return handleEntry(entry, { ...way, store, courier, journal: this.#options.journal, stop: pulse, onLease: pulse.onLease });
    });
    scope.end();
    await pulse.end();
    await this.#say(outcome, entry);
  }

  async #journeyOf(entry: QueueEntry, go: (way: PollerOptions["way"]) => Promise<EntryOutcome>): Promise<EntryOutcome> {
    try {
      return await go(this.#options.way);
    } catch (error) {
      const { journal, metrics, domain } = this.#options;
      const { id, receiveCount } = entry;
      const isForRoom = error instanceof NoRoom;
      journal.note(thrownEvent(error, null));
      metrics.retries.inc({ domain, reason: isForRoom ? "no-room" : "port-error" });
      if (!isForRoom) return { kind: "retry", afterSeconds: backOff(id as MailId, receiveCount) };
      return { kind: "retry", afterSeconds: receiveCount === 1 ? noRoomSeconds : backOff(id as MailId, receiveCount - 1) };
    }
  }

  /** Tells the queue. Where that fails the entry comes back by itself, and the ledger knows what is done. */
  async #say(outcome: EntryOutcome, entry: QueueEntry): Promise<void> {
    const { queue, journal } = this.#options;
    try {
      if (outcome.kind === "ack") await queue.ack([entry]);
      if (outcome.kind === "retry") await queue.retryLater(entry, outcome.afterSeconds);
    } catch (error) {
      journal.note(thrownEvent(error, null));
    }
  }

  /** Waits in slices, so that a stop is heard. */
  async #pause(ms: number): Promise<void> {
    const { timers } = this.#options;
    const until = timers.now() + ms;
    for (let left = ms; left > 0 && !this.#ended; left = until - timers.now()) {
      await new Promise<void>((resolve) => timers.after(Math.min(left, sliceMs), resolve));
      this.#aliveAt = timers.now();
    }
  }
}
