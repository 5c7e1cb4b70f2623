// Poller: receives entries from one queue and works on several at once. It takes permits of the shared window before it
// receives, extends entries while they are in work, and then acknowledges them or returns them to the queue. What is done
// about one entry is in entry-work.ts; extra-receivers.ts helps while the queue is hot.

import { type EntryOutcome, type MailQueue, type QueueEntry, type Stop, thrownEvent } from "@sesame/core";
import { handBackDelay, noRoomDelay } from "@sesame/core/journey";
import type { Circuits } from "./circuits.ts";
import { type EntryWorkOptions, retryUnread, workOn } from "./entry-work.ts";
import { ExtraReceivers } from "./extra-receivers.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { HeldPermits } from "./held-permits.ts";
import { PollPermits, type Reach } from "./poll-permits.ts";
import { RecentBuckets } from "./recent-buckets.ts";
import { Slot } from "./slot.ts";
import { stopCheckMs, Waiting } from "./waiting.ts";
import { batchSize, type Window } from "./window.ts";

export type PollerOptions = EntryWorkOptions &
  Readonly<{
    queue: MailQueue;
    /** Permits for mails in work, shared with the other pollers. */
    window: Window;
    /** Visibility timeout of an entry; it is extended while the entry is in work. */
    visibilitySeconds: number;
    circuits: Circuits;
    /** Whether so many entries of the queue are in flight that nothing more may be received. */
    isFull(): boolean;
  }>;

const longestRetryDelayMs = 30_000; // after polls that fail
const emptyPollMs = 1000; // least time between polls of an empty queue that does not long-poll

export class Poller {
  readonly #options: PollerOptions;
  readonly #stop: Stop;
  readonly #heartbeat: Heartbeat;
  readonly #permits: PollPermits;
  readonly #extra: ExtraReceivers;
  readonly #buckets: RecentBuckets;
  /** Wakes the loop when a mail ends or a permit comes. */
  readonly #waiting: Waiting;
  readonly #inWork = new Set<Promise<void>>();
  /** Mails in work that have a permit. */
  #slots = 0;
  #aliveAt: number;
  #answeredAt: number | null = null;
  #superseded = false;

