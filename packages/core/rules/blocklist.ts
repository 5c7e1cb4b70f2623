// Blocklist: finds the pattern of a recipient that blocks a sender. sender.ts says which addresses are the sender; a display name
// is not compared. A domain is compared as A-labels, as U-labels, and as it is written (RFC 5890 §2.3.2.1). blocklist-row.ts
// compiles a row, and blocklist-cache.ts keeps compiled rows. Rows and senders may be hostile, so there is a form of each function
// that pauses.

import { type Address, addressKey, unicodeKey } from "../mail/address.ts";
import type { Pause } from "../pause.ts";
import { endsPiece, finish, finishWithPauses, type Steps, startWork, type Work } from "../steps.ts";
import type { BlocklistCache } from "./blocklist-cache.ts";
import { type BlocklistWarning, type CompiledRow, compileRow } from "./blocklist-row.ts";
import { type FoldedText, foldText, toFoldedText } from "./pattern.ts";
import { firstMatch } from "./pattern-index.ts";
import { type RowSpellings, respellPatterns } from "./row-spelling.ts";

/** A match: the pattern that blocks, the table key of its row, and the sender address that it matched. */
export type Blocked = Readonly<{ pattern: string; row: string; matched: Address }>;

/** Rows of the blocklist table by table key, compiled once for a mail. Made by `compileBlocklist`. */
export type Blocklist = Readonly<{ rows: ReadonlyMap<string, CompiledRow> }>;

// What the comparison of all rows of a mail may cost: about two seconds, in pieces. All rows share it alike. A row of 400 KB that
// is made for it needs half of it with fifty addresses of a sender; an ordinary one with a thousand needs a hundredth. Of a row
// that has used its share, the other addresses are compared with its exact addresses and domains only.
const maxWork = 200_000_000;

/**
 * Compiles stored patterns by table key. Values of a wrong type are left out and give a warning. Later changes to the argument
 * have no effect.
 */
export function compileBlocklist(rows: ReadonlyMap<string, unknown>, spellings: RowSpellings = "strict"): Blocklist {
  return finish(compileRows(rows, { cache: null, spellings }));
}

/** The same, with pauses. Rows in the cache are not compiled again, and others are added to it. */
export function compileBlocklistWithPauses(
  rows: ReadonlyMap<string, unknown>,
  { cache, pause, spellings = "strict" }: Readonly<{ cache: BlocklistCache; pause: Pause; spellings?: RowSpellings }>,
): Promise<Blocklist> {
  return finishWithPauses(compileRows(rows, { cache, spellings }), pause);
}

type CompileOptions = Readonly<{ cache: BlocklistCache | null; spellings: RowSpellings }>;

function* compileRows(rowsByKey: ReadonlyMap<string, unknown>, { cache, spellings }: CompileOptions): Steps<Blocklist> {
  const work = startWork();
  const rows = new Map<string, CompiledRow>();
  for (const [key, stored] of rowsByKey) {
    const patterns = spellings === "legacy" ? respellPatterns(stored).value : stored;
    const known = cache?.find(key, patterns) ?? null;
    const row = known ?? (yield* compileRow(key, patterns, work));
    if (known === null) cache?.keep(row, patterns);
    rows.set(key, row);
    work.done += row.patterns.length;
    if (endsPiece(work)) yield;
  }
  return { rows };
}

/** Returns the warnings of the rows under these keys, in the order of the keys. */
export function blocklistWarnings({ rows }: Blocklist, keys: Iterable<string> = rows.keys()): readonly BlocklistWarning[] {
  return [...keys].flatMap((key) => rows.get(key)?.warnings ?? []);
}

/** The rows that match a sender. Each row is compared once, for all recipients that share it. */
export type SenderMatches = ReadonlyMap<string, RowMatch>;

/** `position`: index of the matched address in the addresses of the sender. */
type RowMatch = Readonly<{ position: number; blocked: Blocked }>;

/** Compares all rows with the addresses of a sender. */
export function matchSender(blocklist: Blocklist, senders: readonly Address[]): SenderMatches {
  return finish(matchRows(blocklist, senders));
}

/** The same, with pauses. */
export function matchSenderWithPauses(blocklist: Blocklist, senders: readonly Address[], pause: Pause): Promise<SenderMatches> {
  return finishWithPauses(matchRows(blocklist, senders), pause);
}

function* matchRows({ rows }: Blocklist, senders: readonly Address[]): Steps<SenderMatches> {
  const matches = new Map<string, RowMatch>();
  if (rows.size === 0) return matches;
  const work = startWork();
  const spelled: Spelled[] = [];
  for (const matched of senders) {
    spelled.push({ matched, spellings: spellingsOf(matched) });
    work.done += 1000;
    if (endsPiece(work)) yield;
  }
  for (const row of rows.values()) {
    const match = yield* matchRow(row, spelled, work, maxWork / rows.size);
    if (match !== null) matches.set(row.key, match);
  }
  return matches;
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

/** An address of the sender in all its spellings, folded. */
type Spelled = Readonly<{ matched: Address; spellings: readonly FoldedText[] }>;

function* matchRow(row: CompiledRow, senders: readonly Spelled[], work: Work, share: number): Steps<RowMatch | null> {
  const until = work.done + share;
  for (const [position, { matched, spellings }] of senders.entries()) {
    const mayCompare = work.done < until && row.wildcards.patterns.length > 0;
    const pattern = findIndexed(row, spellings) ?? (mayCompare ? (yield* firstMatch(row.wildcards, spellings, work))?.source : undefined);
    if (pattern !== undefined) return { position, blocked: { pattern, row: row.key, matched } };
  }
  return null;
}

// The one spelling of an address in lower case, unquoted, whose domain has neither a final dot nor A-labels.
const plainAddress = /^[a-z0-9.+_=-]+@[a-z0-9.-]*[a-z0-9]$/;

function spellingsOf(address: Address): readonly FoldedText[] {
  if (plainAddress.test(address) && !address.includes("xn--")) return [{ text: address, isAstral: false }];
  return [...new Set([addressKey(address), unicodeKey(address), foldText(address)])].map(toFoldedText);
}

function findIndexed({ exact, domains }: CompiledRow, spellings: readonly FoldedText[]): string | undefined {
  for (const { text } of spellings) {
    const found = exact.get(text) ?? domains.get(text.slice(text.lastIndexOf("@") + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}
