// Rule tables: all rows of both users' tables. A table that does not exist is empty, as for the worker, and is named.

import { troubleOf } from "@sesame/aws-adapters/base";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import type { StoredRow, StoredTables } from "./lint/row-finding.ts";

/** Reads both tables. `notes`: the tables that do not exist. */
export async function listTables(book: RuleBook): Promise<Readonly<{ tables: StoredTables; notes: readonly string[] }>> {
  const [rules, blocked] = await Promise.all([listOrNone(book, "rules"), listOrNone(book, "blocked")]);
  const missing = [...(rules === null ? ["rules"] : []), ...(blocked === null ? ["blocklists"] : [])];
  return { tables: { rules: rules ?? [], blocked: blocked ?? [] }, notes: missing.map((name) => `the table of ${name} does not exist`) };
}

async function listOrNone(book: RuleBook, table: RuleTable): Promise<readonly StoredRow[] | null> {
  try {
    return await book.list(table);
  } catch (error) {
    if (troubleOf(error).kind === "not-found") return null;
    throw error;
  }
}
