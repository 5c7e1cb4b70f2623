// Poller: receives entries from one queue and runs the journey of each, several at once. It receives only entries that it can
// start, extends them while they are in work, and then acknowledges them or returns them to the queue. Errors that a journey
// throws are caught here only: the entry stays queued.

import {
  type EntryOutcome,
  handleEntry,
  type Journal,
  type JourneyPorts,
  type Ledger,
  type MailQueue,
  type QueueEntry,
  type Stop,
  thrownEvent,
} from "@sesame/core";
import { backOff, noRoomDelay } from "@sesame/core/journey";
import { type ByteBudget, budgetedCourier, budgetedStore, NoRoom } from "./byte-budget.ts";
import type { Circuit } from "./circuit.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Metrics } from "./metrics.ts";
import type { Timers } from "./timers.ts";

export type PollerOptions = Readonly<{
  domain: string;
  queue: MailQueue;
  ledger: Ledger;
  journal: Journal;
  metrics: Metrics;
  /** The ports of the journey, without those that differ for each entry. */
  ports: Omit<JourneyPorts, "stop" | "onLease" | "journal" | "budget">;
  /** The most mails in work at once. */
  concurrency: number;
  /** Visibility timeout of an entry; it is extended while the entry is in work. */
  visibilitySeconds: number;
  budget: ByteBudget;
  /** Memory for large sends through SES. */
  sends: ByteBudget;
  circuit: Circuit;
  timers: Timers;
}>;

const batchSize = 10; // the most entries that SQS returns for one call
const longestRetryDelayMs = 30_000; // after polls that fail
const stopCheckMs = 250; // waits check this often whether the poller must stop
const batchWaitMs = 25; // a busy poller waits for more mails to end; otherwise each call would receive one entry
const emptyPollMs = 1000; // least time between polls of an empty queue that does not long-poll

export class Poller {
  readonly #options: PollerOptions;
  readonly #stop: Stop;
  readonly #heartbeat: Heartbeat;
  readonly #inWork = new Set<Promise<void>>();
  #aliveAt: number;
  #answeredAt: number | null = null;
  #superseded = false;
  #wake: (() => void) | null = null;
  /** The most mails in work after the circuit closed; doubles with each mail that ends. */
  #rampLimit: number;
  #openings: number;

  constructor(options: PollerOptions, stop: Stop) {
    this.#options = options;
    this.#stop = stop;
    const { queue, ledger, journal, visibilitySeconds, timers } = options;
    this.#heartbeat = new Heartbeat({ queue, ledger, journal, visibilitySeconds, timers });
    this.#aliveAt = timers.now();
    this.#rampLimit = options.concurrency;
    this.#openings = options.circuit.openings;
    options.metrics.inFlight.inc({ domain: options.domain }, 0);
  }

  /** When the loop last ran, with or without an answer of the queue. */
  get aliveAt(): number {
    return this.#aliveAt;
  }

  /** When the queue last answered, or the poller did not poll because it had no room; `null`: never. */
  get answeredAt(): number | null {
    return this.#answeredAt;
  }

  get inFlight(): number {
    return this.#inWork.size;
  }

  /** Another poller takes over: entries that this one still receives return to the queue. */
  supersede(): void {
    this.#superseded = true;
  }

  /** Polls until it is stopped or superseded, then waits for the mails in work. Rejects only because of a bug. */
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

  /** How many mails can start now. */
  #room(): number {
    const { concurrency, circuit, budget } = this.#options;
    if (circuit.openings !== this.#openings) {
      this.#openings = circuit.openings;
      this.#rampLimit = 1;
    }
    if (circuit.state === "open" || !budget.hasRoom) return 0;
    return Math.min(batchSize, concurrency - this.#inWork.size, this.#rampLimit - this.#inWork.size);
  }

  /** Waits until a mail ends, at most 250 ms: the circuit and the memory budget send no signal when they change. */
  #waitForRoom(): Promise<void> {
    const { timers } = this.#options;
    this.#answeredAt = timers.now();
    return new Promise((resolve) => {
      const cancel = timers.after(stopCheckMs, () => this.#wake?.());
      this.#wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
    });
  }

