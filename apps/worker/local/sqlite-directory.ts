// SQLite directory: Directory on the two users' tables of the data folder.

import type { Database } from "bun:sqlite";
import type { Directory, DirectoryRows, Inquiry } from "@sesame/core";
import { parseRow } from "./database.ts";
import { portCall } from "./trouble.ts";

type Found = { email_address: string; row: string };

/** Looks up the rows that `sesame rules` and `sesame block` write. */
export class SqliteDirectory implements Directory {
  readonly #database: Database;

  constructor({ database }: Readonly<{ database: Database }>) {
    this.#database = database;
  }

  look(inquiry: Inquiry): Promise<DirectoryRows> {
    return portCall("Directory", "look", () => {
      const blocked = this.#rows("email_blocked_senders", inquiry.blocked).map(([key, row]) => [key, patternsOf(row)] as const);
      return { rules: new Map(this.#rows("email_rules", inquiry.rules)), blocked: new Map(blocked) };
    });
  }

  #rows(table: "email_rules" | "email_blocked_senders", keys: readonly string[]): readonly (readonly [string, unknown])[] {
    const sql = `SELECT email_address, row FROM ${table} WHERE email_address IN (SELECT value FROM json_each(?))`;
    const found = this.#database.query<Found, [string]>(sql).all(JSON.stringify(keys));
    return found.map(({ email_address, row }) => [email_address, parseRow(row)] as const);
  }
}

function patternsOf(row: unknown): unknown {
  return typeof row === "object" && row !== null && "blocked_patterns" in row ? row.blocked_patterns : undefined;
}
