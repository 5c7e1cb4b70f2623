// Blocklist: finds the pattern of a recipient that blocks a sender. Exact addresses and `*@domain` are found in an index; other
// patterns are compared one by one. sender.ts says which addresses are the sender; a display name is not compared. A domain is
// compared as A-labels, as U-labels, and as it is written (RFC 5890 §2.3.2.1). An item that is not a valid pattern is not used,
// and one that can match nobody has no effect; both give a warning.

import { type Address, addressKey, unicodeKey } from "../mail/address.ts";
import { quote } from "../result.ts";
import {
  compilePattern,
  type FoldedText,
  foldText,
  isLiteral,
  matchesFoldedText,
  maxPattern,
  type Pattern,
  type StepBudget,
  toFoldedText,
} from "./pattern.ts";
import { patternAdvice } from "./pattern-advice.ts";

/** A match: the pattern that blocks, the table key of its row, and the sender address that it matched. */
export type Blocked = Readonly<{ pattern: string; row: string; matched: Address }>;

/** A problem with an item of a row. "invalid": the item is not used. "useless" and "broad": see pattern-advice.ts. */
export type BlocklistWarning = Readonly<{ kind: "invalid" | "useless" | "broad"; key: string; text: string }>;

/** The patterns of one row, indexed. */
type CompiledRow = Readonly<{
  key: string;
  exact: ReadonlyMap<string, string>;
  domains: ReadonlyMap<string, string>;
  wildcards: readonly Pattern[];
  /** All texts of the row in their order. */
  patterns: readonly string[];
  warnings: readonly BlocklistWarning[];
}>;

/** Rows of the blocklist table by table key, compiled once for a mail. Made by `compileBlocklist`. */
export type Blocklist = Readonly<{ rows: ReadonlyMap<string, CompiledRow> }>;

// A row has at most 400 KB (DynamoDB Developer Guide, "Quotas"). Indexed patterns need no limit.
const maxWildcards = 5000;
// Steps to compare the wildcards of one row with all addresses of a sender: a tenth of a second. A row of 5000 patterns needs a
// tenth of this for ordinary mail, but minutes for a sender that is made for it. After the limit only the index is used.
const maxSteps = 10_000_000;
// Warnings of one row.
const maxWarnings = 20;

/**
 * Compiles stored patterns by table key. Values of a wrong type are left out and give a warning. Later changes to the argument
 * have no effect.
 */
export function compileBlocklist(rows: ReadonlyMap<string, unknown>): Blocklist {
  return { rows: new Map([...rows].map(([key, patterns]) => [key, compileRow(key, patterns)])) };
}

/** Returns the warnings of the rows under these keys, in the order of the keys. */
export function blocklistWarnings({ rows }: Blocklist, keys: Iterable<string> = rows.keys()): readonly BlocklistWarning[] {
  return [...keys].flatMap((key) => rows.get(key)?.warnings ?? []);
}

function compileRow(key: string, stored: unknown): CompiledRow {
  const exact = new Map<string, string>();
  const domains = new Map<string, string>();
  const wildcards: Pattern[] = [];
  let wildcardCount = 0;
  const warnings: BlocklistWarning[] = [];
  const invalid = (text: string, value: unknown) => warnings.push({ kind: "invalid", key, text: `${text}, is ${quote(value)}` });
  const items = itemsOf(stored, invalid);
  for (const item of items) {
    if (typeof item !== "string") invalid("Cannot use a pattern: must be a text", item);
    else if (item.length > maxPattern) invalid(`Cannot use a pattern: must have at most ${maxPattern} characters`, item);
    else {
      const advice = patternAdvice(item);
      if (advice !== null) warnings.push({ ...advice, key });
      const folded = foldText(item);
      const domain = folded.startsWith("*@") ? folded.slice(2) : "*";
      if (isLiteral(folded)) exact.set(folded, exact.get(folded) ?? item);
      else if (isLiteral(domain) && !domain.includes("@")) domains.set(domain, domains.get(domain) ?? item);
      else if (++wildcardCount <= maxWildcards) wildcards.push(compilePattern(item));
    }
  }
  if (wildcardCount > maxWildcards)
    invalid(`Cannot use all patterns: must have at most ${maxWildcards} with a wildcard other than that of *@domain`, wildcardCount);
  const patterns = items.filter((item) => typeof item === "string");
  return { key, exact, domains, wildcards, patterns, warnings: limitWarnings(warnings, key) };
}

