// Notices world: one mail that SES announced in several notices, and workers that receive them at once. Every call of a port is
// a step of its own; a list of numbers says whose step is next, so any interleaving can be played. A worker may die before or
// after a call, lose its answer, or hang at it until its lease is long over. Beside the queue's rules nothing is simplified.

import {
  type Address,
  type Domain,
  decodeEntry,
  type EffectKey,
  type EntryOutcome,
  type EpochMs,
  handleEntry,
  type JournalEvent,
  type JourneyPorts,
  type Ledger,
  type MailId,
  type QueueEntry,
} from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { usualChoices } from "../fakes/choices.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryDirectory } from "../fakes/memory-directory.ts";
import { MemoryLedger, memoryLedgerTables } from "../fakes/memory-ledger.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../fakes/memory-outbound.ts";
import { CountingBudget, location } from "./way.ts";

/** What goes wrong in a visit, at its n-th call. "late": the caller gives it up, and it takes effect some time afterwards. */
export type Trouble = Readonly<{ call: number; kind: "die-before" | "die-after" | "throw-before" | "throw-after" | "late" | "hang" }>;
/** One worker receives one entry. */
export type Visit = Readonly<{ entry: number; worker: number; trouble: Trouble | null }>;
/** Visits that begin at once, after some seconds. */
export type Round = Readonly<{ afterSeconds: number; visits: readonly Visit[] }>;

type Entry = { readonly id: string; readonly body: string; visibleAt: number; receiveCount: number; done: boolean };
type Worker = { name: string; dead: boolean; readonly inWork: Set<MailId>; readonly ledger: Ledger };
type Step = { readonly go: () => void; hangs: boolean };

const domain = "example.com" as Domain;
const leaseSeconds = 120;
const workers = 3;

export class NoticesWorld {
  readonly clock: FakeClock = new FakeClock("2026-01-05T12:00:00Z");
  readonly store: MemoryMailStore = new MemoryMailStore();
  readonly directory: MemoryDirectory = new MemoryDirectory();
  readonly courier: MemoryCourier = new MemoryCourier();
  readonly tables = memoryLedgerTables();
  /** What workers said before they died. */
  readonly heard: JournalEvent[] = [];
  /** A worker hung between closing the mail and its mark, so the mark may come late. */
  markHung: boolean = false;
  readonly #outbound = new MemoryOutbound();
  readonly #entries: readonly Entry[];
  readonly #workers: Worker[] = [];
  readonly #steps: Step[] = [];
  readonly #order: () => number;
  #names = 0;
  #hiddenUntil = 0;
  #emptyAt = Number.NEGATIVE_INFINITY;
  #running = 0;

  readonly #ledgerOf: (owner: string) => Ledger;

