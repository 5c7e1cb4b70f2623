// Fleet: one poller for each domain, with a shared circuit breaker and byte budget, and a watchdog that replaces a poller that
// crashed or hangs. A missing queue affects its own domain only.

import type { Courier, Domain, Journal, Ledger, MailQueue, Stop } from "@sesame/core";
import type { Logger } from "pino";
import { ByteBudget } from "./byte-budget.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { type LogAddresses, logJournal, maskAddresses } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { StatusCount } from "./status-count.ts";
import type { Timers } from "./timers.ts";

export type FleetOptions = Readonly<{
  queues: ReadonlyMap<Domain, MailQueue>;
  ledger: Ledger;
  courier: Courier;
  /** `null` if the mail server accepts mail now; else the reason why not. */
  probe(): Promise<string | null>;
  journeyPorts: Omit<PollerOptions["ports"], "worker" | "courier">;
  logger: Logger;
  logAddresses: LogAddresses;
  metrics: Metrics;
  concurrency: number;
  visibilitySeconds: number;
  waitSeconds: number;
  bytesInFlight: number;
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
const maxSendWaitMs = 60_000; // large sends wait longer: they delay their own domain only
const queueSizeEveryMs = 30_000;
const statusEveryMs = 60_000;
const longestRestartDelayMs = 60_000;

const circuitText: Readonly<Record<CircuitState, string>> = {
  open: "the mail server is unreachable or refuses us: receiving stops until it answers",
  closed: "the mail server answers again: receiving continues",
};

type Member = { readonly domain: Domain; readonly queue: MailQueue; poller: Poller; restarts: number; size: DomainView["queue"] };

export class Fleet {
  readonly #options: FleetOptions;
  readonly #stop: { stopped: boolean };
  readonly #budget: ByteBudget;
  readonly #sends: ByteBudget;
  readonly #circuit: Circuit;
  readonly #members: readonly Member[];
  readonly #running = new Set<Promise<void>>();
  readonly #cancels = new Set<() => void>();
  readonly #counts = new Map<Domain, StatusCount>();

  constructor(options: FleetOptions) {
    const { logger, timers, metrics } = options;
    this.#options = options;
    this.#stop = options.stop ?? { stopped: false };
    this.#budget = new ByteBudget({ most: options.bytesInFlight, maxWaitMs, timers });
    this.#sends = new ByteBudget({ most: options.bytesInFlight / 2, maxWaitMs: maxSendWaitMs, timers });
    this.#circuit = new Circuit({
      probe: options.probe,
      timers,
      // The detail is the answer of the mail server, which may contain an address.
      changed: (state, answer) => {
        const detail = options.logAddresses === "masked" ? maskAddresses(answer) : answer;
        logger[state === "open" ? "error" : "info"]({ event: "circuit", state, detail }, circuitText[state]);
      },
    });
    metrics.watch({ bytesInFlight: () => this.#budget.held, circuitOpen: () => this.#circuit.state === "open" });
    this.#members = [...options.queues].map(([domain, queue]) => {
      this.#counts.set(domain, new StatusCount());
      metrics.begin(domain);
      return { domain, queue, poller: this.#poller(domain, queue), restarts: 0, size: null };
    });
  }

  get stop(): Stop {
    return this.#stop;
  }

  get circuit(): Circuit {
    return this.#circuit;
  }

  /** A poller whose last poll is older counts as hung: twice the long poll with its deadline. */
  get maxAgeSeconds(): number {
    return 2 * (this.#options.waitSeconds + 10);
  }

  /** Starts polling. */
  start(): void {
    for (const member of this.#members) this.#run(member);
    this.#every(queueSizeEveryMs, () => this.#updateSizes());
    this.#every(statusEveryMs, () => this.#logStatus());
    this.#every((this.maxAgeSeconds * 1000) / 4, () => this.#watch());
    void this.#updateSizes();
  }

  views(): readonly DomainView[] {
    const now = this.#options.timers.now();
    return this.#members.map(({ domain, poller, size }) => ({
      domain,
      loopAgeSeconds: (now - poller.aliveAt) / 1000,
      pollAgeSeconds: poller.answeredAt === null ? null : (now - poller.answeredAt) / 1000,
      inFlight: poller.inFlight,
      queue: size,
    }));
  }

  /** Stops receiving, and waits for running polls and for the mails in work. */
  async end(): Promise<void> {
    this.#stop.stopped = true;
    this.#circuit.end();
    this.#budget.end();
    this.#sends.end();
    for (const cancel of this.#cancels) cancel();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #poller(domain: Domain, queue: MailQueue): Poller {
    const { ledger, metrics, journeyPorts, courier, concurrency, visibilitySeconds, timers } = this.#options;
    return new Poller(
      {
        domain,
        queue,
        ledger,
        journal: this.#journal(domain),
        metrics,
        ports: { ...journeyPorts, courier: this.#circuit.watch(courier), worker: `worker-${domain}` },
        concurrency,
        visibilitySeconds,
        budget: this.#budget,
        sends: this.#sends,
        circuit: this.#circuit,
        timers,
      },
      this.#stop,
    );
  }

  #journal(domain: Domain): Journal {
    const { logger, logAddresses, metrics, observer } = this.#options;
    const journals = [logJournal(logger, domain, logAddresses), metrics.journal(domain), ...(observer ? [observer] : [])];
    return {
      note: (event) => {
        this.#counts.get(domain)?.note(event);
        for (const each of journals) each.note(event);
      },
    };
  }

  /** Runs a poller. If a bug ends it, another one replaces it after a delay. */
  #run(member: Member): void {
    const { poller } = member;
    const run = poller.run().catch((error: unknown) => {
      this.#options.logger.fatal(
        { event: "poller-died", domain: member.domain, text: String(error) },
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
      this.#options.logger.fatal({ event: "poller-hangs", domain: member.domain }, "the poller hangs, and is replaced");
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
    member.poller = this.#poller(member.domain, member.queue);
    this.#run(member);
  }

  async #updateSizes(): Promise<void> {
    const { metrics } = this.#options;
    await Promise.all(
      this.#members.map(async (member) => {
        const { domain } = member;
        member.size = await member.queue.size().catch(() => null);
        for (const [state, value] of Object.entries(member.size ?? {})) metrics.queueSize.set({ domain, state: stateLabel(state) }, value);
      }),
    );
  }

  #logStatus(): void {
    for (const { domain, inFlight, queue } of this.views()) {
      const count = this.#counts.get(domain)?.take();
      this.#options.logger.info({ event: "status", domain, ...count, inFlight, queue, bytesInFlight: this.#budget.held }, "status");
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
