// Row lists: the rows of the users' tables in columns, as `sesame rules list` and `sesame block list` print them. It shows what the worker
// reads in a row, and notes what it cannot read.

import { compileBlocklist, decodeRuleRow, type EpochMs } from "@sesame/core";
import { formatInstant } from "@sesame/core/explain";
import type { RuleTable } from "@sesame/core/journey";
import { blocklistWarnings } from "@sesame/core/rules";
import { counted } from "../log-text/said.ts";
import { type Column, tableText } from "../table-text.ts";

/** A row of a table with its key. */
export type KeyedRow = Readonly<{ key: string; row: unknown }>;

/** How a list is printed. `command`: what shows one row, for the line below the table. */
export type ListOptions = Readonly<{ json: boolean; isTerminal: boolean; now: EpochMs }>;

/** All rows of a table. */
export function listText(table: RuleTable, rows: readonly KeyedRow[], { json, isTerminal, now }: ListOptions): string {
  if (json)
    return `${JSON.stringify(
      rows.map(({ key, row }) => ({ address: key, row })),
      null,
      2,
    )}\n`;
  const text =
    table === "rules"
      ? tableText(
          ruleColumns,
          rows.map((row) => ruleCells(row, now)),
          isTerminal,
        )
      : tableText(blockColumns, rows.map(blockCells), isTerminal);
  if (!isTerminal) return text;
  const show = `sesame ${table === "rules" ? "rules" : "block"} show ADDRESS tells all of one`;
  return rows.length === 0 ? "No rows\n" : `${text}${counted(rows.length, "row", "rows")}. ${show}\n`;
}

const ruleColumns: readonly Column[] = [
  { title: "ADDRESS" },
  { title: "REPLY", most: 34 },
  { title: "FORWARDS", most: 40 },
  { title: "NOTE" },
];
const blockColumns: readonly Column[] = [
  { title: "ADDRESS" },
  { title: "PATTERNS", right: true },
  { title: "BLOCKS", most: 60 },
  { title: "NOTE" },
];

function ruleCells({ key, row }: KeyedRow, now: EpochMs): readonly string[] {
  const { reply, forwards, errors } = decodeRuleRow(row);
  return [key, reply === null ? "off" : `${timesOf(row, reply, now)}"${reply.text}"`, forwards.join(", ") || "–", notes(errors)];
}

type Times = Readonly<{ from: EpochMs | null; until: EpochMs | null }>;

/** The start to come, or the end, as its owner wrote it. */
function timesOf(row: unknown, { from, until }: Times, now: EpochMs): string {
  const { ooo_start, ooo_end } = row as Readonly<Record<string, unknown>>;
  if (from !== null && from > now) return `from ${dayText(ooo_start, from)} `;
  if (until === null) return "";
  return `${until <= now ? "ended" : "until"} ${dayText(ooo_end, until)} `;
}

/** `30 Nov 2026` for a day, which counts in the time zone of the row; else the instant. */
function dayText(written: unknown, at: EpochMs): string {
  if (typeof written !== "string" || !/^\d{4}-\d\d-\d\d$/.test(written)) return formatInstant(at);
  return new Date(`${written}T00:00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

function blockCells({ key, row }: KeyedRow): readonly string[] {
  const stored = typeof row === "object" && row !== null && "blocked_patterns" in row ? row.blocked_patterns : undefined;
  const compiled = compileBlocklist(new Map([[key, stored]]));
  const patterns = compiled.rows.get(key)?.patterns ?? [];
  return [key, String(patterns.length), patterns.join(", ") || "–", notes(blocklistWarnings(compiled).map(({ text }) => text))];
}

function notes(texts: readonly string[]): string {
  return texts.length === 0 ? "" : `! ${texts.join("; ")}`;
}