  /** Polls once. Returns the number of failures in a row. */
  async #receive(failures: number): Promise<number> {
    const { domain, queue, metrics, journal, timers, ports, circuit } = this.#options;
    try {
      if (this.#room() < batchSize && this.#inWork.size > batchSize) await this.#wait(batchWaitMs);
      if (this.#room() < 1) return failures;
      const askedAt = timers.now();
      const entries = await queue.receive(this.#room(), this.#stop);
      this.#answeredAt = timers.now();
      this.#aliveAt = this.#answeredAt; // returning the entries may take as long as the poll
      metrics.lastPoll.set({ domain }, ports.clock.now() / 1000);
      // Entries that arrive after the stop, or while the mail server is unreachable, return to the queue.
      if (this.#ended || circuit.state === "open") await this.#returnToQueue(entries);
      else for (const entry of entries) this.#start(entry);
      if (entries.length === 0) await this.#wait(askedAt + emptyPollMs - timers.now());
      return 0;
    } catch (error) {
      metrics.pollErrors.inc({ domain });
      journal.note(thrownEvent(error, null));
      // Random jitter: workers that failed at the same time must not poll again at the same time.
      await this.#wait(Math.min(500 * 2 ** failures, longestRetryDelayMs) * (0.75 + Math.random() / 4));
      return failures + 1;
    }
  }

  async #returnToQueue(entries: readonly QueueEntry[]): Promise<void> {
    await Promise.all(entries.map((entry) => this.#settleEntry({ kind: "retry", afterSeconds: 0 }, entry)));
  }

  #start(entry: QueueEntry): void {
    const { domain, metrics, concurrency, circuit } = this.#options;
    const work = this.#workOn(entry).finally(() => {
      this.#inWork.delete(work);
      // A mail that ends while the mail server is unreachable does not show how much load the server can take.
      if (circuit.state === "closed") this.#rampLimit = Math.min(this.#rampLimit * 2, concurrency);
      this.#wake?.();
      metrics.inFlight.dec({ domain });
    });
    this.#inWork.add(work);
    metrics.inFlight.inc({ domain }); // inc, not set: a superseded poller may still have mails in work
  }

  async #workOn(entry: QueueEntry): Promise<void> {
    const inWork = this.#heartbeat.start(entry, this.#stop);
    const scope = this.#options.budget.scope();
    const outcome = await this.#runJourney(entry, async (ports) => {
      if (!(await scope.take(entry.body.length))) throw new NoRoom("entry", entry.body.length);
      const store = budgetedStore(ports.store, scope);
      const courier = budgetedCourier(ports.courier, scope, this.#options.sends);
      return handleEntry(entry, {
        ...ports,
        store,
        courier,
        journal: this.#options.journal,
        stop: inWork,
        onLease: inWork.onLease,
        budget: scope,
      });
    });
    scope.end();
    await inWork.end();
    await this.#settleEntry(outcome, entry);
  }

  async #runJourney(entry: QueueEntry, run: (ports: PollerOptions["ports"]) => Promise<EntryOutcome>): Promise<EntryOutcome> {
    try {
      return await run(this.#options.ports);
    } catch (error) {
      const { journal, metrics, domain } = this.#options;
      const { id, receiveCount } = entry;
      const isNoRoom = error instanceof NoRoom;
      journal.note(thrownEvent(error, null));
      metrics.retries.inc({ domain, reason: isNoRoom ? "no-room" : "port-error" });
      return { kind: "retry", afterSeconds: isNoRoom ? noRoomDelay(id, receiveCount) : backOff(id, receiveCount) };
    }
  }

  /** Acknowledges or returns the entry. If that fails, the entry becomes visible again; the ledger has the finished effects. */
  async #settleEntry(outcome: EntryOutcome, entry: QueueEntry): Promise<void> {
    const { queue, journal } = this.#options;
    try {
      if (outcome.kind === "ack") await queue.ack([entry]);
      if (outcome.kind === "retry") await queue.retryLater(entry, outcome.afterSeconds);
    } catch (error) {
      journal.note(thrownEvent(error, null));
    }
  }

  /** Waits in short steps, so that a stop ends the wait. */
  async #wait(ms: number): Promise<void> {
    const { timers } = this.#options;
    const until = timers.now() + ms;
    for (let left = ms; left > 0 && !this.#ended; left = until - timers.now()) {
      await new Promise<void>((resolve) => timers.after(Math.min(left, stopCheckMs), resolve));
      this.#aliveAt = timers.now();
    }
  }
}
