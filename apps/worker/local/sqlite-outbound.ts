// SQLite outbound: Outbound as JSON rows. A new note adds attributes to a row and never overwrites any, so a send and its bounce
// may be noted in any order, and more than once.

import type { Database } from "bun:sqlite";
import type { Outbound, OutboundRow } from "@sesame/core";
import { parseRow } from "./database.ts";
import { portCall } from "./trouble.ts";

/** The table of mails sent through SES (here: written to the outbox). */
export class SqliteOutbound implements Outbound {
  readonly #database: Database;

  constructor({ database }: Readonly<{ database: Database }>) {
    this.#database = database;
  }

  find(sesIds: readonly string[]): Promise<unknown> {
    return portCall("Outbound", "find", () => {
      for (const id of sesIds) {
        const row = this.#row(id);
        if (row !== null) return row;
      }
      return null;
    });
  }

  note(row: OutboundRow): Promise<void> {
    const complete = this.#database.transaction(() => {
      const whole = JSON.stringify(completed(this.#row(row.MessageId), row));
      const sql = "INSERT INTO ses_outbound_messages (message_id, row) VALUES (?, ?) ON CONFLICT DO UPDATE SET row = excluded.row";
      this.#database.query(sql).run(row.MessageId, whole);
    });
    return portCall("Outbound", "note", () => complete.immediate());
  }

  #row(id: string): unknown {
    const found = this.#database.query<{ row: string }, [string]>("SELECT row FROM ses_outbound_messages WHERE message_id = ?").get(id);
    return found === null ? null : parseRow(found.row);
  }
}

function completed(earlier: unknown, row: OutboundRow): unknown {
  if (typeof earlier !== "object" || earlier === null) return row;
  const known = "bouncedRecipients" in earlier && Array.isArray(earlier.bouncedRecipients) ? (earlier.bouncedRecipients as unknown[]) : [];
  return { ...row, ...earlier, bouncedRecipients: [...new Set([...known, ...row.bouncedRecipients])] };
}
