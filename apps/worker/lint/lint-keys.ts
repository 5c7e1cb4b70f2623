// Lint of keys: rows that the worker never finds, because their key is spelled in another way than it looks them up.

import { type Domain, quote } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import { tableKey } from "../table-key.ts";
import type { RowFinding, RowFindingKind, RowLevel } from "./row-finding.ts";

/** `keys`: all keys of this table. `domains`: the served ones; `null`: not known. */
export function keyFindings(
  table: RuleTable,
  key: string,
  { keys, domains }: Readonly<{ keys: ReadonlySet<string>; domains: readonly Domain[] | null }>,
): readonly RowFinding[] {
  const finding = (level: RowLevel, kind: RowFindingKind, text: string, mend: string): RowFinding[] => [
    { level, kind, table, key, field: null, text, mend },
  ];
  const normal = tableKey(key);
  if (!normal.ok) {
    const meant = tableKey(`*@${key.replace(/^[*@]+/, "")}`);
    const advice =
      key.lastIndexOf("@") < 1 && meant.ok ? `write the row under ${meant.value}` : "write the row under the address that it is for";
    return finding(
      "error",
      "key-unreadable",
      "the key is neither an address nor *@domain, so the row is never used",
      `${advice}, and delete this one`,
    );
  }
  if (normal.value !== key) {
    const isCase = normal.value === key.toLowerCase();
    const why = isCase
      ? "the key has upper-case letters, and keys are looked up in lower case"
      : `the key is looked up as ${quote(normal.value)}`;
    const mend = keys.has(normal.value)
      ? `there is also a row ${normal.value}: put both into that one, and delete this one`
      : `write the key as ${normal.value} (sesame rules lint --fix)`;
    return finding("error", isCase ? "key-upper-case" : "key-spelling", `${why}, so the row is never used`, mend);
  }
  const domain = key.slice(key.lastIndexOf("@") + 1) as Domain;
  if (domains === null || domains.includes(domain)) return [];
  const mend = "nothing, if another worker serves this domain; else add it to DOMAINS, or remove the row";
  return finding("note", "key-not-served", `${domain} is not in DOMAINS, so this worker never uses the row`, mend);
}
