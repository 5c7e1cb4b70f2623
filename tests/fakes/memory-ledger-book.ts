// Memory ledger book: LedgerBook on the maps of the memory ledger.

import type { Clock, EffectKey, EpochMs, MailId } from "@sesame/core";
import type { LedgerBook, LedgerEntry, LedgerFound, LedgerLimits, LedgerQuestion, LedgerState } from "@sesame/core/journey";
import type { MemoryLedgerTables } from "./memory-ledger.ts";

export class MemoryLedgerBook implements LedgerBook {
  readonly #tables: MemoryLedgerTables;
  readonly #clock: Clock;

  constructor({ tables, clock }: Readonly<{ tables: MemoryLedgerTables; clock: Clock }>) {
    this.#tables = tables;
    this.#clock = clock;
  }

  async read(mailId: MailId): Promise<LedgerEntry | null> {
    const row = this.#tables.mails.get(mailId);
    if (row === undefined) return null;
    const state = this.#stateOf(mailId) ?? "open";
    return {
      mailId,
      state,
      until: state === "held" ? (row.until as EpochMs) : null,
      since: row.since,
      expires: null,
      crashes: row.crashes,
      waiting: row.waiting.size,
      ends: [...row.finals].map(([key, final]) => ({ key, final, at: row.times.get(key) ?? null })),
    };
  }

  async states(mailIds: readonly MailId[]): Promise<ReadonlyMap<MailId, LedgerState>> {
    return new Map(mailIds.flatMap((id) => [this.#stateOf(id)].flatMap((state) => (state === null ? [] : [[id, state] as const]))));
  }

  async search(question: LedgerQuestion, { most, onLooked }: LedgerLimits): Promise<LedgerFound> {
    const rows = [...this.#tables.mails];
    onLooked?.(rows.length);
    const found = rows
      .filter(([, row]) => (question.kind === "message" ? row.message === question.hash : row.named.has(question.hash)))
      .sort(([, a], [, b]) => (b.since ?? 0) - (a.since ?? 0))
      .map(([id]) => id);
    return { mails: found.slice(0, most), by: "scan", looked: rows.length, of: rows.length, complete: found.length <= most };
  }

  async takeBack(mailId: MailId, failed: readonly EffectKey[]): Promise<"taken-back" | "changed"> {
    const row = this.#tables.mails.get(mailId);
    const taken = row?.closed ? failed.filter((key) => row.finals.get(key)?.action === "failed") : [];
    for (const key of taken) row?.finals.delete(key);
    return taken.length > 0 ? "taken-back" : "changed";
  }

  async key(): Promise<Uint8Array | null> {
    return this.#tables.secrets.get("loop-key") ?? null;
  }

  #stateOf(mailId: MailId): LedgerState | null {
    const row = this.#tables.mails.get(mailId);
    if (row === undefined) return null;
    if (row.closed) return "closed";
    return row.owner !== null && row.until > this.#clock.now() ? "held" : "open";
  }
}
