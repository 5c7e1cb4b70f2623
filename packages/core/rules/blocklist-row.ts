// Blocklist row: one row of the blocklist table, compiled. Exact addresses and `*@domain` are found in a map, all other patterns
// in the index of pattern-index.ts. No pattern is left out because there are many. An item that is not a valid pattern is not
// used, and one that can match nobody has no effect; both give a warning. blocklist.ts compares a row with the sender of a mail.

import { quote } from "../result.ts";
import { endsPiece, type Steps, type Work } from "../steps.ts";
import { compilePattern, foldText, isLiteral, maxPattern, type Pattern } from "./pattern.ts";
import { patternAdvice } from "./pattern-advice.ts";
import { indexPatterns, type PatternIndex } from "./pattern-index.ts";

/** A problem with an item of a row. "invalid": the item is not used. "useless" and "broad": see pattern-advice.ts. */
export type BlocklistWarning = Readonly<{ kind: "invalid" | "useless" | "broad"; key: string; text: string }>;

/** The patterns of one row, indexed. */
export type CompiledRow = Readonly<{
  key: string;
  exact: ReadonlyMap<string, string>;
  domains: ReadonlyMap<string, string>;
  wildcards: PatternIndex;
  /** All texts of the row in their order. */
  patterns: readonly string[];
  warnings: readonly BlocklistWarning[];
}>;

// Warnings of one row. The closing log line of each mail repeats them, and a row of 400 KB can hold a hundred thousand invalid
// patterns (DynamoDB Developer Guide, "Quotas").
const maxWarnings = 20;

/** The items of a stored row, or `null` if it is neither a list nor a set. */
export function itemsOf(stored: unknown): readonly unknown[] | null {
  if (stored instanceof Set) return [...stored];
  return Array.isArray(stored) ? stored : null;
}

/** Compiles a row. Later changes to the argument have no effect. */
export function* compileRow(key: string, stored: unknown, work: Work): Steps<CompiledRow> {
  const warnings = new Warnings(key);
  const exact = new Map<string, string>();
  const domains = new Map<string, string>();
  const wildcards: Pattern[] = [];
  const patterns: string[] = [];
  const items = itemsOf(stored);
  if (items === null) warnings.invalid("Cannot use blocked_patterns: must be a list or set of texts", stored);
  for (const item of items ?? []) {
    if (typeof item === "string") patterns.push(item);
    if (typeof item !== "string") warnings.invalid("Cannot use a pattern: must be a text", item);
    else if (item.length > maxPattern) warnings.invalid(`Cannot use a pattern: must have at most ${maxPattern} characters`, item);
    else addPattern(item);
    work.done += 60 + (typeof item === "string" ? 4 * Math.min(item.length, maxPattern) : 0);
    if (endsPiece(work)) yield;
  }
  return { key, exact, domains, wildcards: yield* indexPatterns(wildcards, work), patterns, warnings: warnings.all() };

  function addPattern(item: string): void {
    warnings.advise(item);
    const folded = foldText(item);
    const domain = folded.startsWith("*@") ? folded.slice(2) : "*";
    if (isLiteral(folded)) exact.set(folded, exact.get(folded) ?? item);
    else if (isLiteral(domain) && !domain.includes("@")) domains.set(domain, domains.get(domain) ?? item);
    else wildcards.push(compilePattern(item));
  }
}

/** The first warnings of a row, and the number of all. */
class Warnings {
  readonly #key: string;
  readonly #first: BlocklistWarning[] = [];
  #count = 0;

  constructor(key: string) {
    this.#key = key;
  }

  invalid(text: string, value: unknown): void {
    if (this.#count++ < maxWarnings) this.#first.push({ kind: "invalid", key: this.#key, text: `${text}, is ${quote(value)}` });
  }

  advise(pattern: string): void {
    const advice = patternAdvice(pattern);
    if (advice !== null && this.#count++ < maxWarnings) this.#first.push({ ...advice, key: this.#key });
  }

  all(): readonly BlocklistWarning[] {
    if (this.#count <= maxWarnings) return this.#first;
    const text = `Cannot list all invalid patterns: at most ${maxWarnings} are listed, found ${this.#count}`;
    return [...this.#first, { kind: "invalid", key: this.#key, text }];
  }
}
