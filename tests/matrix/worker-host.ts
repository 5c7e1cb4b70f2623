// Worker host: one worker as a process would be, a fleet under timers of its own, on queue, store, ledger and mail server
// that it shares with others. It can die: then its timers stand still, and nobody closes anything.

import type { Courier, Domain, Ledger, MailQueue } from "@sesame/core";
import pino from "pino";
import { Fleet, type FleetOptions } from "../../apps/worker/fleet.ts";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { usualChoices } from "../fakes/choices.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryDirectory } from "../fakes/memory-directory.ts";
import { MemoryLedger, memoryLedgerTables } from "../fakes/memory-ledger.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../fakes/memory-outbound.ts";

const domain = "example.com" as Domain;
const bucket = "example-com-emails";

type Line = Readonly<Record<string, unknown>>;

/** What all workers share. */
export class Site {
  readonly clock: FakeClock = new FakeClock("2026-01-05T12:00:00Z");
  readonly store: MemoryMailStore = new MemoryMailStore();
  readonly directory: MemoryDirectory = new MemoryDirectory();
  readonly outbound: MemoryOutbound = new MemoryOutbound();
  readonly courier: MemoryCourier = new MemoryCourier();
  readonly queue: MemoryMailQueue;
  readonly #tables = memoryLedgerTables();
  readonly #hosts = new Set<WorkerHost>();

  constructor(options: Readonly<{ maxReceiveCount?: number }> = {}) {
    this.queue = new MemoryMailQueue({ clock: this.clock, ...options });
  }

  /** Stores a mail for `key@example.com`; gives the entry's body. */
  notice(key: string, source = "bob@remote.test"): string {
    const octets = new TextEncoder().encode(`From: ${source}\r\nTo: ${key}@${domain}\r\nSubject: ${key}\r\n\r\nHello\r\n`);
    const location = { kind: "object", bucket, key } as const;
    this.store.put(location, octets);
    return writeNotice({ sesId: key, location, source, recipients: [`${key}@${domain}`], head: octets, receivedAt: this.clock.now() });
  }

  /** Copies of a mail in its mailbox. */
  copies(key: string): number {
    return this.courier.mailsFor(`${key}@${domain}` as never).length;
  }

  closed(key: string): boolean {
    return this.#tables.mails.get(`${bucket}/${key}` as never)?.closed === true;
  }

  ledger(owner: string): Ledger {
    return new MemoryLedger({ clock: this.clock, owner, tables: this.#tables });
  }

  /** Starts a worker on this site. */
  start(owner: string, more: Partial<FleetOptions> = {}): WorkerHost {
    return this.startOn(this.ledger(owner), more);
  }

  /** Starts a worker with a ledger of its own making. */
  startOn(ledger: Ledger, more: Partial<FleetOptions> = {}): WorkerHost {
    const host = new WorkerHost(this, ledger, more);
    this.#hosts.add(host);
    return host;
  }

  /** A worker is gone from one moment to the next. */
  kill(host: WorkerHost): void {
    this.#hosts.delete(host);
  }

  /** Time passes for everybody who lives. */
  async pass(seconds: number, stepMs: number = 250): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= stepMs) {
      this.clock.advance(stepMs / 1000);
      for (const { timers } of this.#hosts) timers.advance(stepMs);
      await turn();
    }
    for (let i = 0; i < 60; i++) await turn();
  }

  async end(): Promise<void> {
    const ending = Promise.all([...this.#hosts].map(({ fleet }) => fleet.end()));
    await this.pass(2);
    await ending;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

export class WorkerHost {
  readonly timers: FakeTimers = new FakeTimers();
  readonly fleet: Fleet;
  readonly lines: Line[] = [];

  constructor(site: Site, ledger: Ledger, more: Partial<FleetOptions>) {
    const { clock, store, directory, outbound, queue } = site;
    const [domains, mayOpen] = [[domain], (name: string) => name === bucket];
    const ports = { store, ledger, clock, directory, outbound };
    this.fleet = new Fleet({
      queues: new Map<Domain, MailQueue>([[domain, queue]]),
      courier: site.courier as Courier,
      probe: async () => null,
      journeyPorts: {
        ...ports,
        domains,
        ...usualChoices(),
        mayOpen,
      },
      logger: pino({ level: "debug" }, { write: (line: string) => void this.lines.push(JSON.parse(line) as Line) }),
      logAddresses: "plain",
      metrics: makeMetrics("0.0.0"),
      concurrency: 8,
      visibilitySeconds: 120,
      waitSeconds: 20,
      bytesInFlight: 64 * 1024 * 1024,
      timers: this.timers,
      ...more,
    });
    this.fleet.start();
  }

  said(event: string): number {
    return this.lines.filter((line) => line["event"] === event).length;
  }
}
