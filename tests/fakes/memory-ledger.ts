// Memory ledger: Ledger on maps that several owners may share, as workers share a table. It forgets nothing by itself.

import type { AddressKey, Claim, Clock, EffectKey, EpochMs, Final, Lease, Ledger, MailId, ReplyMemory } from "@sesame/core";
import {
  type AfterRecord,
  type ClosedMail,
  type Recorded,
  type ReplyCount,
  type ReplyRow,
  reopenAfterMs,
} from "../../packages/core/journey/ports.ts";
import { replyCounters } from "../../packages/core/journey/reply-counters.ts";
import type { TraceHashes } from "../../packages/core/journey/trace-hashes.ts";

type MailRow = {
  owner: string | null;
  nonce: string;
  until: number;
  crashes: number;
  finals: Map<EffectKey, Final>;
  closed: boolean;
  eraseAfter: EpochMs | null;
  waiting: Set<AddressKey>;
  times: Map<EffectKey, EpochMs>;
  since: EpochMs | null;
  message: string | null;
  named: Set<string>;
};

/** A row that nobody has claimed. */
export function emptyMailRow(): MailRow {
  return {
    owner: null,
    nonce: "",
    until: 0,
    crashes: 0,
    finals: new Map(),
    closed: false,
    eraseAfter: null,
    waiting: new Set(),
    ...emptyTrace(),
  };
}

function emptyTrace(): Pick<MailRow, "times" | "since" | "message" | "named"> {
  return { times: new Map(), since: null, message: null, named: new Set() };
}

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

  async claim(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], trace?: TraceHashes): Promise<Claim> {
    const row = this.tables.mails.get(mailId);
    if (row?.closed) return { kind: "closed", nonce: row.nonce, finals: new Map(row.finals), eraseAfter: row.eraseAfter };
    return this.#hold(mailId, leaseSeconds, recipients, trace);
  }

  async reopen(
    mailId: MailId,
    leaseSeconds: number,
    recipients: readonly AddressKey[],
    former: MailId,
    trace?: TraceHashes,
  ): Promise<Claim> {
    const before = this.tables.mails.get(former);
    const isHeld = before !== undefined && before.owner !== null;
    if (isHeld && before.until > this.#clock.now()) return { kind: "busy", until: before.until as EpochMs };
    const claim = this.#hold(mailId, leaseSeconds, recipients, trace);
    if (claim.kind !== "held" || before === undefined) return claim;
    const finals = this.tables.mails.get(mailId)?.finals ?? new Map<EffectKey, Final>();
    for (const [key, final] of before.finals) if (!finals.has(key)) finals.set(key, final);
    return { kind: "held", lease: { ...claim.lease, finals: new Map(finals), takenOver: claim.lease.takenOver || isHeld } };
  }

  async keepClosed(mailId: MailId, { nonce }: Pick<ClosedMail, "nonce">): Promise<"kept" | "lost"> {
    const row = this.tables.mails.get(mailId);
    if (!row?.closed || row.nonce !== nonce) return "lost";
    row.until = this.#clock.now() + reopenAfterMs;
    return "kept";
  }

  async extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost"> {
    const row = this.#mine(lease);
    if (!row) return "lost";
    row.until = this.#clock.now() + leaseSeconds * 1000;
    return "kept";
  }

  async record(lease: Lease, finals: ReadonlyMap<EffectKey, Final>, then: AfterRecord, eraseAfter?: EpochMs): Promise<Recorded> {
    const row = this.#mine(lease);
    if (!row) return "fenced";
    for (const [key, final] of finals) {
      if (row.finals.has(key)) continue;
      row.finals.set(key, final);
      row.times.set(key, this.#clock.now());
    }
    if (then !== "hold") row.owner = null;
    if (then !== "close") return "recorded";
    for (const recipient of lease.recipients) row.waiting.delete(recipient);
    row.closed = row.waiting.size === 0;
    row.eraseAfter = row.closed ? (eraseAfter ?? null) : null;
    if (row.closed) row.until = this.#clock.now() + reopenAfterMs;
    return row.closed ? "closed" : "recorded";
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

  #hold(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], trace: TraceHashes | undefined): Claim {
    const row = this.tables.mails.get(mailId) ?? emptyMailRow();
    const isForeign = row.owner !== null && row.owner !== this.#owner;
    if ((isForeign || row.closed) && row.until > this.#clock.now()) return { kind: "busy", until: row.until as EpochMs };
    if (isForeign) row.crashes++;
    row.owner = this.#owner;
    row.nonce = crypto.randomUUID();
    row.until = this.#clock.now() + leaseSeconds * 1000;
    row.closed = false;
    row.eraseAfter = null;
    for (const recipient of recipients) row.waiting.add(recipient);
    if (trace !== undefined) {
      row.since ??= this.#clock.now();
      row.message = trace.message ?? row.message;
      for (const hash of trace.recipients) row.named.add(hash);
    }
    this.tables.mails.set(mailId, row);
    const othersWait = [...row.waiting].some((recipient) => !recipients.includes(recipient));
    const { nonce, until, crashes, finals } = row;
    const held = { mailId, owner: this.#owner, nonce, until: until as EpochMs, crashes, takenOver: isForeign };
    return { kind: "held", lease: { ...held, finals: new Map(finals), recipients, othersWait } };
  }

  #mine({ mailId, nonce }: Lease): MailRow | undefined {
    const row = this.tables.mails.get(mailId);
    return row && !row.closed && row.owner !== null && row.nonce === nonce ? row : undefined;
  }
}

function replyKey(recipient: AddressKey, sender: AddressKey): string {
  return JSON.stringify([recipient, sender]);
}

function claimKey({ mailId, effect }: ReplyRow): string {
  return JSON.stringify([mailId, effect]);
}
