// SQLite ledger book: LedgerBook on the tables of the data folder. It may read while `sesame local` runs.

import type { Database } from "bun:sqlite";
import type { Clock, EffectKey, EpochMs, Final, MailId } from "@sesame/core";
import type { LedgerBook, LedgerEnd, LedgerEntry, LedgerFound, LedgerLimits, LedgerQuestion, LedgerState } from "@sesame/core/journey";
import { portCall } from "./trouble.ts";

type MailRow = {
  mail_id: MailId;
  owner: string | null;
  until: EpochMs;
  crashes: number;
  closed: number;
  expires: EpochMs;
  since: EpochMs | null;
};
type EndRow = { effect_key: EffectKey; final: string; at: EpochMs | null };

export class SqliteLedgerBook implements LedgerBook {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor({ database, clock }: Readonly<{ database: Database; clock: Clock }>) {
    this.#database = database;
    this.#clock = clock;
  }

  read(mailId: MailId): Promise<LedgerEntry | null> {
    return portCall("Ledger", "read", () => {
      const [row] = this.#rows([mailId]);
      if (row === undefined) return null;
      const state = this.#stateOf(row);
      const waiting = this.#database
        .query<{ n: number }, [string]>("SELECT count(*) AS n FROM ledger_waiting WHERE mail_id = ?")
        .get(mailId);
      return {
        mailId,
        state,
        until: state === "held" ? row.until : null,
        since: row.since,
        expires: row.expires,
        crashes: row.crashes,
        waiting: state === "closed" ? 0 : (waiting?.n ?? 0),
        ends: this.#endsOf(mailId),
      };
    });
  }

  states(mailIds: readonly MailId[]): Promise<ReadonlyMap<MailId, LedgerState>> {
    return portCall("Ledger", "states", () => new Map(this.#rows(mailIds).map((row) => [row.mail_id, this.#stateOf(row)])));
  }

  search(question: LedgerQuestion, { most, onLooked }: LedgerLimits): Promise<LedgerFound> {
    return portCall("Ledger", "search", () => {
      const from =
        question.kind === "message" ? "ledger_mails WHERE message = ?" : "ledger_named JOIN ledger_mails USING (mail_id) WHERE hash = ?";
      const query = this.#database.query<{ mail_id: MailId }, [string, number]>(`SELECT mail_id FROM ${from} ORDER BY since DESC LIMIT ?`);
      const rows = query.all(question.hash, most + 1);
      onLooked?.(rows.length);
      const mails = rows.slice(0, most).map(({ mail_id }) => mail_id);
      return { mails, by: "index", looked: rows.length, of: null, complete: rows.length <= most };
    });
  }

  takeBack(mailId: MailId, failed: readonly EffectKey[]): Promise<"taken-back" | "changed"> {
    return portCall("Ledger", "takeBack", () => {
      const sql = `DELETE FROM ledger_finals WHERE mail_id = ?1 AND effect_key IN (SELECT value FROM json_each(?2))
        AND json_extract(final, '$.action') = 'failed' AND EXISTS (SELECT 1 FROM ledger_mails WHERE mail_id = ?1 AND closed = 1)`;
      return this.#database.query(sql).run(mailId, JSON.stringify(failed)).changes > 0 ? "taken-back" : "changed";
    });
  }

  key(): Promise<Uint8Array | null> {
    return portCall("Ledger", "key", () => {
      const query = this.#database.query<{ octets: Uint8Array }, []>("SELECT octets FROM ledger_secrets WHERE name = 'loop-key'");
      const found = query.get();
      return found === null ? null : new Uint8Array(found.octets);
    });
  }

  #rows(mailIds: readonly MailId[]): readonly MailRow[] {
    const columns = "mail_id, owner, until, crashes, closed, expires, since";
    const sql = `SELECT ${columns} FROM ledger_mails WHERE mail_id IN (SELECT value FROM json_each(?))`;
    return this.#database.query<MailRow, [string]>(sql).all(JSON.stringify(mailIds));
  }

  #endsOf(mailId: MailId): readonly LedgerEnd[] {
    const query = this.#database.query<EndRow, [string]>(
      "SELECT effect_key, final, at FROM ledger_finals WHERE mail_id = ? ORDER BY rowid",
    );
    return query.all(mailId).map(({ effect_key, final, at }) => ({ key: effect_key, final: JSON.parse(final) as Final, at }));
  }

  #stateOf({ closed, owner, until }: MailRow): LedgerState {
    if (closed) return "closed";
    return owner !== null && until > this.#clock.now() ? "held" : "open";
  }
}
