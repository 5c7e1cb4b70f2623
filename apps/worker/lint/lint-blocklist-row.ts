// Lint of one row of a blocklist: patterns that cannot be read, that match nobody or everybody, each with its place in the list.

import { compileBlocklist } from "@sesame/core";
import { shellWord } from "@sesame/core/explain";
import { type BlocklistWarning, blocklistWarnings, type RowSpellings, respellPatterns } from "@sesame/core/rules";
import { olderSpelling } from "./lint-rule-row.ts";
import type { RowFinding, RowFindingKind, RowLevel, StoredRow } from "./row-finding.ts";

const attribute = "blocked_patterns";

/** The stored patterns of a row; `undefined` where there are none. */
export function patternsOf(row: unknown): unknown {
  return typeof row === "object" && row !== null ? (row as Readonly<Record<string, unknown>>)[attribute] : undefined;
}

/** `spellings`: those that the worker reads. */
export function blocklistRowFindings({ key, row }: StoredRow, { spellings }: Readonly<{ spellings: RowSpellings }>): readonly RowFinding[] {
  const place = { table: "blocked", key } as const;
  const { value, changes } = respellPatterns(patternsOf(row));
  const findings: RowFinding[] = changes.map((change) => ({ ...place, ...olderSpelling(change, { isOff: true, spellings }) }));
  if (!Array.isArray(value) && !(value instanceof Set))
    return warningsOf(key, value).map(({ text }) => ({
      ...place,
      level: "error" as const,
      kind: "unreadable" as const,
      field: attribute,
      text: `${text}; nobody is blocked`,
      mend: `sesame block set ${shellWord(key)} with the patterns`,
    }));
  for (const [index, item] of [...value].entries()) {
    // One by one: a row names its first warnings only, and without their places.
    for (const warning of warningsOf(key, [item]))
      findings.push({ ...place, field: `${attribute}[${index}]`, ...patternFinding(warning, key) });
  }
  return findings;
}

function warningsOf(key: string, patterns: unknown): readonly BlocklistWarning[] {
  return blocklistWarnings(compileBlocklist(new Map([[key, patterns]])));
}

const kinds: Readonly<Record<BlocklistWarning["kind"], readonly [RowLevel, RowFindingKind, string]>> = {
  invalid: ["error", "unreadable", "with a text in its place"],
  useless: ["warning", "pattern-useless", "with the right pattern in its place"],
  broad: ["warning", "pattern-broad", "without it, unless this is meant"],
};

function patternFinding({ kind, text }: BlocklistWarning, key: string): Pick<RowFinding, "level" | "kind" | "text" | "mend"> {
  const [level, found, how] = kinds[kind];
  return { level, kind: found, text, mend: `sesame block set ${shellWord(key)} with all patterns of the row, ${how}` };
}
