// Rewrite: rows in today's spelling, as data, for `sesame rules lint --fix`. A rewrite changes spellings only: what nobody can read
// stays as it is. `applyRewrites` writes them, and leaves a row that somebody changed in the meantime.

import { isDeepStrictEqual } from "node:util";
import { quote } from "@sesame/core";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import { type Respelling, respellPatterns, respellRuleRow } from "@sesame/core/rules";
import { tableKey } from "../table-key.ts";
import { patternsOf } from "./lint-blocklist-row.ts";
import type { StoredRow, StoredTables } from "./row-finding.ts";

type Row = Readonly<Record<string, unknown>>;

/** One row that is written anew. `after.row` is `null` where an equal row is there already: only the old one is removed. */
export type Rewrite = Readonly<{
  table: RuleTable;
  before: Readonly<{ key: string; row: Row }>;
  after: Readonly<{ key: string; row: Row | null }>;
  changes: readonly Respelling[];
}>;

/** The rewrites of both tables, in their order. */
export function rewritesOf(tables: StoredTables): readonly Rewrite[] {
  return [...tableRewrites("rules", tables.rules), ...tableRewrites("blocked", tables.blocked)];
}

function tableRewrites(table: RuleTable, rows: readonly StoredRow[]): readonly Rewrite[] {
  // The rows as they will be: two rows of one address never become one unless they are equal.
  const taken = new Map(rows.map(({ key, row }) => [key, table === "rules" ? respellRuleRow(row).value : withPatterns(row).row]));
  return rows.flatMap(({ key, row }) => {
    if (!isMap(row)) return [];
    const { row: spelled, changes } = table === "rules" ? withRules(row) : withPatterns(row);
    const found = tableKey(key);
    const wanted = found.ok ? found.value : key;
    const isFree = wanted === key || !taken.has(wanted);
    const isTwin = !isFree && isDeepStrictEqual(taken.get(wanted), spelled);
    const to = isFree || isTwin ? wanted : key;
    if (to === key && changes.length === 0) return [];
    if (!taken.has(to)) taken.set(to, spelled);
    return [{ table, before: { key, row }, after: { key: to, row: isTwin ? null : (spelled as Row) }, changes }];
  });
}

function withRules(row: Row): Readonly<{ row: unknown; changes: readonly Respelling[] }> {
  const { value, changes } = respellRuleRow(row);
  return { row: value, changes };
}

function withPatterns(row: unknown): Readonly<{ row: unknown; changes: readonly Respelling[] }> {
  const { value, changes } = respellPatterns(patternsOf(row));
  return { row: changes.length === 0 ? row : { ...(row as Row), blocked_patterns: value }, changes };
}

function isMap(row: unknown): row is Row {
  return typeof row === "object" && row !== null && !Array.isArray(row);
}

/** What a rewrite does, one line for each change. */
export function rewriteLines({ table, before, after, changes }: Rewrite): readonly string[] {
  const lines = changes.map(({ field, from, to }) => `${table} ${before.key} ${field}: ${quote(from)} → ${quote(to)}`);
  if (after.key === before.key) return lines;
  const move = after.row === null ? `removed, because the row ${after.key} is equal` : `the key is written as ${after.key}`;
  return [...lines, `${table} ${before.key}: ${move}`];
}

/** Writes rewrites. Returns those that were left, because their rows are no longer as they were read. */
export async function applyRewrites(book: RuleBook, rewrites: readonly Rewrite[]): Promise<readonly Rewrite[]> {
  const left: Rewrite[] = [];
  for (const rewrite of rewrites) if (!(await applyRewrite(book, rewrite))) left.push(rewrite);
  return left;
}

async function applyRewrite(book: RuleBook, { table, before, after }: Rewrite): Promise<boolean> {
  if (!isDeepStrictEqual(await book.show(table, before.key), before.row)) return false;
  const isMoved = after.key !== before.key;
  if (isMoved && ((await book.show(table, after.key)) === null) !== (after.row !== null)) return false;
  if (after.row !== null) await book.set(table, after.key, after.row);
  // The new row first: when this ends in between, both are there and nothing is lost.
  if (isMoved) await book.remove(table, before.key);
  return true;
}
