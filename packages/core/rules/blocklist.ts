// Blocklist: which pattern of a recipient blocks this sender? Patterns are indexed: exact addresses and `*@domain` by
// look-up, the rest one by one. Who the sender is, sender.ts says; a display name is never compared. The domain is
// compared as A-labels, as people read it, and as it is written (RFC 5890 §2.3.2.1). An item that is no pattern is left
// out, and one that can match nobody stays; both are warned of.

import { type Address, addressKey, unicodeKey } from "../mail/address.ts";
import { quote } from "../result.ts";
import {
  compilePattern,
  type Effort,
  type FoldedText,
  foldedText,
  foldText,
  isLiteral,
  matchesFolded,
  maxPattern,
  type Pattern,
} from "./pattern.ts";
import { adviseOn } from "./pattern-advice.ts";

/** The pattern that blocks, the table key of its row, and the address of the sender that it matched. */
export type Blocked = Readonly<{ pattern: string; row: string; matched: Address }>;

/** What is wrong with something in a row. "invalid": it is not used. "useless", "broad": see pattern-advice.ts. */
export type BlocklistWarning = Readonly<{ kind: "invalid" | "useless" | "broad"; key: string; text: string }>;

/** The patterns of one row, as they are stored, under what they are found by. */
type CompiledRow = Readonly<{
  key: string;
  exact: ReadonlyMap<string, string>;
  domains: ReadonlyMap<string, string>;
  others: readonly Pattern[];
  /** All texts of the row in its order, whether they are of use or not. */
  patterns: readonly string[];
  warnings: readonly BlocklistWarning[];
}>;

/** Rows of the blocklist table, compiled once for a mail, by table key. Made by `compileBlocklist`. */
export type Blocklist = Readonly<{ rows: ReadonlyMap<string, CompiledRow> }>;

// A row holds 400 KB at the most (DynamoDB Developer Guide, "Quotas"). Those that are found by look-up need no limit.
const maxOthers = 5000;
// Comparisons of one row's wildcards with all addresses of a sender, a tenth of a second; those beyond are still looked up,
// exact and by domain. 5000 patterns and a mail from a person need a tenth of it. A row and a sender that are made for
// each other would take minutes.
const maxEffort = 10_000_000;
// What is wrong with one row.
const maxWarnings = 20;

/**
 * Compiles the stored patterns of rows, by table key. A wrong type is left out and warned of. What the caller does to his
 * lists afterwards changes nothing.
 */
export function compileBlocklist(rows: ReadonlyMap<string, unknown>): Blocklist {
  return { rows: new Map([...rows].map(([key, patterns]) => [key, compileRow(key, patterns)])) };
}

/** What is wrong with the rows under these keys, the nearest row first. */
export function blocklistWarnings({ rows }: Blocklist, keys: Iterable<string> = rows.keys()): readonly BlocklistWarning[] {
  return [...keys].flatMap((key) => rows.get(key)?.warnings ?? []);
}

function compileRow(key: string, stored: unknown): CompiledRow {
  const exact = new Map<string, string>();
  const domains = new Map<string, string>();
  const others: Pattern[] = [];
  let wild = 0;
  const warnings: BlocklistWarning[] = [];
  const invalid = (text: string, value: unknown) =>
    warnings.push({ kind: "invalid", key, text: `${text}, is ${quote(value)}` });
  const items = itemsOf(stored, invalid);
  for (const item of items) {
    if (typeof item !== "string") invalid("Cannot use a pattern: must be a text", item);
    else if (item.length > maxPattern) invalid(`Cannot use a pattern: must have at most ${maxPattern} characters`, item);
    else {
      const advice = adviseOn(item);
      if (advice !== null) warnings.push({ ...advice, key });
      const folded = foldText(item);
      const domain = folded.startsWith("*@") ? folded.slice(2) : "*";
      if (isLiteral(folded)) exact.set(folded, exact.get(folded) ?? item);
      else if (isLiteral(domain) && !domain.includes("@")) domains.set(domain, domains.get(domain) ?? item);
      else if (++wild <= maxOthers) others.push(compilePattern(item));
    }
  }
  if (wild > maxOthers) invalid(`Cannot use all patterns: at most ${maxOthers} may hold a wildcard that stands for more than a local part`, wild);
  const patterns = items.filter((item) => typeof item === "string");
  return { key, exact, domains, others, patterns, warnings: foremost(warnings, key) };
}

/** Each mail's closing line repeats them, and a row of 400 KB may hold a hundred thousand patterns that are wrong. */
function foremost(warnings: readonly BlocklistWarning[], key: string): readonly BlocklistWarning[] {
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

/** Which rows match a sender, and where: each row is compared once, however many recipients share it. */
export type SenderMatches = ReadonlyMap<string, Found>;

/** `position`: of the address among those of the sender. */
type Found = Readonly<{ position: number; blocked: Blocked }>;

/** Compares all rows with the addresses of one sender. */
export function matchSender({ rows }: Blocklist, senders: readonly Address[]): SenderMatches {
  const found = [...rows.values()].map((row) => [row.key, compare(row, senders)] as const);
  return new Map(found.flatMap(([key, match]) => (match === null ? [] : [[key, match] as const])));
}

/** Of the rows under these keys, the pattern of the nearest one that matches the first address that any matches, or `null`. */
export function nearestBlock(matches: SenderMatches, keys: readonly string[]): Blocked | null {
  let first: Found | null = null;
  for (const key of keys) {
    const found = matches.get(key);
    if (found !== undefined && (first === null || found.position < first.position)) first = found;
  }
  return first?.blocked ?? null;
}

/**
 * Which pattern blocks a sender, `null` for none: a single question. `senders`: see sender.ts. `keys`: the rows that apply, the
 * nearest first (see `tableKeys`); all rows in their order where none are named.
 */
export function findBlock(
  blocklist: Blocklist,
  senders: readonly Address[],
  keys: Iterable<string> = blocklist.rows.keys(),
): Blocked | null {
  return nearestBlock(matchSender(blocklist, senders), [...keys]);
}

function compare(row: CompiledRow, senders: readonly Address[]): Found | null {
  const effort: Effort = { left: maxEffort };
  for (const [position, matched] of senders.entries()) {
    const spellings = spellingsOf(matched);
    const pattern = lookUp(row, spellings) ?? scan(row, spellings, effort);
    if (pattern !== undefined) return { position, blocked: { pattern, row: row.key, matched } };
  }
  return null;
}

function spellingsOf(address: Address): readonly FoldedText[] {
  return [...new Set([addressKey(address), unicodeKey(address), foldText(address)])].map(foldedText);
}

function lookUp({ exact, domains }: CompiledRow, spellings: readonly FoldedText[]): string | undefined {
  for (const { text } of spellings) {
    const found = exact.get(text) ?? domains.get(text.slice(text.lastIndexOf("@") + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function scan({ others }: CompiledRow, spellings: readonly FoldedText[], effort: Effort): string | undefined {
  if (effort.left <= 0) return undefined;
  return others.find((pattern) => spellings.some((text) => matchesFolded(pattern, text, effort)))?.source;
}
