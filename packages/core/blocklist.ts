// Blocklist: which pattern of a recipient blocks this sender? Patterns are indexed: exact addresses and `*@domain` by
// look-up, the rest one by one. Who the sender is, sender.ts says; a display name is never compared. The domain is
// compared as A-labels, as people read it, and as it is written (RFC 5890 §2.3.2.1). An item that is no pattern is left
// out, and one that can match nobody stays; both are warned of.

import { type Address, addressKey, unicodeKey } from "./address.ts";
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
import { quote } from "./result.ts";

/** The pattern that blocks, the table key of its row, and the address of the sender that it matched. */
export type Blocked = Readonly<{ pattern: string; row: string; matched: Address }>;

/** The stored patterns of one table key, undecoded. */
export type BlockedRow = Readonly<{ key: string; patterns: unknown }>;

/** What is wrong with something in a row. "invalid": it is not used. "useless", "broad": see pattern-advice.ts. */
export type BlocklistWarning = Readonly<{ kind: "invalid" | "useless" | "broad"; key: string; text: string }>;

/** The patterns of one row, as they are stored, under what they are found by. */
type Index = Readonly<{
  key: string;
  exact: ReadonlyMap<string, string>;
  domains: ReadonlyMap<string, string>;
  others: readonly Pattern[];
  warnings: readonly BlocklistWarning[];
}>;

/** A recipient's patterns, indexed row by row, and what is wrong with some of them. */
export type Blocklist = Readonly<{ rows: readonly Index[]; warnings: readonly BlocklistWarning[] }>;

// A row holds 400 KB at the most (DynamoDB Developer Guide, "Quotas"). Those that are found by look-up need no limit.
const maxOthers = 5000;
// Comparisons of one row's wildcards with all addresses of a sender, a tenth of a second; those beyond are still looked up,
// exact and by domain. 5000 patterns and a mail from a person need a tenth of it. A row and a sender that are made for
// each other would take minutes.
const maxEffort = 10_000_000;
// What is wrong with one row.
const maxWarnings = 20;

/** Indexes the stored patterns of all rows that apply, the nearest row first. A wrong type is left out, aloud. */
export function indexBlocklist(rows: readonly BlockedRow[]): Blocklist {
  const indexes = rows.map(indexOf);
  return { rows: indexes, warnings: indexes.flatMap(({ warnings }) => warnings) };
}

// Every recipient of a domain shares the domain's row, and a mail has many of them.
const indexed = new WeakMap<object, Index>();

function indexOf({ key, patterns }: BlockedRow): Index {
  const isObject = typeof patterns === "object" && patterns !== null;
  const known = isObject ? indexed.get(patterns) : undefined;
  if (known?.key === key) return known;
  const made = makeIndex(key, patterns);
  if (isObject) indexed.set(patterns, made);
  return made;
}

function makeIndex(key: string, patterns: unknown): Index {
  const exact = new Map<string, string>();
  const domains = new Map<string, string>();
  const others: Pattern[] = [];
  let wild = 0;
  const warnings: BlocklistWarning[] = [];
  const invalid = (text: string, value: unknown) =>
    warnings.push({ kind: "invalid", key, text: `${text}: current value is ${quote(value)}` });
  for (const item of itemsOf(patterns, invalid)) {
    if (typeof item !== "string") invalid("Cannot use a pattern as it must be a text", item);
    else if (item.length > maxPattern) invalid(`Cannot use a pattern as it may have ${maxPattern} characters`, item);
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
  if (wild > maxOthers) invalid(`Cannot use all patterns as ${maxOthers} may hold a wildcard that stands for more than a local part`, wild);
  return { key, exact, domains, others, warnings: foremost(warnings, key) };
}

/** Each mail's closing line repeats them, and a row of 400 KB may hold a hundred thousand patterns that are wrong. */
function foremost(warnings: readonly BlocklistWarning[], key: string): readonly BlocklistWarning[] {
  if (warnings.length <= maxWarnings) return warnings;
  const text = `Cannot tell all that is wrong with the patterns as ${maxWarnings} are told: current value is ${warnings.length}`;
  return [...warnings.slice(0, maxWarnings), { kind: "invalid", key, text }];
}

function itemsOf(patterns: unknown, invalid: (text: string, value: unknown) => void): readonly unknown[] {
  const list: unknown = patterns instanceof Set ? [...patterns] : patterns;
  if (Array.isArray(list)) return list;
  invalid("Cannot use blocked_patterns as it must be a list or set of texts", patterns);
  return [];
}

/** The first pattern of the nearest row that matches the first of these addresses that any row matches, or `null`. */
export function findBlock({ rows }: Blocklist, senders: readonly Address[]): Blocked | null {
  let first: Found | null = null;
  for (const row of rows) {
    const found = foundIn(row, senders);
    if (found !== null && (first === null || found.position < first.position)) first = found;
  }
  return first?.blocked ?? null;
}

/** `position`: of the address among those of the sender. */
type Found = Readonly<{ position: number; blocked: Blocked }>;

// A row that fifty recipients share is compared once with the sender of a mail.
const compared = new WeakMap<readonly Address[], Map<Index, Found | null>>();

function foundIn(row: Index, senders: readonly Address[]): Found | null {
  const answers = compared.get(senders) ?? new Map<Index, Found | null>();
  compared.set(senders, answers);
  const known = answers.get(row);
  if (known !== undefined) return known;
  const found = compare(row, senders);
  answers.set(row, found);
  return found;
}

function compare(row: Index, senders: readonly Address[]): Found | null {
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

function lookUp({ exact, domains }: Index, spellings: readonly FoldedText[]): string | undefined {
  for (const { text } of spellings) {
    const found = exact.get(text) ?? domains.get(text.slice(text.lastIndexOf("@") + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function scan({ others }: Index, spellings: readonly FoldedText[], effort: Effort): string | undefined {
  if (effort.left <= 0) return undefined;
  return others.find((pattern) => spellings.some((text) => matchesFolded(pattern, text, effort)))?.source;
}
