// Fleet: one poller for each queue, with a shared window, circuits and byte budget, and a watchdog that replaces a poller that
// crashed or hangs. Domains may share a queue. A missing queue affects its own domains only.

import { type Courier, type Domain, headLimit, type Journal, type JournalEvent, type MailQueue, type Stop } from "@sesame/core";
import type { Logger } from "pino";
import { ByteBudget } from "./byte-budget.ts";
import type { CircuitState } from "./circuit.ts";
import { kindOf, logCircuit } from "./circuit-log.ts";
import { Circuits, type Dependency } from "./circuits.ts";
import { DeadLetters } from "./dead-letters.ts";
import { type LogAddresses, logJournal } from "./log.ts";
import type { MayOpen } from "./mail-objects.ts";
import type { Metrics } from "./metrics.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { membersOf, type QueueMember } from "./queue-members.ts";
import { QueueSizes } from "./queue-sizes.ts";
import { RestingQueues } from "./resting.ts";
import { SendPlaces } from "./send-places.ts";
import { StatusCount } from "./status-count.ts";
import { TimerGroup } from "./timer-group.ts";
import type { Timers } from "./timers.ts";
import { Window } from "./window.ts";

export type FleetOptions = Readonly<{
  /** The queue of each domain. Domains with the same object share one poller. */
  queues: ReadonlyMap<Domain, MailQueue>;
  courier: Courier;
  /** `null` if the mail server accepts mail now; else the reason why not. */
  probe(): Promise<string | null>;
  journeyPorts: Omit<PollerOptions["ports"], "worker" | "courier" | "mayOpen" | "resting"> & Readonly<{ mayOpen: MayOpen }>;
  logger: Logger;
  logAddresses: LogAddresses;
  metrics: Metrics;
  /** The most mails in work at once, over all queues. */
  concurrency: number;
  visibilitySeconds: number;
  waitSeconds: number;
  bytesInFlight: number;
  /** How long the records of one mail are tried. Default 30 min. */
  recordMs?: number;
  timers: Timers;
  /** `stopped` becomes true when the fleet stops; ports may read it too. */
  stop?: { stopped: boolean };
  /** Gets every event, like the log and the metrics. */
  observer?: Journal;
  watcher?: FleetWatcher;
}>;

/** Hears what happens, for the page. `label`: the name of the queue in the log. */
export type FleetWatcher = Readonly<{
  note(label: string, event: JournalEvent): void;
  circuit(dependency: Dependency, state: CircuitState, answer: string): void;
  loopReplaced(label: string, how: "died" | "hung"): void;
}>;

/** The state of one domain, for health pages and the status line. */
export type DomainView = Readonly<{
  domain: Domain;
  /** Seconds since the loop of the poller last ran. */
  loopAgeSeconds: number;
  /** Seconds since the queue last answered; `null` before the first answer. */
  pollAgeSeconds: number | null;
  inFlight: number;
  /** The sizes at the last request; `null` before it, or if the queue does not answer. */
  queue: Readonly<{ visible: number; inFlight: number; delayed: number }> | null;
}>;

const maxWaitMs = 5_000;
const headsForWaiting = 16; // mails that wait for SES hold a sixteenth of the memory at most
const quietServerCheckMs = 5_000;
const statusEveryMs = 60_000;
const firstDeadLettersMs = 20_000;
const halfHourMs = 1_800_000;
const longestRestartDelayMs = 60_000;
type Member = QueueMember & { poller: Poller; restarts: number };

export class Fleet {
  readonly #options: FleetOptions;
  readonly #stop: { stopped: boolean };
  readonly #budget: ByteBudget;
  readonly #window: Window;
  readonly #places: SendPlaces;
  readonly #circuits: Circuits;
  readonly #resting: RestingQueues;
  readonly #members: readonly Member[];
  readonly #running = new Set<Promise<void>>();
  readonly #timers: TimerGroup;
  readonly #sizes: QueueSizes;
  readonly #deadLetters: DeadLetters;
  readonly #counts = new Map<string, StatusCount>();
  readonly #openedAt = new Map<Dependency, number>();
  #givesUp = false;

