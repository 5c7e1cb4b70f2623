// sesame block: adds patterns to a row of the blocklist and takes them out, and says what a new row replaces. It checks patterns as the
// worker reads them, and writes nothing itself.

import { compileBlocklist, err, ok, quote, type Result } from "@sesame/core";
import { blocklistWarnings } from "@sesame/core/rules";

type Row = Readonly<Record<string, unknown>>;

/** A row with these patterns alone. A pattern that can match no sender is refused, with the correct spelling. */
export function patternRow(patterns: readonly string[]): Result<Row> {
  const warnings = warningsOf(patterns).filter(({ kind }) => kind !== "broad"); // allowed: it may be intended
  return warnings.length > 0 ? err(warnings.map(({ text }) => text).join("\n")) : ok({ blocked_patterns: patterns });
}

/** The stored row with these patterns too. What stands in it already stays once. */
export function addedPatterns(stored: unknown, patterns: readonly string[]): Result<Row> {
  const checked = patternRow(patterns);
  if (!checked.ok) return checked;
  const before = patternsOf(stored);
  const known = new Set(before.map(folded));
  const added = patterns.filter(
    (pattern, at) => !known.has(folded(pattern)) && patterns.findIndex((one) => folded(one) === folded(pattern)) === at,
  );
  return ok({ ...attributesOf(stored), blocked_patterns: [...before, ...added] });
}

/** The stored row without these patterns, in any case of their letters; `null` if none is left. */
export function withoutPatterns(key: string, stored: unknown, patterns: readonly string[]): Result<Row | null> {
  const before = patternsOf(stored);
  const gone = new Set(patterns.map(folded));
  const missing = patterns.filter((pattern) => !before.some((each) => folded(each) === folded(pattern)));
  if (missing.length > 0)
    return err(
      `Cannot remove ${missing.map((pattern) => quote(pattern)).join(", ")}: not in the row ${key}; sesame block show ${key} lists its patterns`,
    );
  const left = before.filter((pattern) => !gone.has(folded(pattern)));
  return ok(left.length === 0 ? null : { ...attributesOf(stored), blocked_patterns: left });
}

/** Notes about a row that was written: patterns that block everybody, and those of before that are gone. */
export function patternNotes(row: Row, stored: unknown = null): readonly string[] {
  const now = new Set(patternsOf(row).map(folded));
  const gone = patternsOf(stored).filter((pattern) => !now.has(folded(pattern)));
  const replaced = gone.length === 0 ? [] : [`no longer blocked: ${gone.join(", ")}`];
  return [...replaced, ...warningsOf(row["blocked_patterns"]).map(({ text }) => text)];
}

function warningsOf(patterns: unknown) {
  return blocklistWarnings(compileBlocklist(new Map([["", patterns]])));
}

function attributesOf(stored: unknown): Row {
  return typeof stored === "object" && stored !== null ? (stored as Row) : {};
}

/** The patterns of a stored row; what is no text there is no pattern. */
function patternsOf(stored: unknown): readonly string[] {
  const patterns = attributesOf(stored)["blocked_patterns"];
  return Array.isArray(patterns) ? patterns.filter((item) => typeof item === "string") : [];
}

/** Patterns do not distinguish the case of letters. */
function folded(pattern: string): string {
  return pattern.toLowerCase();
}