  /** `order`: the next number of the list; it chooses among the calls that wait. `ledgerOf`: where not in memory. */
  constructor(
    mail: string,
    notices: readonly (readonly Address[])[],
    order: () => number,
    ledgerOf?: (owner: string, clock: FakeClock) => Ledger,
  ) {
    this.#ledgerOf = (owner) => ledgerOf?.(owner, this.clock) ?? new MemoryLedger({ clock: this.clock, owner, tables: this.tables });
    const octets = new TextEncoder().encode(mail);
    this.store.put(location, octets);
    this.#order = order;
    this.#entries = notices.map((recipients, at) => {
      const body = writeNotice({
        sesId: "k1",
        location,
        source: "bob@remote.test",
        recipients,
        head: octets,
        receivedAt: this.clock.now(),
      });
      if (!decodeEntry(body).ok) throw new Error("the notice is wrong");
      return { id: `entry-${at}`, body, visibleAt: 0, receiveCount: 0, done: false };
    });
    for (let i = 0; i < workers; i++) this.#workers.push(this.#hire());
  }

  async play(rounds: readonly Round[]): Promise<void> {
    for (const { afterSeconds, visits } of rounds) {
      this.#pass(afterSeconds);
      for (const visit of visits) this.#begin(visit);
      await this.#run();
    }
    for (let turn = 0; turn < 60 && !this.#entries.every(({ done }) => done); turn++) {
      this.#pass(turn < 20 ? 121 : 3600);
      for (const step of this.#steps) step.hangs = false;
      for (const entry of this.#entries.keys()) this.#begin({ entry, worker: entry % workers, trouble: null });
      await this.#run();
    }
    const left = this.#entries.filter(({ done }) => !done).map(({ id }) => id);
    if (left.length > 0) throw new Error(`never acknowledged: ${left.join(", ")}`);
  }

  /** How often each effect got through. */
  copies(): ReadonlyMap<EffectKey, number> {
    const counts = new Map<EffectKey, number>();
    for (const { recipients, verdicts } of this.courier.sent) {
      for (const { key } of recipients)
        if (["delivered", "relayed"].includes(verdicts.get(key)?.action ?? "")) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** How often the journal said of an effect that it may be done twice. */
  announcements(key: EffectKey): number {
    return this.heard.filter((event) => {
      if (event.kind === "taken-over") return true;
      if (event.kind === "unrecorded" || event.kind === "fenced") return event.keys.includes(key);
      return event.kind === "deed" && event.key === key && event.verdict.action === "delayed" && event.verdict.possibleDuplicate;
    }).length;
  }

  #hide(seconds: number): void {
    this.#hiddenUntil = Math.max(this.#hiddenUntil, this.clock.now() + seconds * 1000);
  }

  #hire(): Worker {
    const name = `worker-${this.#names++}`;
    return { name, dead: false, inWork: new Set(), ledger: this.#ledgerOf(name) };
  }

  /** Calls that hang or are late go on after time has passed. A poll that finds nothing is noted. */
  #pass(seconds: number): void {
    this.clock.advance(seconds);
    if (seconds > 0) for (const step of this.#steps) step.hangs = false;
    const now = this.clock.now();
    const isEmpty = this.#entries.every(({ done, visibleAt }) => done || visibleAt > now);
    if (isEmpty && now >= this.#hiddenUntil) this.#emptyAt = now;
  }

  /** As SQS: an entry that somebody holds is hidden until its visibility timeout ends. */
  #begin({ entry: at, worker: by, trouble }: Visit): void {
    const entry = this.#entries[at % this.#entries.length];
    if (entry === undefined || entry.done || entry.visibleAt > this.clock.now()) return;
    if (this.#workers[by]?.dead) this.#workers[by] = this.#hire();
    const worker = this.#workers[by];
    if (worker === undefined) return;
    entry.visibleAt = this.clock.now() + leaseSeconds * 1000;
    entry.receiveCount++;
    const { id, body, receiveCount } = entry;
    const received: QueueEntry = { id, body, receiveCount, receiptHandle: String(receiveCount), sentAt: this.clock.now() };
    this.#running++;
    void handleEntry(received, this.#portsOf(worker, trouble))
      .catch((): EntryOutcome => ({ kind: "retry", afterSeconds: 60 }))
      .then((outcome) => {
        this.#running--;
        if (worker.dead) return;
        if (outcome.kind === "ack") entry.done = true;
        const isOurs = entry.receiveCount === receiveCount;
        if (outcome.kind === "retry" && isOurs) entry.visibleAt = this.clock.now() + outcome.afterSeconds * 1000;
      });
  }

  #portsOf(worker: Worker, trouble: Trouble | null): JourneyPorts {
    let calls = 0;
    const wrap = <T extends object>(port: string, target: T): T =>
      new Proxy(target, {
        get: (_, method) => {
          const value: unknown = Reflect.get(target, method, target);
          if (typeof value !== "function" || typeof method === "symbol") return value;
          return (...args: unknown[]) => this.#call(worker, `${port}.${method}`, ++calls, trouble, () => value.apply(target, args));
        },
      });
    const ledger = worker.ledger;
    return {
      store: wrap("MailStore", this.store),
      directory: wrap("Directory", this.directory),
      ledger: wrap("Ledger", ledger),
      outbound: wrap("Outbound", this.#outbound),
      courier: wrap("Courier", this.courier),
      journal: { note: (event) => void (worker.dead || this.heard.push(event)) },
      clock: this.clock,
      stop: { stopped: false },
      domains: [domain],
      ...usualChoices(),
      resting: { quietSince: (instant: EpochMs) => this.#emptyAt >= instant, hides: (seconds) => this.#hide(seconds), admit: () => true },
      leaseSeconds,
      worker: "worker-example.com",
      mayOpen: () => true,
      inWork: worker.inWork,
      budget: new CountingBudget(),
      onLease: () => {},
      onRecorded: () => {},
    };
  }

  async #call(worker: Worker, name: string, call: number, trouble: Trouble | null, work: () => unknown): Promise<unknown> {
    const strikes = trouble?.call === call ? trouble.kind : null;
    if (strikes === "hang" && name === "MailStore.mark") this.markHung = true;
    await new Promise<void>((go) => this.#steps.push({ go, hangs: strikes === "hang" }));
    if (worker.dead) throw new Error("dead");
    if (strikes === "late") this.#steps.push({ go: () => void Promise.resolve(work()).catch(() => {}), hangs: true });
    if (strikes === "late") throw new Error(`late ${name}`);
    if (strikes === "die-before") worker.dead = true;
    if (strikes === "die-before" || strikes === "throw-before") throw new Error(`${strikes} ${name}`);
    const answer = await work();
    if (strikes === "die-after") worker.dead = true;
    if (strikes === "die-after" || strikes === "throw-after") throw new Error(`${strikes} ${name}`);
    return answer;
  }

  /** Lets the calls that wait go on, one after the other, until each visit has ended or hangs. */
  async #run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const ready = this.#steps.filter(({ hangs }) => !hangs);
      const next = ready[this.#order() % ready.length];
      if (next === undefined) return;
      this.#steps.splice(this.#steps.indexOf(next), 1);
      next.go();
    }
  }

  /** Whether the ledger says that the mail is done. */
  async isClosed(): Promise<boolean> {
    const mail = `${location.bucket}/${location.key}` as MailId;
    return (await this.#ledgerOf("reader").claim(mail, 1, [])).kind === "closed";
  }

  /** Visits that hang for ever; none at the end. */
  get running(): number {
    return this.#running;
  }
}
