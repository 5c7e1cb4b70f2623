// Fleet: one poller for each domain, the circuit and the byte budget that they share, and a watchdog that replaces a loop
// that died or hangs. A domain whose queue is missing degrades alone.

import type { Courier, Domain, Journal, Ledger, MailQueue, Stop } from "@sesame/core";
import type { Timers } from "@sesame/smtp";
import type { Logger } from "pino";
import { ByteBudget } from "./budget.ts";
import { Circuit } from "./circuit.ts";
import { type LogAddresses, logJournal, maskAddresses } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { StatusCount } from "./status.ts";

export type FleetOptions = Readonly<{
  queues: ReadonlyMap<Domain, MailQueue>;
  ledger: Ledger;
  courier: Courier;
  /** Whether the mail server takes mail now; the text says why not. */
  probe(): Promise<string | null>;
  way: Omit<PollerOptions["way"], "worker" | "courier">;
  logger: Logger;
  logAddresses: LogAddresses;
  metrics: Metrics;
  concurrency: number;
  visibilitySeconds: number;
  waitSeconds: number;
  bytesInFlight: number;
  timers: Timers;
  /** Raised when the fleet shall end; the ports may look at it too. */
  stop?: { stopped: boolean };
  /** Hears every event beside the log and the metrics. */
  witness?: Journal;
}>;

/** What a watcher sees of one domain. */
export type DomainView = Readonly<{
  domain: Domain;
  /** Seconds since the loop last came round. */
  loopAgeSeconds: number;
  /** Seconds since the queue last answered; `null` before the first answer. */
  pollAgeSeconds: number | null;
  inFlight: number;
  /** As last asked; `null` before that, or where the queue does not answer. */
  queue: Readonly<{ visible: number; inFlight: number; delayed: number }> | null;
}>;

const patienceMs = 5_000;
const sendPatienceMs = 60_000; // of a large send, which holds up nobody but its own domain
const sizeEveryMs = 30_000;
const statusEveryMs = 60_000;
const longestRestartMs = 60_000;

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
    this.#budget = new ByteBudget({ most: options.bytesInFlight, patienceMs, timers });
    this.#sends = new ByteBudget({ most: options.bytesInFlight / 2, patienceMs: sendPatienceMs, timers });
    this.#circuit = new Circuit({
      probe: options.probe,
      timers,
      // The detail is the mail server's answer, which may repeat an address.
      changed: (state, answer) => {
        const detail = options.logAddresses === "masked" ? maskAddresses(answer) : answer;
        logger[state === "open" ? "error" : "info"]({ event: "circuit", state, detail }, `circuit ${state}`);
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

  /** How old a poll may be before its loop counts as dead: twice the long poll with its deadline. */
  get maxAgeSeconds(): number {
    return 2 * (this.#options.waitSeconds + 10);
  }

  /** Begins to poll. */
  start(): void {
    for (const member of this.#members) this.#keep(member);
    this.#every(sizeEveryMs, () => this.#askSizes());
    this.#every(statusEveryMs, () => this.#sayStatus());
    this.#every((this.maxAgeSeconds * 1000) / 4, () => this.#watch());
    void this.#askSizes();
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

  /** Receives no more, and waits for the polls under way and the mails in work. */
  async end(): Promise<void> {
    this.#stop.stopped = true;
    this.#circuit.end();
    this.#budget.end();
    this.#sends.end();
    for (const cancel of this.#cancels) cancel();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #poller(domain: Domain, queue: MailQueue): Poller {
    const { ledger, metrics, way, courier, concurrency, visibilitySeconds, timers } = this.#options;
    return new Poller(
      {
        domain,
        queue,
        ledger,
        journal: this.#journal(domain),
        metrics,
        way: { ...way, courier: this.#circuit.watch(courier), worker: `worker-${domain}` },
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
    const { logger, logAddresses, metrics, witness } = this.#options;
    const journals = [logJournal(logger, domain, logAddresses), metrics.journal(domain), ...(witness ? [witness] : [])];
    return {
      note: (event) => {
        this.#counts.get(domain)?.note(event);
        for (const each of journals) each.note(event);
      },
    };
  }

  /** Runs a loop and, should a bug end it, the next one after a while. */
  #keep(member: Member): void {
    const { poller } = member;
    const run = poller.run().catch((error: unknown) => {
      this.#options.logger.fatal({ event: "poller-died", domain: member.domain, text: String(error) }, "poller died");
      if (member.poller === poller) this.#replaceLater(member);
    });
    const kept = run.finally(() => this.#running.delete(kept));
    this.#running.add(kept);
  }

  /** A loop that has not come round for too long hangs in a call that has no deadline. */
  #watch(): void {
    const now = this.#options.timers.now();
    for (const member of this.#members) {
      if ((now - member.poller.aliveAt) / 1000 <= this.maxAgeSeconds) continue;
      this.#options.logger.fatal({ event: "poller-hangs", domain: member.domain }, "poller hangs");
      member.poller.supersede();
      this.#replace(member);
    }
  }

  #replaceLater(member: Member): void {
    const pauseMs = Math.min(1000 * 2 ** member.restarts, longestRestartMs);
    const cancel = this.#options.timers.after(pauseMs, () => {
      this.#cancels.delete(cancel);
      this.#replace(member);
    });
    this.#cancels.add(cancel);
  }

  #replace(member: Member): void {
    if (this.#stop.stopped) return;
    member.restarts++;
    member.poller = this.#poller(member.domain, member.queue);
    this.#keep(member);
  }

  async #askSizes(): Promise<void> {
    const { metrics } = this.#options;
    await Promise.all(
      this.#members.map(async (member) => {
        const { domain } = member;
        member.size = await member.queue.size().catch(() => null);
        for (const [state, value] of Object.entries(member.size ?? {})) metrics.queueSize.set({ domain, state: stateLabel(state) }, value);
      }),
    );
  }

  #sayStatus(): void {
    for (const { domain, inFlight, queue } of this.views()) {
      const count = this.#counts.get(domain)?.take();
      this.#options.logger.info({ event: "status", domain, ...count, inFlight, queue, bytesInFlight: this.#budget.held }, "status");
    }
  }

  #every(ms: number, act: () => unknown): void {
    let cancel = () => {};
    const again = () => {
      this.#cancels.delete(cancel);
      cancel = this.#options.timers.after(ms, () => {
        act();
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
