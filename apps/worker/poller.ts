// Poller: receives entries from one queue and runs the journey of each, several at once. It takes permits of the shared window
// before it receives, extends entries while they are in work, and then acknowledges them or returns them to the queue. Errors
// that a journey throws are caught here only: the entry stays queued.

import {
  type EntryOutcome,
  handleEntry,
  type Journal,
  type JourneyPorts,
  type Ledger,
  type MailQueue,
  type MailStore,
  type QueueEntry,
  type Stop,
  thrownEvent,
} from "@sesame/core";
import { awayDelay, backOff, handBackDelay, NoRoom, noRoomDelay } from "@sesame/core/journey";
import { type BudgetedCourier, budgetedCourier } from "./budgeted-courier.ts";
import { type BudgetScope, type ByteBudget, budgetedStore } from "./byte-budget.ts";
import { CircuitOpen, type Circuits } from "./circuits.ts";
import { type EntryInWork, Heartbeat } from "./heartbeat.ts";
import { lastingLedger } from "./lasting-ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { SendPlaces } from "./send-places.ts";
import type { Timers } from "./timers.ts";
import type { Ticket, Window } from "./window.ts";

export type PollerOptions = Readonly<{
  /** The label of the queue in metrics. */
  domain: string;
  queue: MailQueue;
  /** The ledger that keeps the leases. */
  ledger: Ledger;
  journal: Journal;
  metrics: Metrics;
  /** The ports of the journey, without those that differ for each entry. */
  ports: Omit<JourneyPorts, "stop" | "onLease" | "journal" | "budget">;
  /** Permits for mails in work, shared with the other pollers. */
  window: Window;
  /** Visibility timeout of an entry; it is extended while the entry is in work. */
  visibilitySeconds: number;
  budget: ByteBudget;
  /** Places for sends through SES. */
  places: SendPlaces;
  circuits: Circuits;
  /** Whether so many entries of the queue are in flight that nothing more may be received. */
  isFull(): boolean;
  /** How long the records of one mail are tried while the ledger throttles or does not answer. */
  recordMs: number;
  /** Whether the time for a stop is over: nothing is waited for any more. */
  givesUp(): boolean;
  timers: Timers;
}>;

const batchSize = 10; // the most entries that SQS returns for one call
const longestRetryDelayMs = 30_000; // after polls that fail
const stopCheckMs = 250; // waits check this often whether the poller must stop
const emptyPollMs = 1000; // least time between polls of an empty queue that does not long-poll
const placeWaitMs = 20_000; // how long an entry waits for a permit that came without one
const longestUnreadSeconds = 120; // how long an entry that failed keeps blocked mails from being deleted
const bucketsToJudge = 20; // mails whose buckets say where the mail of this queue is stored

/** What one receive may bring. `permits`: held already, one for each entry. */
type Reach = Readonly<{ limit: number; permits: number; wait: "long" | "none" }>;

export class Poller {
  readonly #options: PollerOptions;
  readonly #stop: Stop;
  readonly #heartbeat: Heartbeat;
  readonly #inWork = new Set<Promise<void>>();
  #aliveAt: number;
  #answeredAt: number | null = null;
  #superseded = false;
  #wake: (() => void) | null = null;
  /** The place in the line of the window, while the poller waits for permits. */
  #ticket: Ticket | null = null;
  /** Permits of the running receive that no mail uses yet. */
  #unused = 0;
  /** The last receive brought less than it might: the queue has nothing, and the next receive may wait without permits. */
  #isQuiet = false;
  /** The buckets of the last mails, the newest last. */
  #buckets: readonly string[] = [];

  constructor(options: PollerOptions, stop: Stop) {
    this.#options = options;
    this.#stop = stop;
    const { queue, ledger, journal, visibilitySeconds, timers } = options;
    this.#heartbeat = new Heartbeat({ queue, ledger, journal, visibilitySeconds, timers });
    this.#aliveAt = timers.now();
    options.window.join(queue);
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
    this.#giveUnused(); // its receive hangs
  }

  /** Polls until it is stopped or superseded, then waits for the mails in work. Rejects only because of a bug. */
  async run(): Promise<void> {
    try {
      await this.#poll();
    } finally {
      this.#leaveLine();
    }
    await Promise.all(this.#inWork);
  }

  async #poll(): Promise<void> {
    let failures = 0;
    while (!this.#ended) {
      this.#aliveAt = this.#options.timers.now();
      const reach = this.#mayReceive() ? this.#reach() : this.#leaveLine();
      if (reach === null) await this.#waitForRoom();
      else failures = await this.#receive(reach, failures);
    }
  }

