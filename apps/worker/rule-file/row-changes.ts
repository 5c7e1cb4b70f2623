// Row changes: what an import writes, as data: the rows that are new, different or gone. It has no I/O.

import { isDeepStrictEqual } from "node:util";
import { quote } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import type { StoredTables } from "../lint/row-finding.ts";
import type { RuleRows } from "./rule-file.ts";

type Row = Readonly<Record<string, unknown>>;

/** One row that is written or removed. `before`: `null` for a new one; `after`: `null` for one that is removed. */
export type RowChange = Readonly<{ table: RuleTable; key: string; before: unknown; after: Row | null }>;

/** Compares stored rows with those of a file. `removeOthers`: rows that the file does not have are removed. */
export function rowChanges(stored: StoredTables, file: RuleRows, removeOthers: boolean): readonly RowChange[] {
  return (["rules", "blocked"] as const).flatMap((table) => {
    const before = new Map(stored[table].map(({ key, row }) => [key, row]));
    const wanted = new Map(file[table].map(({ key, row }) => [key, row]));
    const written = [...wanted]
      .filter(([key, row]) => !isDeepStrictEqual(before.get(key), row))
      .map(([key, row]) => ({ table, key, before: before.get(key) ?? null, after: row }));
    const gone = [...before]
      .filter(([key]) => removeOthers && !wanted.has(key))
      .map(([key, row]) => ({ table, key, before: row, after: null }));
    return [...written, ...gone];
  });
}

/** What a change does, one line for the row and one for each attribute that differs. */
export function changeLines({ table, key, before, after }: RowChange): readonly string[] {
  const sign = before === null ? "+" : after === null ? "-" : "~";
  return [`${sign} ${table} ${key}`, ...attributeLines(mapOf(before), mapOf(after))];
}

function attributeLines(before: Row, after: Row): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .flatMap((name) => valueLines(before[name], after[name]).map((line) => `    ${name}: ${line}`));
}

function valueLines(before: unknown, after: unknown): readonly string[] {
  if (before === undefined) return [quote(after)];
  if (after === undefined) return [`${quote(before)} → removed`];
  if (!Array.isArray(before) || !Array.isArray(after)) return [`${quote(before)} → ${quote(after)}`];
  const [had, has] = [new Set(before.map(quote)), new Set(after.map(quote))];
  const lines = [
    ...[...had].filter((item) => !has.has(item)).map((item) => `- ${item}`),
    ...[...has].filter((item) => !had.has(item)).map((item) => `+ ${item}`),
  ];
  return lines.length > 0 ? lines : ["the same items in another order, or another number of times"];
}

function mapOf(row: unknown): Row {
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row as Row;
  return row === null ? {} : { "the row": row };
}
