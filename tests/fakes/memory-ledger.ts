// Memory ledger: Ledger on maps that several owners may share, as workers share a table. It forgets nothing by itself.

import type { AddressKey, Claim, Clock, EffectKey, EpochMs, Final, Lease, Ledger, MailId, ReplyMemory } from "@sesame/core";
import type { ReplyCount, ReplyRow } from "../../packages/core/journey/ports.ts";
import { replyCounters } from "../../packages/core/journey/reply-counters.ts";

type MailRow = { owner: string | null; until: number; crashes: number; finals: Map<EffectKey, Final>; closed: boolean };

/** What all owners see. */
export type MemoryLedgerTables = Readonly<{
  mails: Map<MailId, MailRow>;
  replies: Map<string, ReplyRow>;
  /** Replies that were claimed, one for each mail and effect. */
  claims: Set<string>;
  /** Entries of each reply counter. */
  counters: Map<string, Set<string>>;
  secrets: Map<"loop-key", Uint8Array>;
}>;

export type MemoryLedgerOptions = Readonly<{ clock: Clock; owner?: string; tables?: MemoryLedgerTables }>;

/** Fresh tables. */
export function memoryLedgerTables(): MemoryLedgerTables {
  return { mails: new Map(), replies: new Map(), claims: new Set(), counters: new Map(), secrets: new Map() };
}

/** One owner's view of the tables. */
export class MemoryLedger implements Ledger {
  readonly tables: MemoryLedgerTables;
  readonly #clock: Clock;
  readonly #owner: string;

  constructor({ clock, owner = "worker", tables = memoryLedgerTables() }: MemoryLedgerOptions) {
    this.#clock = clock;
    this.#owner = owner;
    this.tables = tables;
  }

  async claim(mailId: MailId, leaseSeconds: number): Promise<Claim> {
    const row = this.tables.mails.get(mailId) ?? { owner: null, until: 0, crashes: 0, finals: new Map(), closed: false };
    if (row.closed) return { kind: "closed", finals: new Map(row.finals) };
    const isForeign = row.owner !== null && row.owner !== this.#owner;
    if (isForeign && row.until > this.#clock.now()) return { kind: "busy", until: row.until as EpochMs };
    if (isForeign) row.crashes++;
    row.owner = this.#owner;
    row.until = this.#clock.now() + leaseSeconds * 1000;
    this.tables.mails.set(mailId, row);
    return { kind: "held", lease: this.#leaseOf(mailId, row, isForeign) };
  }

  async extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost"> {
    const row = this.#mine(lease);
    if (!row) return "lost";
    row.until = this.#clock.now() + leaseSeconds * 1000;
    return "kept";
  }

  async record(lease: Lease, finals: ReadonlyMap<EffectKey, Final>, then: "hold" | "release" | "close"): Promise<"recorded" | "fenced"> {
    const row = this.#mine(lease);
    if (!row) return "fenced";
    for (const [key, final] of finals) if (!row.finals.has(key)) row.finals.set(key, final);
    if (then !== "hold") row.owner = null;
    row.closed = then === "close";
    return "recorded";
  }

  async recall(recipients: readonly AddressKey[], sender: AddressKey): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    const rows = recipients.map((recipient) => this.tables.replies.get(replyKey(recipient, sender)));
    const live = rows.filter((row) => row !== undefined).filter((row) => row.until > this.#clock.now());
    return new Map(live.map(({ recipient, textHash, mailId, until }) => [recipient, { textHash, mailId, until }]));
  }

  async countReply(count: ReplyCount): Promise<"granted" | "exhausted"> {
    for (const { id, entry, limit } of replyCounters(count)) {
      const entries = this.tables.counters.get(id) ?? new Set();
      if (!entries.has(entry) && entries.size >= limit) return "exhausted";
      this.tables.counters.set(id, entries.add(entry));
    }
    return "granted";
  }

  async claimReply(row: ReplyRow): Promise<"claimed" | "in-doubt" | "answered"> {
    const key = replyKey(row.recipient, row.sender);
    const earlier = this.tables.replies.get(key);
    // This very mail comes first: whatever its text is now, an earlier attempt may have sent the reply.
    if (earlier?.mailId === row.mailId) return "in-doubt";
    if (earlier && earlier.until > this.#clock.now() && earlier.textHash === row.textHash) return "answered";
    if (this.tables.claims.has(claimKey(row))) return "in-doubt";
    this.tables.replies.set(key, row);
    this.tables.claims.add(claimKey(row));
    return "claimed";
  }

  async releaseReply(row: ReplyRow): Promise<void> {
    const key = replyKey(row.recipient, row.sender);
    if (this.tables.replies.get(key)?.mailId === row.mailId) this.tables.replies.delete(key);
    this.tables.claims.delete(claimKey(row));
  }

  async loopKey(): Promise<Uint8Array> {
    const key = this.tables.secrets.get("loop-key") ?? crypto.getRandomValues(new Uint8Array(32));
    this.tables.secrets.set("loop-key", key);
    return key;
  }

  #mine(lease: Lease): MailRow | undefined {
    const row = this.tables.mails.get(lease.mailId);
    return row && !row.closed && row.owner === lease.owner ? row : undefined;
  }

  #leaseOf(mailId: MailId, row: MailRow, takenOver: boolean): Lease {
    const { until, crashes, finals } = row;
    return { mailId, owner: this.#owner, until: until as EpochMs, crashes, takenOver, finals: new Map(finals) };
  }
}

function replyKey(recipient: AddressKey, sender: AddressKey): string {
  return JSON.stringify([recipient, sender]);
}

function claimKey({ mailId, effect }: ReplyRow): string {
  return JSON.stringify([mailId, effect]);
}