  get #ended(): boolean {
    return this.#stop.stopped || this.#superseded;
  }

  #mayReceive(): boolean {
    const { circuits, budget, isFull } = this.#options;
    return this.#room > 0 && !circuits.stopsAll && budget.hasRoom && !isFull() && !this.#bucketsAreAway();
  }

  /** How many more mails of this queue may be in work. */
  get #room(): number {
    return this.#options.window.mostOfOne - this.#inWork.size;
  }

  /** All mail of this queue lies in buckets that do not answer. */
  #bucketsAreAway(): boolean {
    return this.#buckets.length > 0 && this.#buckets.every((bucket) => this.#options.circuits.stopsBucket(bucket));
  }

  /** What may be received now; `null`: the poller stands in the line for permits. */
  #reach(): Reach | null {
    const { window } = this.#options;
    // While nothing comes, a poll that holds permits for 20 s would keep them from the queues that have mail.
    if (this.#isQuiet && this.#ticket === null && window.isWide && window.free > 0)
      return { limit: Math.max(1, Math.min(batchSize, this.#room, Math.floor(window.free / window.queues))), permits: 0, wait: "long" };
    this.#ticket ??= window.ask(this.#wanted(), () => this.#wake?.());
    const { granted } = this.#ticket;
    if (granted === 0) return null;
    this.#ticket = null;
    return { limit: granted, permits: granted, wait: window.queues > 1 ? "none" : "long" };
  }

  /** One mail tries whether a bucket answers again. */
  #wanted(): number {
    const { circuits } = this.#options;
    return this.#buckets.some((bucket) => circuits.triesBucket(bucket)) ? 1 : Math.min(batchSize, this.#room);
  }

  #leaveLine(): null {
    if (this.#ticket !== null) this.#options.window.cancel(this.#ticket);
    this.#ticket = null;
    return null;
  }

  /** Waits until a mail ends or a permit comes, at most 250 ms: circuits and the memory budget send no signal when they change. */
  #waitForRoom(): Promise<void> {
    const { timers } = this.#options;
    // A queue that was never asked because others stand before it has not answered.
    if (this.#answeredAt !== null || this.#ticket === null) this.#answeredAt = timers.now();
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
  async #receive(reach: Reach, failures: number): Promise<number> {
    const { domain, queue, metrics, journal, timers, ports, window } = this.#options;
    const askedAt = timers.now();
    const wasQuiet = this.#isQuiet;
    this.#unused = reach.permits;
    try {
      const entries = await queue.receive(reach.limit, this.#stop, reach.wait);
      this.#answeredAt = timers.now();
      this.#aliveAt = this.#answeredAt; // returning the entries may take as long as the poll
      metrics.lastPoll.set({ domain }, ports.clock.now() / 1000);
      this.#isQuiet = window.queues > 1 && entries.length < reach.limit;
      await this.#begin(entries);
      this.#giveUnused();
      if (entries.length === 0 && (wasQuiet || !this.#isQuiet)) await this.#wait(askedAt + emptyPollMs - timers.now());
      return 0;
    } catch (error) {
      this.#giveUnused();
      metrics.pollErrors.inc({ domain });
      journal.note(thrownEvent(error, null));
      // Random jitter: workers that failed at the same time must not poll again at the same time.
      await this.#wait(Math.min(500 * 2 ** failures, longestRetryDelayMs) * (0.75 + Math.random() / 4));
      return failures + 1;
    }
  }

  /** Starts the entries, or returns them if they came after a stop or while a circuit is open. */
  async #begin(entries: readonly QueueEntry[]): Promise<void> {
    if (this.#ended || this.#options.circuits.stopsAll) {
      await Promise.all(entries.map((entry) => this.#settleEntry(this.#handBack(entry), entry)));
      return;
    }
    for (const entry of entries) {
      const hasPermit = this.#unused > 0;
      if (hasPermit) this.#unused--;
      this.#start(entry, hasPermit);
    }
  }

  #giveUnused(): void {
    const unused = this.#unused;
    this.#unused = 0;
    this.#options.window.give(unused);
  }

  /** At a stop other workers may have the entry at once. */
  #handBack({ id }: QueueEntry): EntryOutcome {
    return this.#retryUnread(this.#ended ? 0 : handBackDelay(id));
  }

  #start(entry: QueueEntry, hasPermit: boolean): void {
    const { domain, metrics } = this.#options;
    const work = this.#workOn(entry, hasPermit).finally(() => {
      this.#inWork.delete(work);
      this.#wake?.();
      metrics.inFlight.dec({ domain });
    });
    this.#inWork.add(work);
    metrics.inFlight.inc({ domain }); // inc, not set: a superseded poller may still have mails in work
  }

  async #workOn(entry: QueueEntry, hasPermit: boolean): Promise<void> {
    const { window, circuits } = this.#options;
    const inWork = this.#heartbeat.start(entry, this.#stop);
    const isPermitted = hasPermit || (await this.#permit());
    let permits = isPermitted ? 1 : 0;
    const giveBack = () => {
      window.give(permits);
      permits = 0;
    };
    const outcome = isPermitted ? await this.#workWithPermit(entry, inWork, giveBack) : this.#outcomeWithoutPermit(entry);
    await inWork.end();
    await this.#settleEntry(outcome, entry);
    // A mail that ends while a dependency is away does not show how much load it can take.
    if (isPermitted && circuits.allAnswer) window.widen();
    giveBack();
  }

  /** Waits in the line for one permit. False: there was none in time, or no mail may begin any more. */
  async #permit(): Promise<boolean> {
    const { window, timers, circuits } = this.#options;
    const until = timers.now() + placeWaitMs;
    let wake = () => {};
    const ticket = window.ask(1, () => wake());
    while (ticket.granted === 0 && !this.#ended && !circuits.stopsAll && timers.now() < until) {
      await new Promise<void>((resolve) => {
        const cancel = timers.after(stopCheckMs, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
    if (ticket.granted > 0 && !this.#ended && !circuits.stopsAll) return true;
    window.cancel(ticket);
    return false;
  }

  #outcomeWithoutPermit(entry: QueueEntry): EntryOutcome {
    const { circuits, metrics, domain } = this.#options;
    if (this.#ended || circuits.stopsAll) return this.#handBack(entry);
    metrics.retries.inc({ domain, reason: "no-room" });
    return this.#retryUnread(noRoomDelay(entry.id, entry.receiveCount));
  }

  /** For an entry that may be unknown to the ledger. It may name others of a blocked mail. */
  #retryUnread(afterSeconds: number): EntryOutcome {
    this.#options.ports.resting.hides(Math.min(afterSeconds, longestUnreadSeconds));
    return { kind: "retry", afterSeconds };
  }

  /** `giveBack` returns the permit early: the mail only waits for SES. */
  async #workWithPermit(entry: QueueEntry, inWork: EntryInWork, giveBack: () => void): Promise<EntryOutcome> {
    const { ports, places, budget } = this.#options;
    const scope = budget.scope();
    const courier = budgetedCourier(ports.courier, scope, places, giveBack);
    const outcome = await this.#runJourney(entry, async () => {
      if (!(await scope.take(entry.body.length))) throw new NoRoom("entry", entry.body.length);
      return handleEntry(entry, this.#portsFor(inWork, scope, courier));
    });
    courier.end();
    scope.end();
    return outcome;
  }

  #portsFor(inWork: EntryInWork, scope: BudgetScope, courier: BudgetedCourier): JourneyPorts {
    const { ports, timers, journal, recordMs, givesUp } = this.#options;
    return {
      ...ports,
      ledger: lastingLedger(ports.ledger, { timers, longestMs: recordMs, givesUp: () => inWork.lost || givesUp() }),
      store: budgetedStore(this.#noteBuckets(ports.store), scope),
      courier,
      journal,
      stop: inWork,
      onLease: inWork.onLease,
      budget: scope,
    };
  }

  #noteBuckets(store: MailStore): MailStore {
    return {
      open: (location) => {
        this.#buckets = [...this.#buckets.slice(1 - bucketsToJudge), location.bucket];
        return store.open(location);
      },
      mark: (mail, record) => store.mark(mail, record),
      erase: (mail) => store.erase(mail),
    };
  }

  async #runJourney(entry: QueueEntry, run: () => Promise<EntryOutcome>): Promise<EntryOutcome> {
    try {
      return await run();
    } catch (error) {
      const { journal, metrics, domain } = this.#options;
      journal.note(thrownEvent(error, null));
      metrics.retries.inc({ domain, reason: error instanceof NoRoom ? "no-room" : "port-error" });
      return this.#retryUnread(delayAfter(error, entry));
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

function delayAfter(error: unknown, { id, receiveCount }: QueueEntry): number {
  if (error instanceof NoRoom) return noRoomDelay(id, receiveCount);
  return error instanceof CircuitOpen ? awayDelay(id, receiveCount) : backOff(id, receiveCount);
}
