// Lint of both users' tables: findings in the order of tables and keys, and what RULE_SPELLINGS=legacy switches on. It has no I/O
// and no clock. An invalid row never hides the findings of others.

import { compileBlocklist, type Domain, decodeRuleRow, type EpochMs, quote, type RuleRow } from "@sesame/core";
import { type RowSpellings, respellPatterns } from "@sesame/core/rules";
import { tableKey } from "../table-key.ts";
import { blocklistRowFindings, patternsOf } from "./lint-blocklist-row.ts";
import { cycleFindings } from "./lint-cycles.ts";
import { keyFindings } from "./lint-keys.ts";
import { ruleRowFindings } from "./lint-rule-row.ts";
import { targetFindings } from "./lint-targets.ts";
import type { RowFinding, StoredRow, StoredTables } from "./row-finding.ts";

export type LintContext = Readonly<{
  /** The served domains; `null`: not known, then nothing is said about others. */
  domains: readonly Domain[] | null;
  now: EpochMs;
  /** Those that the worker reads. */
  spellings: RowSpellings;
}>;

/** A rule that only RULE_SPELLINGS=legacy reads. */
export type SwitchedOn = Readonly<{ table: "rules" | "blocked"; key: string; text: string }>;

export type LintReport = Readonly<{ rows: number; findings: readonly RowFinding[]; legacy: readonly SwitchedOn[] }>;

/** Looks at both tables. */
export function lintTables(tables: StoredTables, context: LintContext): LintReport {
  const { rules, blocked } = tables;
  // By the keys that are looked up: a row under another spelling is looked at as if it were mended, but hides none.
  const decoded = new Map(rules.map(({ key, row }) => [key, decodeRuleRow(row, "legacy")]));
  const blocklist = compileBlocklist(new Map(blocked.map(({ key, row }) => [key, respellPatterns(patternsOf(row)).value])));
  const keysOf = (rows: readonly StoredRow[]) => new Set(rows.map(({ key }) => key));
  const [ruleKeys, blockedKeys] = [keysOf(rules), keysOf(blocked)];
  // Each cycle is named at one row, and at no row is more than one.
  const cycles = new Map(
    cycleFindings(new Map([...decoded].filter(([key]) => normal(key) === key)), context.domains).map((found) => [found.key, [found]]),
  );
  const ofRules = rules.flatMap((stored) => [
    ...keyFindings("rules", stored.key, { keys: ruleKeys, domains: context.domains }),
    ...ruleRowFindings(stored, context),
    ...targetFindings(stored.key, normal(stored.key), decoded.get(stored.key) as RuleRow, { blocklist, domains: context.domains }),
    ...(cycles.get(stored.key) ?? []),
  ]);
  const ofBlocked = blocked.flatMap((stored) => [
    ...keyFindings("blocked", stored.key, { keys: blockedKeys, domains: context.domains }),
    ...blocklistRowFindings(stored, context),
  ]);
  return { rows: rules.length + blocked.length, findings: [...ofRules, ...ofBlocked], legacy: switchedOn(tables) };
}

function normal(key: string): string {
  const found = tableKey(key);
  return found.ok ? found.value : key;
}

function switchedOn({ rules, blocked }: StoredTables): readonly SwitchedOn[] {
  const found: SwitchedOn[] = [];
  for (const { key, row } of rules) {
    const [strict, legacy] = [decodeRuleRow(row), decodeRuleRow(row, "legacy")];
    if (strict.reply === null && legacy.reply !== null) found.push({ table: "rules", key, text: `the auto-reply of ${key}` });
    for (const target of legacy.forwards.filter((each) => !strict.forwards.includes(each)))
      found.push({ table: "rules", key, text: `the forward of ${key} to ${target}` });
  }
  for (const { key, row } of blocked) {
    const { value, changes } = respellPatterns(patternsOf(row));
    if (changes.length > 0 && Array.isArray(value))
      for (const pattern of value) found.push({ table: "blocked", key, text: `the pattern ${quote(pattern)} of ${key}` });
  }
  return found;
}