  constructor(options: PollerOptions, stop: Stop) {
    const { queue, journal, ports, window, circuits, visibilitySeconds, timers } = options;
    this.#buckets = new RecentBuckets(circuits);
    this.#options = { ...options, ports: { ...ports, store: this.#buckets.watch(ports.store) } };
    this.#stop = stop;
    this.#heartbeat = new Heartbeat({ queue, ledger: ports.ledger, journal, visibilitySeconds, timers });
    this.#waiting = new Waiting(timers);
    this.#permits = new PollPermits({ queue, window, timers, granted: () => this.#waiting.wake() });
    this.#extra = new ExtraReceivers({
      ...{ queue, window, stop, timers },
      mayReceive: () => this.#mayReceive && this.#room - this.#permits.held.left >= batchSize && !this.#buckets.needTrial,
      begin: (entries, permits) => this.#begin(entries, permits),
      failed: (error) => this.#noteFailure(error),
    });
    this.#aliveAt = timers.now();
    options.metrics.inFlight.inc({ domain: options.domain }, 0);
  }

  /** When the loop last ran, with or without an answer of the queue. A receive that hangs counts from its start. */
  get aliveAt(): number {
    return Math.min(this.#aliveAt, this.#extra.oldest);
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
    this.#permits.held.giveUnused(); // its receive hangs
    this.#extra.giveUnused();
  }

  /** Polls until it is stopped or superseded, then waits for the mails in work. Rejects only because of a bug. */
  async run(): Promise<void> {
    try {
      await this.#poll();
    } finally {
      this.#permits.leaveLine();
    }
    await this.#extra.ended();
    await Promise.all(this.#inWork);
  }

  async #poll(): Promise<void> {
    let failures = 0;
    while (!this.#ended) {
      this.#aliveAt = this.#options.timers.now();
      const reach = this.#reach();
      if (reach === null) await this.#waitForRoom();
      else failures = await this.#receive(reach, failures);
    }
  }

  get #ended(): boolean {
    return this.#stop.stopped || this.#superseded;
  }

  /** Whether an entry that is here may be worked on. */
  get #mayBegin(): boolean {
    return !this.#ended && !this.#options.circuits.stopsAll;
  }

  /** What may be received now; `null`: nothing. */
  #reach(): Reach | null {
    const room = this.#room;
    if (room > 0 && this.#mayReceive) return this.#permits.reach(room, this.#buckets.needTrial);
    this.#permits.leaveLine();
    return null;
  }

  get #mayReceive(): boolean {
    const { budget, isFull } = this.#options;
    return this.#mayBegin && budget.hasRoom && !isFull() && !this.#buckets.areAway;
  }

  /** How many more mails of this queue may have a permit. */
  get #room(): number {
    return this.#options.window.mostOfOne - this.#slots - this.#extra.expected;
  }

  /** Waits until a mail ends or a permit comes, at most 250 ms: circuits and the memory budget send no signal when they change. */
  #waitForRoom(): Promise<void> {
    // A queue that was never asked because others stand before it has not answered.
    if (this.#answeredAt !== null || !this.#permits.isInLine) this.#answeredAt = this.#options.timers.now();
    return this.#waiting.atMost(stopCheckMs);
  }

  /** Polls once. Returns the number of failures in a row. */
  async #receive(reach: Reach, failures: number): Promise<number> {
    const { domain, queue, metrics, timers, ports } = this.#options;
    const askedAt = timers.now();
    const wasQuiet = this.#permits.isQuiet;
    try {
      const entries = await queue.receive(reach.limit, this.#stop, reach.wait);
      this.#answeredAt = timers.now();
      this.#aliveAt = this.#answeredAt; // returning the entries may take as long as the poll
      metrics.lastPoll.set({ domain }, ports.clock.now() / 1000);
      this.#permits.noteAnswer(reach, entries.length);
      if (entries.length === batchSize) this.#extra.addOne();
      await this.#begin(entries, this.#permits.held);
      this.#permits.held.giveUnused();
      if (entries.length === 0 && (wasQuiet || !this.#permits.isQuiet)) await this.#wait(askedAt + emptyPollMs - timers.now());
      return 0;
    } catch (error) {
      this.#permits.held.giveUnused();
      this.#noteFailure(error);
      // Random jitter: workers that failed at the same time must not poll again at the same time.
      await this.#wait(Math.min(500 * 2 ** failures, longestRetryDelayMs) * (0.75 + Math.random() / 4));
      return failures + 1;
    }
  }

  #noteFailure(error: unknown): void {
    const { metrics, domain, journal } = this.#options;
    metrics.pollErrors.inc({ domain });
    journal.note(thrownEvent(error, null));
  }

  /** Starts the entries, or returns them if they came after a stop or while a circuit is open. */
  async #begin(entries: readonly QueueEntry[], permits: HeldPermits): Promise<void> {
    if (this.#mayBegin) for (const entry of entries) this.#start(entry, permits.use());
    else await Promise.all(entries.map((entry) => this.#settleEntry(this.#handBack(entry), entry)));
  }

  /** At a stop other workers may have the entry at once. */
  #handBack({ id }: QueueEntry): EntryOutcome {
    return retryUnread(this.#ended ? 0 : handBackDelay(id), this.#options.ports);
  }

  #start(entry: QueueEntry, hasPermit: boolean): void {
    const { domain, metrics } = this.#options;
    const work = this.#workOn(entry, hasPermit).finally(() => {
      this.#inWork.delete(work);
      this.#waiting.wake();
      metrics.inFlight.dec({ domain });
    });
    this.#inWork.add(work);
    metrics.inFlight.inc({ domain }); // inc, not set: a superseded poller may still have mails in work
  }

  async #workOn(entry: QueueEntry, hasPermit: boolean): Promise<void> {
    const inWork = this.#heartbeat.start(entry, this.#stop);
    const slot = this.#slot(hasPermit || (await this.#permits.one(() => this.#mayBegin)));
    const outcome = slot.hasPermit ? await workOn(entry, inWork, slot, this.#options) : this.#outcomeWithoutPermit(entry);
    await inWork.end();
    await this.#settleEntry(outcome, entry);
    slot.end();
  }

  #slot(hasPermit: boolean): Slot {
    const { window, circuits } = this.#options;
    if (hasPermit) this.#slots++;
    const freed = () => {
      this.#slots--;
      this.#waiting.wake();
    };
    return new Slot({ window, hasPermit, allAnswer: () => circuits.allAnswer, freed });
  }

  #outcomeWithoutPermit(entry: QueueEntry): EntryOutcome {
    const { metrics, domain, ports } = this.#options;
    if (!this.#mayBegin) return this.#handBack(entry);
    metrics.retries.inc({ domain, reason: "no-room" });
    return retryUnread(noRoomDelay(entry.id, entry.receiveCount), ports);
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
      await new Waiting(timers).atMost(Math.min(left, stopCheckMs));
      this.#aliveAt = timers.now();
    }
  }
}
