// sesame rules, sesame block: list, show, set and remove users' rows. A row is decoded before it is written, by the very
// function that the worker uses, so what is refused there is refused here. Works while `sesame local` runs.

import {
  addressKey,
  decodeRules,
  err,
  indexBlocklist,
  ok,
  parseAddress,
  parseDomain,
  quote,
  type Result,
  type RuleBook,
  type RuleTable,
} from "@sesame/core";

/** Attributes of an out-of-office rule and of forwards, as the command line gives them. */
export type RuleOptions = Readonly<{
  ooo?: string;
  html?: boolean;
  oooSubject?: string;
  start?: string;
  end?: string;
  timezone?: string;
  forward?: readonly string[];
  off?: boolean;
}>;

/** The key under which the worker looks: lower case, A-labels, `*@domain` for a catch-all. */
export function tableKey(text: string): Result<string> {
  if (text.startsWith("*@")) {
    const domain = parseDomain(text.slice(2));
    return domain.ok ? ok(`*@${domain.value}`) : domain;
  }
  const address = parseAddress(text);
  return address.ok ? ok(addressKey(address.value)) : address;
}

/** Merges options into a row and checks it. */
export function ruleRow(stored: unknown, options: RuleOptions): Result<Record<string, unknown>> {
  const before = typeof stored === "object" && stored !== null ? stored : {};
  const row: Record<string, unknown> = {
    ...before,
    ...(options.ooo !== undefined && { ooo_active: true, ooo_message: options.ooo, ooo_content_type: options.html ? "html" : "text" }),
    ...(options.off && { ooo_active: false }),
    ...(options.oooSubject !== undefined && { ooo_subject: options.oooSubject }),
    ...(options.start !== undefined && { ooo_start: options.start }),
    ...(options.end !== undefined && { ooo_end: options.end }),
    ...(options.timezone !== undefined && { ooo_timezone: options.timezone }),
    ...(options.forward !== undefined && { forwards: options.forward }),
  };
  if (Object.keys(row).length === 0) return err("Cannot set a rule as --ooo, --off or --forward is needed: current value is none");
  const { errors } = decodeRules(row);
  return errors.length > 0 ? err(errors.join("\n")) : ok(row);
}

/** Checks patterns; one that can match nobody is refused with the spelling that was meant. */
export function patternRow(patterns: readonly string[]): Result<Record<string, unknown>> {
  const warnings = indexBlocklist([{ key: "", patterns }]).warnings.filter(({ kind }) => kind !== "broad"); // that may be meant
  return warnings.length > 0 ? err(warnings.map(({ text }) => text).join("\n")) : ok({ blocked_patterns: patterns });
}

/** Runs one of the four verbs on a table. Returns the exit code. */
export async function editTable(book: RuleBook, table: RuleTable, verb: Verb): Promise<number> {
  const print = (value: unknown) => {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  };
  if (verb.kind === "list") {
    for (const { key, row } of await book.list(table)) process.stdout.write(`${key}  ${JSON.stringify(row)}\n`);
    return 0;
  }
  const key = tableKey(verb.address);
  if (!key.ok) return fail(key.error);
  const stored = await book.show(table, key.value);
  const missing = `Cannot find ${key.value} in ${table} as it must have a row: current value is ${quote(stored)}`;
  if (verb.kind === "remove") return (await book.remove(table, key.value)) ? 0 : fail(missing);
  if (verb.kind === "show") {
    if (stored === null) return fail(missing);
    print(stored);
    return 0;
  }
  const row = verb.row(stored);
  if (!row.ok) return fail(row.error);
  await book.set(table, key.value, row.value);
  print(row.value);
  return 0;
}

/** What to do with a table. */
export type Verb =
  | { readonly kind: "list" }
  | { readonly kind: "show"; readonly address: string }
  | { readonly kind: "remove"; readonly address: string }
  | { readonly kind: "set"; readonly address: string; row(stored: unknown): Result<Record<string, unknown>> };

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 2;
}