/** The closing log line of each mail repeats the warnings, and a row of 400 KB can hold a hundred thousand invalid patterns. */
function limitWarnings(warnings: readonly BlocklistWarning[], key: string): readonly BlocklistWarning[] {
  if (warnings.length <= maxWarnings) return warnings;
  const text = `Cannot list all invalid patterns: at most ${maxWarnings} are listed, found ${warnings.length}`;
  return [...warnings.slice(0, maxWarnings), { kind: "invalid", key, text }];
}

function itemsOf(patterns: unknown, invalid: (text: string, value: unknown) => void): readonly unknown[] {
  const list: unknown = patterns instanceof Set ? [...patterns] : patterns;
  if (Array.isArray(list)) return list;
  invalid("Cannot use blocked_patterns: must be a list or set of texts", patterns);
  return [];
}

/** The rows that match a sender. Each row is compared once, for all recipients that share it. */
export type SenderMatches = ReadonlyMap<string, RowMatch>;

/** `position`: index of the matched address in the addresses of the sender. */
type RowMatch = Readonly<{ position: number; blocked: Blocked }>;

/** Compares all rows with the addresses of a sender. */
export function matchSender({ rows }: Blocklist, senders: readonly Address[]): SenderMatches {
  const found = [...rows.values()].map((row) => [row.key, matchRow(row, senders)] as const);
  return new Map(found.flatMap(([key, match]) => (match === null ? [] : [[key, match] as const])));
}

/**
 * Returns the match that blocks, or `null`: among the rows under these keys, the one whose matched address comes first; for equal
 * addresses, the nearest row.
 */
export function nearestBlock(matches: SenderMatches, keys: readonly string[]): Blocked | null {
  let first: RowMatch | null = null;
  for (const key of keys) {
    const found = matches.get(key);
    if (found !== undefined && (first === null || found.position < first.position)) first = found;
  }
  return first?.blocked ?? null;
}

/**
 * Returns the pattern that blocks a sender, or `null`. `senders`: see `sendersOf`. `keys`: the rows that apply, the nearest first
 * (see `tableKeys`); by default all rows in their order.
 */
export function findBlock(
  blocklist: Blocklist,
  senders: readonly Address[],
  keys: Iterable<string> = blocklist.rows.keys(),
): Blocked | null {
  return nearestBlock(matchSender(blocklist, senders), [...keys]);
}

function matchRow(row: CompiledRow, senders: readonly Address[]): RowMatch | null {
  const budget: StepBudget = { left: maxSteps };
  for (const [position, matched] of senders.entries()) {
    const spellings = spellingsOf(matched);
    const pattern = findIndexed(row, spellings) ?? findWildcard(row, spellings, budget);
    if (pattern !== undefined) return { position, blocked: { pattern, row: row.key, matched } };
  }
  return null;
}

function spellingsOf(address: Address): readonly FoldedText[] {
  return [...new Set([addressKey(address), unicodeKey(address), foldText(address)])].map(toFoldedText);
}

function findIndexed({ exact, domains }: CompiledRow, spellings: readonly FoldedText[]): string | undefined {
  for (const { text } of spellings) {
    const found = exact.get(text) ?? domains.get(text.slice(text.lastIndexOf("@") + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function findWildcard({ wildcards }: CompiledRow, spellings: readonly FoldedText[], budget: StepBudget): string | undefined {
  if (budget.left <= 0) return undefined;
  return wildcards.find((pattern) => spellings.some((text) => matchesFoldedText(pattern, text, budget)))?.source;
}
