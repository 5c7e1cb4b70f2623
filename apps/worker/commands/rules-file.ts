// sesame rules export, sesame rules import: both users' tables as one JSON file. An import shows what it would change and writes only
// with --yes; when anything in the file is wrong, it writes nothing.

import { isDeepStrictEqual } from "node:util";
import { err, ok, quote, type Result } from "@sesame/core";
import type { RuleBook } from "@sesame/core/journey";
import { visible } from "../lint/report-text.ts";
import { maxItemOctets } from "../rule-file/item-octets.ts";
import { changeLines, type RowChange, rowChanges } from "../rule-file/row-changes.ts";
import { asInFile, type FileProblem, readRuleFile, writeRuleFile } from "../rule-file/rule-file.ts";
import { listTables } from "../rule-tables.ts";
import { readInputFile } from "./input-file.ts";

type Streams = Readonly<{ out: NodeJS.WritableStream; problems: NodeJS.WritableStream }>;

/** Prints both tables. Returns the exit code. */
export async function exportRules(book: RuleBook, { out, problems }: Streams): Promise<number> {
  const { tables, notes } = await listTables(book);
  const file = writeRuleFile(tables);
  if (!file.ok) {
    problems.write(`${file.error.map(visible).join("\n")}\n`);
    return 2;
  }
  out.write(file.value);
  for (const note of notes) problems.write(`Note: ${note}\n`);
  const read = readRuleFile(file.value);
  if (!read.ok)
    problems.write(
      `Note: an import will refuse this file as it is, for ${read.error.length} values. sesame rules lint says how to mend them\n`,
    );
  return 0;
}

/** `aws`: rows that DynamoDB would refuse are refused. `replace`: rows that the file does not have are removed. */
export type ImportOptions = Readonly<{ yes?: boolean; replace?: boolean; json?: boolean; aws?: boolean }>;

const atOnce = 10;

/** Writes the rows of a file. Returns the exit code. */
export async function importRules(book: RuleBook, path: string, options: ImportOptions, { out, problems }: Streams): Promise<number> {
  const { yes = false, replace = false, json = false, aws = false } = options;
  const text = await readText(path);
  if (!text.ok) {
    problems.write(`${text.error}\n`);
    return 2;
  }
  const read = readRuleFile(text.value, aws ? maxItemOctets : undefined);
  if (!read.ok) {
    const errors = read.error;
    if (json) out.write(`${JSON.stringify({ written: false, errors, changes: [], left: [] }, null, 2)}\n`);
    for (const error of errors) problems.write(`${visible(errorLine(path, error))}\n`);
    problems.write(`Nothing was changed: ${errors.length} ${errors.length === 1 ? "error" : "errors"} in ${visible(path)}\n`);
    return 2;
  }
  const { tables, notes } = await listTables(book);
  if (notes.length > 0) {
    problems.write(`Cannot import: ${notes.join(", and ")}. Nothing was changed. Create it, see sesame check\n`);
    return 2;
  }
  const stored = { rules: tables.rules.map(asInFile), blocked: tables.blocked.map(asInFile) };
  const changes = rowChanges(stored, read.value, replace);
  const left = yes ? await apply(book, changes) : [];
  if (json) out.write(`${JSON.stringify({ written: yes, errors: [], changes, left }, null, 2)}\n`);
  else out.write(`${[...changes.flatMap(changeLines), endLine(changes, left, yes)].map(visible).join("\n")}\n`);
  for (const { table, key } of left)
    problems.write(`${visible(`Cannot write ${table} ${key}: the row was changed in the meantime. Run the command again`)}\n`);
  return left.length > 0 ? 1 : 0;
}

async function readText(path: string): Promise<Result<string>> {
  const octets = await readInputFile(path, "rules");
  if (!octets.ok) return octets;
  try {
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(octets.value));
  } catch {
    return err(`Cannot read the rules file ${quote(path)}: must be UTF-8`);
  }
}

function errorLine(file: string, { line, column, path, text }: FileProblem): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${text}`;
}

function endLine(changes: readonly RowChange[], left: readonly RowChange[], isWritten: boolean): string {
  if (changes.length === 0) return "Nothing to change: the tables have these rows already";
  const done = changes.filter((each) => !left.includes(each));
  const count = (kind: (change: RowChange) => boolean) => done.filter(kind).length;
  const [added, removed] = [count(({ before }) => before === null), count(({ after }) => after === null)];
  const sums = `${added} new, ${done.length - added - removed} changed, ${removed} removed`;
  return isWritten ? `${sums}. They apply to the next mail` : `${sums}. Nothing was written. To write these rows, add --yes`;
}

/** Returns the changes that were left, because their rows are no longer as they were read. */
async function apply(book: RuleBook, changes: readonly RowChange[]): Promise<readonly RowChange[]> {
  const left: RowChange[] = [];
  for (let at = 0; at < changes.length; at += atOnce) {
    const some = changes.slice(at, at + atOnce);
    const done = await Promise.all(some.map((change) => applyOne(book, change)));
    left.push(...some.filter((_, index) => !done[index]));
  }
  return left;
}

async function applyOne(book: RuleBook, { table, key, before, after }: RowChange): Promise<boolean> {
  const current = asInFile({ key, row: await book.show(table, key) }).row;
  if (!isDeepStrictEqual(current, before)) return false;
  if (after === null) await book.remove(table, key);
  else await book.set(table, key, after);
  return true;
}
