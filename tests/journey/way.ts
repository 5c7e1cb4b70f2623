// A whole way on fakes: one queue, one mail in the store, and everything that a test wants to look at afterwards.

import {
  type Domain,
  decodeEntry,
  type EntryOutcome,
  handleEntry,
  type JourneyPorts,
  type MailId,
  type ObjectLocation,
  type QueueEntry,
} from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { usualChoices } from "../fakes/choices.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FaultInjector } from "../fakes/faults.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryDirectory } from "../fakes/memory-directory.ts";
import { MemoryJournal } from "../fakes/memory-journal.ts";
import { MemoryLedger } from "../fakes/memory-ledger.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../fakes/memory-outbound.ts";

export const location: ObjectLocation = { kind: "object", bucket: "example-com-emails", key: "k1" };
export const mailId: MailId = "example-com-emails/k1" as MailId;

/** Counts what is reserved; `limit`: what a single reservation may have. */
export class CountingBudget {
  held: number = 0;
  most: number = 0;
  limit: number = Number.POSITIVE_INFINITY;

  async take(octets: number): Promise<boolean> {
    if (octets > this.limit) return false;
    this.held += octets;
    this.most = Math.max(this.most, this.held);
    return true;
  }

  give(octets: number): void {
    this.held -= octets;
  }
}

/** Fakes, a mail, and `receive` as the poller would drive it. Who receives after a death is another worker. */
export class TestWay {
  readonly clock: FakeClock = new FakeClock("2026-01-05T12:00:00Z");
  readonly store: MemoryMailStore = new MemoryMailStore();
  readonly directory: MemoryDirectory = new MemoryDirectory();
  readonly ledger: MemoryLedger = new MemoryLedger({ clock: this.clock });
  readonly outbound: MemoryOutbound = new MemoryOutbound();
  readonly courier: MemoryCourier = new MemoryCourier();
  readonly journal: MemoryJournal = new MemoryJournal();
  readonly budget: CountingBudget = new CountingBudget();
  faults: FaultInjector = new FaultInjector();
  /** When all queues were received empty. */
  quietAt: number = Number.POSITIVE_INFINITY;
  /** Whether an entry may rest. */
  admits: boolean = true;
  #body: string;
  #receives = 0;
  #life = 1;

  constructor(
    mail: string | Uint8Array,
    options: Readonly<{ source?: string; recipients?: readonly string[]; body?: (body: string) => string }> = {},
  ) {
    const octets = typeof mail === "string" ? new TextEncoder().encode(mail) : mail;
    const { source = "bob@remote.test", recipients = ["alice@example.com"] } = options;
    this.store.put(location, octets);
    this.#body = writeNotice({ sesId: "k1", location, source, recipients, head: octets.subarray(0, 2000), receivedAt: this.clock.now() });
    if (!decodeEntry(this.#body).ok) throw new Error("the notice is wrong");
    if (options.body) this.#body = options.body(this.#body);
  }

  /** One receive of the entry; what the poller catches is thrown. `ports` replace those of the way. */
  async receive(ports: Partial<JourneyPorts> = {}): Promise<EntryOutcome> {
    try {
      return await this.#receiveOnce(ports);
    } finally {
      if (this.faults.dead) this.#life++;
    }
  }

  /** The next receive is another worker's. */
  changeWorker(): void {
    this.#life++;
  }

  /** The entry as it is after it was moved back from the dead-letter queue. */
  moveBack(): void {
    this.#receives = 0;
  }

  async #receiveOnce(ports: Partial<JourneyPorts>): Promise<EntryOutcome> {
    this.#receives++;
    const entry: QueueEntry = {
      id: "e1",
      receiptHandle: String(this.#receives),
      receiveCount: this.#receives,
      sentAt: this.clock.now(),
      body: this.#body,
    };
    return handleEntry(entry, { ...this.way(), ...ports });
  }

  /** Receives until it is acknowledged, as a queue would bring it back; gives the number of receives. */
  async untilDone(most = 20): Promise<number> {
    for (let i = 0; i < most; i++) {
      const outcome = await this.receive().catch((): EntryOutcome => ({ kind: "retry", afterSeconds: 60 }));
      if (outcome.kind === "ack") return this.#receives;
      if (this.faults.dead) this.faults.revive();
      this.clock.advance(outcome.kind === "retry" ? Math.max(outcome.afterSeconds, 121) : 121);
    }
    throw new Error("it never ends");
  }

  /** What this worker stores its state in. */
  protected stores(owner: string): Pick<JourneyPorts, "store" | "directory" | "ledger" | "outbound"> {
    const { store, directory, outbound, clock } = this;
    return { store, directory, outbound, ledger: new MemoryLedger({ clock, owner, tables: this.ledger.tables }) };
  }

  way(): JourneyPorts {
    const { store, directory, ledger, outbound } = this.stores(`worker-${this.#life}`);
    return {
      store: this.faults.wrap("MailStore", store),
      directory: this.faults.wrap("Directory", directory),
      ledger: this.faults.wrap("Ledger", ledger),
      outbound: this.faults.wrap("Outbound", outbound),
      courier: this.faults.wrap("Courier", this.courier),
      journal: this.journal,
      clock: this.clock,
      stop: { stopped: false },
      domains: ["example.com" as Domain, "another.test" as Domain],
      ...usualChoices(),
      resting: { quietSince: (instant) => this.quietAt >= instant, hides: () => {}, admit: () => this.admits },
      worker: "worker-example.com",
      mayOpen: (bucket) => bucket === "example-com-emails",
      budget: this.budget,
      onLease: () => {},
      onRecorded: () => {},
    };
  }
}
