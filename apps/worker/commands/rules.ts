// sesame rules, sesame block: list, show, set and remove users' rows. A row is decoded as the worker decodes it before it is
// written, so an invalid row is refused. The commands also work while `sesame local` runs.

import { addressKey, decodeRuleRow, type EpochMs, err, ok, type Result } from "@sesame/core";
import { formatInstant } from "@sesame/core/explain";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import { tableKey } from "../table-key.ts";
import { listText } from "./row-lists.ts";

/** The options of `sesame rules set`. */
export type RuleOptions = Readonly<{
  ooo?: string;
  html?: boolean;
  oooSubject?: string;
  start?: string;
  end?: string;
  timezone?: string;
  /** `false`: remove all forwards. */
  forward?: readonly string[] | false;
  off?: boolean;
}>;

/** Merges options into a row and decodes it. An empty text removes its attribute. */
export function ruleRow(stored: unknown, options: RuleOptions): Result<Record<string, unknown>> {
  const before = typeof stored === "object" && stored !== null ? stored : {};
  const merged: Record<string, unknown> = {
    ...before,
    ...(options.html && { ooo_content_type: "html" }),
    ...(options.ooo !== undefined && { ooo_active: true, ooo_message: options.ooo, ooo_content_type: options.html ? "html" : "text" }),
    ...(options.off && { ooo_active: false }),
    ...(options.oooSubject !== undefined && { ooo_subject: options.oooSubject }),
    ...(options.start !== undefined && { ooo_start: options.start }),
    ...(options.end !== undefined && { ooo_end: options.end }),
    ...(options.timezone !== undefined && { ooo_timezone: options.timezone }),
    ...(options.forward !== undefined && { forwards: options.forward || [] }),
  };
  const row = Object.fromEntries(Object.entries(merged).filter(([name, value]) => !removable.has(name) || !isEmpty(value)));
  if (Object.keys(merged).length === 0) return err("Cannot set a rule: give --ooo, --off or --forward");
  const { errors } = decodeRuleRow(row);
  return errors.length > 0 ? err(errors.join("\n")) : ok(row);
}

const removable: ReadonlySet<string> = new Set(["ooo_subject", "ooo_start", "ooo_end", "ooo_timezone", "forwards"]);

function isEmpty(value: unknown): boolean {
  return value === "" || (Array.isArray(value) && value.length === 0);
}

/** Notes about a row that does less than it seems to do. */
export function ruleNotes(key: string, row: Readonly<Record<string, unknown>>, now: EpochMs): readonly string[] {
  const { reply, forwards } = decodeRuleRow(row);
  const notes: string[] = [];
  if (reply === null && Object.keys(row).some((name) => name.startsWith("ooo_") && name !== "ooo_active"))
    notes.push("no auto-reply is sent, because no --ooo text is set");
  if (reply?.until && reply.until <= now)
    notes.push(`the auto-reply ended at ${formatInstant(reply.until)}: set another --end, or --end "" for no end`);
  if (reply?.from && reply.from > now) notes.push(`the auto-reply starts at ${formatInstant(reply.from)}`);
  if (forwards.some((target) => addressKey(target) === key)) notes.push(`the forward to ${key} itself is skipped`);
  return notes;
}

/** Runs one of the four verbs on a table. Returns the exit code. */
export async function editTable(book: RuleBook, table: RuleTable, verb: Verb): Promise<number> {
  const print = (value: unknown) => {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  };
  if (verb.kind === "list") {
    const options = { json: verb.json, isTerminal: process.stdout.isTTY === true, now: Date.now() as EpochMs };
    process.stdout.write(listText(table, await book.list(table), options));
    return 0;
  }
  const key = tableKey(verb.address);
  if (!key.ok) return fail(key.error);
  const stored = await book.show(table, key.value);
  const missing = `Cannot find a row for ${key.value} in the table ${table}`;
  if (verb.kind === "remove") return (await book.remove(table, key.value)) ? 0 : fail(missing);
  if (verb.kind === "show") {
    if (stored === null) return fail(missing);
    print(stored);
    return 0;
  }
  const row = verb.row(stored, key.value);
  if (!row.ok) return fail(row.error);
  if (row.value === null) {
    if (!(await book.remove(table, key.value))) return fail(missing);
    process.stderr.write(`Note: nothing is left in the row ${key.value}, and it is removed\n`);
    return 0;
  }
  await book.set(table, key.value, row.value);
  print(row.value);
  for (const note of verb.notes(key.value, row.value, stored)) process.stderr.write(`Note: ${note}\n`);
  return 0;
}

type Row = Readonly<Record<string, unknown>>;

/** One operation on a table. */
export type Verb =
  | { readonly kind: "list"; readonly json: boolean }
  | { readonly kind: "show"; readonly address: string }
  | { readonly kind: "remove"; readonly address: string }
  | {
      readonly kind: "set";
      readonly address: string;
      /** The row to write; `null` removes it. */
      row(stored: unknown, key: string): Result<Row | null>;
      /** `stored`: the row of before. */
      notes(key: string, row: Row, stored: unknown): readonly string[];
    };

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}
