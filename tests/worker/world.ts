// World: a fleet with fake ports and a fake clock.

import type { Domain, MailQueue } from "@sesame/core";
import pino from "pino";
import { Fleet, type FleetOptions } from "../../apps/worker/fleet.ts";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { usualChoices } from "../fakes/choices.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryDirectory } from "../fakes/memory-directory.ts";
import { MemoryLedger } from "../fakes/memory-ledger.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../fakes/memory-outbound.ts";

export const one = "example.com" as Domain;
export const two = "another.test" as Domain;
export const octets: Uint8Array = new TextEncoder().encode(
  "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n",
);

export class World {
  readonly clock: FakeClock = new FakeClock("2026-01-05T12:00:00Z");
  readonly timers: FakeTimers = new FakeTimers();
  readonly store: MemoryMailStore = new MemoryMailStore();
  readonly ledger: MemoryLedger = new MemoryLedger({ clock: this.clock });
  readonly courier: MemoryCourier = new MemoryCourier();
  readonly directory: MemoryDirectory = new MemoryDirectory();
  readonly queue: MemoryMailQueue = new MemoryMailQueue({ clock: this.clock });
  readonly lines: Record<string, unknown>[] = [];
  trouble: string | null = null;
  #next = 0;
  readonly journeyPorts: FleetOptions["journeyPorts"];
  readonly fleet: Fleet;

  constructor(more: Partial<FleetOptions> = {}) {
    const { clock, store, ledger, courier, queue, timers } = this;
    const destination = { write: (line: string) => void this.lines.push(JSON.parse(line)) };
    this.journeyPorts = {
      store,
      ledger,
      clock,
      directory: this.directory,
      outbound: new MemoryOutbound(),
      domains: [one, two],
      ...usualChoices(),
      mayOpen: () => true,
    };
    this.fleet = new Fleet({
      queues: new Map([[one, queue as MailQueue]]),
      courier,
      probe: async () => this.trouble,
      journeyPorts: this.journeyPorts,
      logger: pino({ level: "debug" }, destination),
      logAddresses: "plain",
      metrics: makeMetrics("0.0.0"),
      concurrency: 4,
      visibilitySeconds: 120,
      waitSeconds: 20,
      bytesInFlight: 64 * 1024 * 1024,
      timers,
      ...more,
    });
  }

  put(queue: MemoryMailQueue = this.queue, domain: Domain = one, local: string = "alice"): void {
    const location = { kind: "object", bucket: "mails", key: `k${++this.#next}` } as const;
    this.store.put(location, octets);
    const recipients = [`${local}@${domain}`];
    queue.put(
      writeNotice({ sesId: location.key, location, source: "bob@remote.test", recipients, head: octets, receivedAt: this.clock.now() }),
    );
  }

  /** Runs everything that does not wait for the clock. */
  async settle(): Promise<void> {
    for (let i = 0; i < 60; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 4; i++) {
      this.timers.advance(250);
      this.clock.advance(0.25);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await this.settle();
  }

  async end(): Promise<void> {
    const ending = this.fleet.end();
    await this.pass(1);
    await ending;
  }
}