  constructor(options: FleetOptions) {
    const { timers, metrics } = options;
    this.#options = options;
    this.#stop = options.stop ?? { stopped: false };
    this.#timers = new TimerGroup(timers, this.#stop);
    this.#budget = new ByteBudget({ most: options.bytesInFlight, maxWaitMs, timers });
    this.#window = new Window({ most: options.concurrency, timers });
    this.#places = new SendPlaces({
      most: Math.max(1, Math.floor(options.concurrency / 4)),
      mostBytes: options.bytesInFlight / 2,
      mostWaiting: Math.floor(options.bytesInFlight / headsForWaiting / headLimit),
      timers,
    });
    this.#circuits = new Circuits({
      probe: options.probe,
      ledger: options.journeyPorts.ledger,
      store: options.journeyPorts.store,
      timers,
      changed: (dependency, state, answer) => this.#circuitChanged(dependency, state, answer),
    });
    metrics.watch({ bytesInFlight: () => this.#budget.held, circuits: () => this.#circuits.states() });
    const members = membersOf(options.queues);
    this.#resting = new RestingQueues({
      queues: members.map(({ label }) => label),
      clock: options.journeyPorts.clock,
      circuitOpen: () => [...this.#circuits.states().values()].includes(true),
    });
    const watched = members.map((member) => ({ ...member, queue: this.#resting.watch(member.label, member.queue) }));
    this.#deadLetters = new DeadLetters({ members, metrics, now: () => options.journeyPorts.clock.now() });
    this.#sizes = new QueueSizes({ members: watched, metrics, logger: options.logger });
    this.#members = watched.map((member) => {
      this.#counts.set(member.label, new StatusCount());
      metrics.begin(member.label);
      return { ...member, restarts: 0, poller: this.#poller(member) };
    });
  }

  get stop(): Stop {
    return this.#stop;
  }

  get circuits(): Circuits {
    return this.#circuits;
  }

  /** The name of the queue of a domain, in the log and in metrics. */
  labelOf(domain: Domain): string {
    return this.#members.find(({ domains }) => domains.includes(domain))?.label ?? domain;
  }

  /** The dead-letter queues that are not empty. */
  get deadLetters(): DeadLetters["list"] {
    return this.#deadLetters.list;
  }

  /** Octets of mail in memory. */
  get octetsHeld(): number {
    return this.#budget.held;
  }

  /** Permits that are out: mails in work, and entries that a running receive may bring. */
  get permitsOut(): number {
    return this.#window.out;
  }

  /** A poller whose last poll is older counts as hung: twice the long poll with its deadline. */
  get maxAgeSeconds(): number {
    return 2 * (this.#options.waitSeconds + 10);
  }

  /** Starts polling. */
  start(): void {
    for (const member of this.#members) this.#run(member);
    this.#timers.every(this.#sizes.gapMs, () => void this.#sizes.askNext());
    const { gapMs } = this.#deadLetters;
    if (gapMs !== null) {
      this.#timers.after(firstDeadLettersMs, () => void this.#deadLetters.askNext());
      this.#timers.every(gapMs, () => void this.#deadLetters.askNext());
    }
    this.#timers.every(statusEveryMs, () => this.#logStatus());
    this.#timers.every((this.maxAgeSeconds * 1000) / 4, () => this.#watch());
    this.#timers.every(quietServerCheckMs, () => void this.#circuits.mailServer.lookIfQuiet());
    void this.#circuits.mailServer.lookIfQuiet();
    void this.#sizes.askNext();
  }

  views(): readonly DomainView[] {
    const now = this.#options.timers.now();
    return this.#members.flatMap(({ domains, label, poller }) =>
      domains.map((domain) => ({
        domain,
        loopAgeSeconds: (now - poller.aliveAt) / 1000,
        pollAgeSeconds: poller.answeredAt === null ? null : (now - poller.answeredAt) / 1000,
        inFlight: poller.inFlight,
        queue: this.#sizes.of(label),
      })),
    );
  }

  /** Stops receiving, and waits for running polls and for the mails in work. */
  async end(): Promise<void> {
    this.#stop.stopped = true;
    this.#circuits.end();
    this.#budget.end();
    this.#places.end();
    this.#timers.cancel();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#window.end();
  }

  /** The time for a stop is over: what cannot be recorded now is announced as a possible duplicate. */
  giveUp(): void {
    this.#givesUp = true;
  }

  #poller({ label, queue, domains: [domain] }: QueueMember): Poller {
    const { metrics, journeyPorts, courier, visibilitySeconds, timers } = this.#options;
    const store = this.#circuits.watchStore(journeyPorts.store);
    return new Poller(
      {
        domain: label,
        queue,
        journal: this.#journal(label),
        metrics,
        ports: {
          ...journeyPorts,
          ledger: this.#circuits.watchLedger(journeyPorts.ledger),
          store,
          courier: this.#circuits.watchCourier(courier),
          worker: `worker-${domain}`,
          mayOpen: (bucket, key) => journeyPorts.mayOpen(bucket, key, domain),
          resting: this.#resting.of(label),
        },
        window: this.#window,
        visibilitySeconds,
        budget: this.#budget,
        places: this.#places,
        circuits: this.#circuits,
        isFull: () => this.#sizes.isFull(label),
        recordMs: this.#options.recordMs ?? halfHourMs,
        givesUp: () => this.#givesUp,
        timers,
      },
      this.#stop,
    );
  }

  #journal(label: string): Journal {
    const { logger, logAddresses, metrics, observer, watcher } = this.#options;
    const watching: readonly Journal[] = watcher ? [{ note: (event) => watcher.note(label, event) }] : [];
    const journals = [logJournal(logger, label, logAddresses), metrics.journal(label), ...(observer ? [observer] : []), ...watching];
    return {
      note: (event) => {
        this.#counts.get(label)?.note(event);
        for (const each of journals) each.note(event);
      },
    };
  }

  #circuitChanged(dependency: Dependency, state: CircuitState, answer: string): void {
    const { logger, logAddresses, watcher, timers } = this.#options;
    const kind = kindOf(dependency);
    if (state === "open" && (kind === "mail-server" || kind === "ledger")) this.#window.startSlowly();
    const closing = state === "closed" ? { openSeconds: this.#openSeconds(dependency), waiting: this.#sizes.waiting } : null;
    if (state === "open") this.#openedAt.set(dependency, timers.now());
    else this.#openedAt.delete(dependency);
    logCircuit(logger, logAddresses, { dependency, state, answer, ...(closing && { closing }) });
    watcher?.circuit(dependency, state, answer);
  }

  #openSeconds(dependency: Dependency): number {
    const now = this.#options.timers.now();
    return (now - (this.#openedAt.get(dependency) ?? now)) / 1000;
  }

  /** Runs a poller. If a bug ends it, another one replaces it after a delay. */
  #run(member: Member): void {
    const { poller } = member;
    const run = poller.run().catch((error: unknown) => {
      this.#options.logger.fatal(
        { event: "poller-died", domain: member.label, text: String(error) },
        "the poller crashed because of a bug, and is restarted",
      );
      this.#options.watcher?.loopReplaced(member.label, "died");
      if (member.poller === poller) this.#replaceLater(member);
    });
    const running = run.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Replaces pollers whose loop has not run for too long: they hang in a call without a deadline. */
  #watch(): void {
    const now = this.#options.timers.now();
    for (const member of this.#members) {
      if ((now - member.poller.aliveAt) / 1000 <= this.maxAgeSeconds) continue;
      this.#options.logger.fatal({ event: "poller-hangs", domain: member.label }, "the poller hangs, and is replaced");
      this.#options.watcher?.loopReplaced(member.label, "hung");
      member.poller.supersede();
      this.#replace(member);
    }
  }

  #replaceLater(member: Member): void {
    const restartDelayMs = Math.min(1000 * 2 ** member.restarts, longestRestartDelayMs);
    this.#timers.after(restartDelayMs, () => this.#replace(member));
  }

  #replace(member: Member): void {
    if (this.#stop.stopped) return;
    member.restarts++;
    member.poller = this.#poller(member);
    this.#run(member);
  }

  #logStatus(): void {
    for (const { label, poller } of this.#members) {
      const count = this.#counts.get(label)?.take();
      const [inFlight, bytesInFlight] = [poller.inFlight, this.#budget.held];
      this.#options.logger.info(
        { event: "status", domain: label, ...count, inFlight, queue: this.#sizes.of(label), bytesInFlight },
        "status",
      );
    }
  }
}
