// SQLite rule book: RuleBook on the two users' tables of the data folder. A running worker sees a change at once.

import type { Database } from "bun:sqlite";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import { parseRow } from "./database.ts";
import { portCall } from "./trouble.ts";

type Found = { email_address: string; row: string };

const tables: Readonly<Record<RuleTable, string>> = { rules: "email_rules", blocked: "email_blocked_senders" };

/** The users' tables, for `sesame rules` and `sesame block`. */
export class SqliteRuleBook implements RuleBook {
  readonly #database: Database;

  constructor({ database }: Readonly<{ database: Database }>) {
    this.#database = database;
  }

  list(table: RuleTable): Promise<readonly Readonly<{ key: string; row: unknown }>[]> {
    return portCall("RuleBook", "list", () => {
      const found = this.#database.query<Found, []>(`SELECT * FROM ${tables[table]} ORDER BY email_address`).all();
      return found.map(({ email_address, row }) => ({ key: email_address, row: parseRow(row) }));
    });
  }

  show(table: RuleTable, key: string): Promise<unknown> {
    return portCall("RuleBook", "show", () => {
      const found = this.#database.query<Found, [string]>(`SELECT * FROM ${tables[table]} WHERE email_address = ?`).get(key);
      return found === null ? null : parseRow(found.row);
    });
  }

  set(table: RuleTable, key: string, row: Readonly<Record<string, unknown>>): Promise<void> {
    return portCall("RuleBook", "set", () => {
      const sql = `INSERT INTO ${tables[table]} (email_address, row) VALUES (?, ?) ON CONFLICT DO UPDATE SET row = excluded.row`;
      this.#database.query(sql).run(key, JSON.stringify(row));
    });
  }

  remove(table: RuleTable, key: string): Promise<boolean> {
    return portCall("RuleBook", "remove", () => {
      return this.#database.query(`DELETE FROM ${tables[table]} WHERE email_address = ?`).run(key).changes > 0;
    });
  }
}
