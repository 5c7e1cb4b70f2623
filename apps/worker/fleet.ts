// Fleet: one poller for each queue, with a shared window, circuits and byte budget, and a watchdog that replaces a poller that
// crashed or hangs. Domains may share a queue. A missing queue affects its own domains only.

import { type Courier, type Domain, headLimit, type Journal, type Ledger, type MailQueue, type Stop } from "@sesame/core";
import type { Logger } from "pino";
import { ByteBudget } from "./byte-budget.ts";
import type { CircuitState } from "./circuit.ts";
import { Circuits, type Dependency } from "./circuits.ts";
import { type LogAddresses, logJournal, maskAddresses } from "./log.ts";
import type { MayOpen } from "./mail-objects.ts";
import type { Metrics } from "./metrics.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { RestingQueues } from "./resting.ts";
import { SendPlaces } from "./send-places.ts";
import { StatusCount } from "./status-count.ts";
import type { Timers } from "./timers.ts";
import { Window } from "./window.ts";

export type FleetOptions = Readonly<{
  /** The queue of each domain. Domains with the same object share one poller. */
  queues: ReadonlyMap<Domain, MailQueue>;
  ledger: Ledger;
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
const queueSizeEveryMs = 30_000;
const headsForWaiting = 16; // mails that wait for SES hold a sixteenth of the memory at most
const leastSizeGapMs = 100; // between the sizes of two queues: with many queues each is asked more rarely
const quietServerCheckMs = 5_000;
const statusEveryMs = 60_000;
const halfHourMs = 1_800_000;
const longestRestartDelayMs = 60_000;
/** Three quarters of the 120,000 entries that SQS lets be in flight (SQS Developer Guide, "Amazon SQS message quotas"). */
const mostInFlight = 90_000;

const circuitTexts: Readonly<Record<"mail-server" | "ledger" | "ses" | "s3", Readonly<Record<CircuitState, string>>>> = {
  "mail-server": {
    open: "the mail server is unreachable or refuses us: receiving stops until it answers",
    closed: "the mail server answers again: receiving continues",
  },
  ledger: {
    open: "the ledger does not answer: receiving stops until it answers",
    closed: "the ledger answers again: receiving continues",
  },
  ses: {
    open: "SES does not answer: mail is delivered, and forwards and replies through SES wait",
    closed: "SES answers again: forwards and replies continue",
  },
  s3: { open: "the bucket does not answer: its mail waits", closed: "the bucket answers again: its mail continues" },
};

type Member = {
  /** The domains of the queue; the first is its name in the audit mark. */
  readonly domains: readonly [Domain, ...Domain[]];
  /** Its name in the log and in metrics. */
  readonly label: string;
  readonly queue: MailQueue;
  poller: Poller;
  restarts: number;
  size: DomainView["queue"];
  isFull: boolean;
};

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
  readonly #cancels = new Set<() => void>();
  readonly #counts = new Map<string, StatusCount>();
  #givesUp = false;
  #nextSize = 0;

  constructor(options: FleetOptions) {
    const { timers, metrics } = options;
    this.#options = options;
    this.#stop = options.stop ?? { stopped: false };
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
      ledger: options.ledger,
      store: options.journeyPorts.store,
      timers,
      changed: (dependency, state, answer) => this.#circuitChanged(dependency, state, answer),
    });
    metrics.watch({ bytesInFlight: () => this.#budget.held, circuits: () => this.#circuits.states() });
    const members = membersOf(options.queues);
    this.#resting = new RestingQueues({
      queues: members.map(({ domains }) => labelOf(domains)),
      clock: options.journeyPorts.clock,
      circuitOpen: () => [...this.#circuits.states().values()].includes(true),
    });
    this.#members = members.map(({ domains, queue: unwatched }) => {
      const label = labelOf(domains);
      const queue = this.#resting.watch(label, unwatched);
      this.#counts.set(label, new StatusCount());
      metrics.begin(label);
      const member = { domains, label, queue, restarts: 0, size: null, isFull: false };
      return Object.assign(member, { poller: this.#poller(member) });
    });
  }

  get stop(): Stop {
    return this.#stop;
  }

  get circuits(): Circuits {
    return this.#circuits;
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
    this.#every(Math.max(queueSizeEveryMs / this.#members.length, leastSizeGapMs), () => this.#updateNextSize());
    this.#every(statusEveryMs, () => this.#logStatus());
    this.#every((this.maxAgeSeconds * 1000) / 4, () => this.#watch());
    this.#every(quietServerCheckMs, () => this.#circuits.mailServer.lookIfQuiet());
    void this.#circuits.mailServer.lookIfQuiet();
    this.#updateNextSize();
  }

  views(): readonly DomainView[] {
    const now = this.#options.timers.now();
    return this.#members.flatMap(({ domains, poller, size }) =>
      domains.map((domain) => ({
        domain,
        loopAgeSeconds: (now - poller.aliveAt) / 1000,
        pollAgeSeconds: poller.answeredAt === null ? null : (now - poller.answeredAt) / 1000,
        inFlight: poller.inFlight,
        queue: size,
      })),
    );
  }

  /** Stops receiving, and waits for running polls and for the mails in work. */
  async end(): Promise<void> {
    this.#stop.stopped = true;
    this.#circuits.end();
    this.#budget.end();
    this.#places.end();
    for (const cancel of this.#cancels) cancel();
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#window.end();
  }

  /** The time for a stop is over: what cannot be recorded now is announced as a possible duplicate. */
  giveUp(): void {
    this.#givesUp = true;
  }

  #poller(member: Pick<Member, "domains" | "label" | "queue" | "isFull">): Poller {
    const { metrics, journeyPorts, courier, visibilitySeconds, timers } = this.#options;
    const { label, queue } = member;
    const ledger = this.#circuits.watchLedger(this.#options.ledger);
    const store = this.#circuits.watchStore(journeyPorts.store);
    const domain = member.domains[0];
    return new Poller(
      {
        domain: label,
        queue,
        ledger,
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
        isFull: () => member.isFull,
        recordMs: this.#options.recordMs ?? halfHourMs,
        givesUp: () => this.#givesUp,
        timers,
      },
      this.#stop,
    );
  }

  #journal(label: string): Journal {
    const { logger, logAddresses, metrics, observer } = this.#options;
    const journals = [logJournal(logger, label, logAddresses), metrics.journal(label), ...(observer ? [observer] : [])];
    return {
      note: (event) => {
        this.#counts.get(label)?.note(event);
        for (const each of journals) each.note(event);
      },
    };
  }

  /** The detail is the answer of the mail server or of AWS, which may contain an address. */
  #circuitChanged(dependency: Dependency, state: CircuitState, answer: string): void {
    const { logger, logAddresses } = this.#options;
    const detail = logAddresses === "masked" ? maskAddresses(answer) : answer;
    const [kind = "s3"] = dependency.split(":") as ["mail-server" | "ledger" | "ses" | "s3"];
    if (state === "open" && (kind === "mail-server" || kind === "ledger")) this.#window.startSlowly();
    logger[state === "open" ? "error" : "info"]({ event: "circuit", dependency, state, detail }, circuitTexts[kind][state]);
  }

  /** Runs a poller. If a bug ends it, another one replaces it after a delay. */
  #run(member: Member): void {
    const { poller } = member;
    const run = poller.run().catch((error: unknown) => {
      this.#options.logger.fatal(
        { event: "poller-died", domain: member.label, text: String(error) },
        "the poller crashed because of a bug, and is restarted",
      );
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
      member.poller.supersede();
      this.#replace(member);
    }
  }

  #replaceLater(member: Member): void {
    const restartDelayMs = Math.min(1000 * 2 ** member.restarts, longestRestartDelayMs);
    const cancel = this.#options.timers.after(restartDelayMs, () => {
      this.#cancels.delete(cancel);
      this.#replace(member);
    });
    this.#cancels.add(cancel);
  }

  #replace(member: Member): void {
    if (this.#stop.stopped) return;
    member.restarts++;
    member.poller = this.#poller(member);
    this.#run(member);
  }

  /** Asks one queue after another for its size: all at once would keep the event loop busy for seconds. */
  #updateNextSize(): void {
    const member = this.#members[this.#nextSize % this.#members.length];
    this.#nextSize++;
    if (member !== undefined) void this.#updateSize(member);
  }

  async #updateSize(member: Member): Promise<void> {
    const { metrics, logger } = this.#options;
    const { label, queue } = member;
    member.size = await queue.size().catch(() => null);
    if (member.size === null) return;
    for (const [state, value] of Object.entries(member.size)) metrics.queueSize.set({ domain: label, state: stateLabel(state) }, value);
    const isFull = member.size.inFlight >= mostInFlight;
    if (isFull && !member.isFull)
      logger.error(
        { event: "queue-full", domain: label, inFlight: member.size.inFlight },
        "too many entries of this queue are in flight, which includes entries that wait: receiving stops until there are fewer",
      );
    member.isFull = isFull;
  }

  #logStatus(): void {
    for (const { label, poller, size } of this.#members) {
      const count = this.#counts.get(label)?.take();
      const [inFlight, bytesInFlight] = [poller.inFlight, this.#budget.held];
      this.#options.logger.info({ event: "status", domain: label, ...count, inFlight, queue: size, bytesInFlight }, "status");
    }
  }

  #every(ms: number, run: () => unknown): void {
    let cancel = () => {};
    const again = () => {
      this.#cancels.delete(cancel);
      cancel = this.#options.timers.after(ms, () => {
        run();
        if (!this.#stop.stopped) again();
      });
      this.#cancels.add(cancel);
    };
    again();
  }
}

function stateLabel(state: string): string {
  return state === "inFlight" ? "in_flight" : state;
}

/** The distinct queues, each with its domains. */
function membersOf(queues: ReadonlyMap<Domain, MailQueue>): readonly Pick<Member, "domains" | "queue">[] {
  const byQueue = new Map<MailQueue, [Domain, ...Domain[]]>();
  for (const [domain, queue] of queues) {
    const known = byQueue.get(queue);
    if (known) known.push(domain);
    else byQueue.set(queue, [domain]);
  }
  return [...byQueue].map(([queue, domains]) => ({ queue, domains }));
}

/** The domain of a queue; of a shared one the first domain and how many others there are: `example.com+2`. */
function labelOf([first, ...others]: Member["domains"]): string {
  return others.length === 0 ? first : `${first}+${others.length}`;
}
