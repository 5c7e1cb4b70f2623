// Rule file: both users' tables as one JSON text, for `sesame rules export` and `import`. Reading is strict, as the worker's, and gives
// all problems with their places. It has no I/O.

import { compileBlocklist, err, ok, quote, type Result } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import { blocklistWarnings, respellRuleRow, ruleRowProblems } from "@sesame/core/rules";
import { patternsOf } from "../lint/lint-blocklist-row.ts";
import type { StoredRow, StoredTables } from "../lint/row-finding.ts";
import { tableKey } from "../table-key.ts";
import { itemOctets } from "./item-octets.ts";
import { type JsonNode, nodeAt, parseJsonTree, placesIn, type TextPlace } from "./json-tree.ts";

type Row = Readonly<Record<string, unknown>>;

/** A problem of a file: its place, and the path in the file, such as `rules["a@example.com"].ooo_end`; "" for the whole. */
export type FileProblem = TextPlace & Readonly<{ path: string; text: string }>;

/** Rows that can be written. */
export type RuleRows = Readonly<Record<RuleTable, readonly Readonly<{ key: string; row: Row }>[]>>;

const format = "sesame-rules-1";
const tables: readonly RuleTable[] = ["rules", "blocked"];

/** Writes a file. Keys and attributes are in order, so that two files can be compared. An error for a value that JSON does not have. */
export function writeRuleFile(stored: StoredTables): Result<string, readonly string[]> {
  const errors: string[] = [];
  const written = (table: RuleTable) =>
    Object.fromEntries(
      stored[table].map(({ key, row }) => [
        key,
        plainOf(row, (path) =>
          errors.push(`Cannot export ${table}[${quote(key)}]${path}: must be a value that JSON has. Remove this attribute from the row`),
        ),
      ]),
    );
  const text = JSON.stringify({ format, rules: written("rules"), blocked: written("blocked") }, null, 2);
  return errors.length > 0 ? err(errors) : ok(`${text}\n`);
}

/** A value in the types of JSON: a set as a list, the attributes of a map in order. */
export function plainOf(value: unknown, refuse: (path: string) => void, path: string = ""): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value) || value instanceof Set) return [...value].map((each, index) => plainOf(each, refuse, `${path}[${index}]`));
  if (typeof value !== "object" || ArrayBuffer.isView(value) || value instanceof Map) {
    refuse(path);
    return null;
  }
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, plainOf((value as Row)[name], refuse, `${path}.${name}`)]));
}

/** Reads a file. Either all rows can be written, or none is given. `maxRowOctets`: the largest row that the tables take. */
export function readRuleFile(text: string, maxRowOctets: number = Number.POSITIVE_INFINITY): Result<RuleRows, readonly FileProblem[]> {
  const placeOf = placesIn(text);
  const parsed = parseJsonTree(text);
  if (!parsed.ok) return err([{ ...placeOf(parsed.error.at), path: "", text: `Cannot read JSON: ${parsed.error.text}` }]);
  const root = parsed.value;
  const found: Found = [...wholeProblems(root)];
  const rows = { rules: rowsOf(root, "rules", found), blocked: rowsOf(root, "blocked", found) };
  for (const table of tables) {
    for (const { key, row } of rows[table]) {
      const octets = itemOctets(key, row);
      if (octets > maxRowOctets) found.push([[table, key], `must have at most ${maxRowOctets} octets, is about ${octets}`]);
    }
  }
  if (found.length === 0) return ok(rows);
  return err(found.map(([path, rule]) => ({ ...placeOf(nodeAt(root, path).at), path: pathText(path), text: rule })));
}

function wholeProblems(root: JsonNode): Found {
  if (!isMap(root.value)) return [[[], `must be a map with rules and blocked, is ${quote(root.value)}`]];
  const found: Found = tables.some((table) => root.parts.has(table)) ? [] : [[[], "must have rules or blocked, or both"]];
  for (const [name, { value }] of root.parts) {
    if (name === "format" && value !== format) found.push([[name], `must be ${quote(format)}, is ${quote(value)}`]);
    else if (name !== "format" && !tables.includes(name as RuleTable)) found.push([[name], "must be format, rules or blocked"]);
  }
  return found;
}

type Path = readonly (string | number)[];
type Found = (readonly [Path, string])[];

function rowsOf(root: JsonNode, table: RuleTable, found: Found): RuleRows[RuleTable] {
  const node = root.parts.get(table);
  if (node === undefined) return [];
  if (!isMap(node.value)) {
    found.push([[table], `must be a map from keys to rows, is ${quote(node.value)}`]);
    return [];
  }
  return [...node.parts].map(([name, { value }]) => {
    const key = String(name);
    const normal = tableKey(key);
    if (!normal.ok) found.push([[table, key], `its key must be an address or *@domain: ${normal.error}`]);
    else if (normal.value !== key) found.push([[table, key], `its key must be ${quote(normal.value)}, as the worker looks it up`]);
    return table === "rules" ? ruleRow(key, value, found) : blocklistRow(key, value, found);
  });
}

function ruleRow(key: string, row: unknown, found: Found): Readonly<{ key: string; row: Row }> {
  const older = new Map(respellRuleRow(row).changes.map(({ field, to }) => [field, quote(to)]));
  for (const { field, text } of ruleRowProblems(row)) {
    const path: Path = ["rules", key, ...(field === null ? [] : [field])];
    if (field !== "forwards") found.push([path, older.has(field ?? "") ? `${text}. Write ${older.get(field ?? "")}` : text]);
  }
  const forwards = isMap(row) ? row["forwards"] : undefined;
  for (const [path, text] of forwardProblems(forwards)) found.push([["rules", key, "forwards", ...path], text]);
  return { key, row: isMap(row) ? row : {} };
}

/** The problems of forwards, of each target at its own place. */
function forwardProblems(forwards: unknown): readonly (readonly [Path, string])[] {
  const problemsOf = (value: unknown) => ruleRowProblems({ forwards: value }).map(({ text }) => text);
  if (!Array.isArray(forwards)) return problemsOf(forwards).map((text) => [[], text]);
  const items = forwards.flatMap((item, index) => problemsOf([item]).map((text) => [[index], text] as const));
  const whole = problemsOf(forwards).filter((text) => !items.some(([, each]) => each === text));
  return [...items, ...whole.map((text) => [[], text] as const)];
}

function blocklistRow(key: string, row: unknown, found: Found): Readonly<{ key: string; row: Row }> {
  if (!isMap(row)) {
    found.push([["blocked", key], `must be a map with blocked_patterns, is ${quote(row)}`]);
    return { key, row: {} };
  }
  const patterns = patternsOf(row);
  const path: Path = ["blocked", key, "blocked_patterns"];
  const invalid = (value: unknown) => blocklistWarnings(compileBlocklist(new Map([[key, value]]))).filter(({ kind }) => kind === "invalid");
  if (!Array.isArray(patterns)) for (const { text } of invalid(patterns)) found.push([path, text]);
  else for (const [index, item] of patterns.entries()) for (const { text } of invalid([item])) found.push([[...path, index], text]);
  return { key, row };
}

function isMap(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pathText(path: Path): string {
  return path
    .map((name, at) => (at === 0 ? name : typeof name === "string" && /^[a-z_]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`))
    .join("");
}

/** A stored row, in the form that a file has. */
export function asInFile({ key, row }: StoredRow): StoredRow {
  return { key, row: plainOf(row, () => {}) };
}
