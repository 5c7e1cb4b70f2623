// Pattern index: finds the first of many patterns that matches a text without comparing all of them. Each pattern stands under
// one piece of its literal text, of at most four characters, which a text must contain to match: the piece that the fewest other
// patterns contain. The start and the end of a pattern count as characters, so that `a*` and `*z` have a piece of their own.
// The index is made of typed arrays, and nothing in it changes after it was built.

import { endsPiece, type Steps, type Work } from "../steps.ts";
import { type FoldedText, matchesFoldedText, type Pattern, type Segment } from "./pattern.ts";

/** Patterns in their order, and where each is found. Made by `indexPatterns`. */
export type PatternIndex = Readonly<{
  patterns: readonly Pattern[];
  /** Lengths of the pieces, from 1 to 4. */
  sizes: readonly number[];
  /** `members[starts[b]]` to `members[starts[b + 1] - 1]` are the patterns of bucket `b`, in their order. */
  starts: Uint32Array;
  members: Uint32Array;
  /** Patterns without a literal character, in their order. */
  others: readonly number[];
}>;

const maxSize = 4;
const [textStart, textEnd] = [0x10000, 0x10001]; // no code unit has these values

/** Builds an index. `work` counts what it costs. */
export function* indexPatterns(patterns: readonly Pattern[], work: Work): Steps<PatternIndex> {
  const bits = Math.ceil(Math.log2(patterns.length * 2 + 1));
  const [buckets, slot] = [2 ** bits, 30 - bits];
  const counts = new Uint32Array(buckets * 4); // by the high bits of the hash, and a bucket is its low bits
  for (const pattern of patterns) {
    for (const hash of piecesOf(pattern).hashes) counts[hash >>> slot] = (counts[hash >>> slot] ?? 0) + 1;
    work.done += 16 * (pattern.least + 4);
    if (endsPiece(work)) yield;
  }
  const bucketOf = new Int32Array(patterns.length);
  const [sizes, others]: [Set<number>, number[]] = [new Set(), []];
  for (const [at, pattern] of patterns.entries()) {
    const { size, hashes } = piecesOf(pattern);
    let rarest = hashes[0] ?? -1;
    for (const hash of hashes) if ((counts[hash >>> slot] ?? 0) < (counts[rarest >>> slot] ?? 0)) rarest = hash;
    bucketOf[at] = hashes.length === 0 ? -1 : rarest & (buckets - 1);
    if (hashes.length === 0) others.push(at);
    else sizes.add(size);
    work.done += 16 * (pattern.least + 4);
    if (endsPiece(work)) yield;
  }
  yield;
  return { patterns, sizes: [...sizes], ...bucketsFrom(bucketOf, buckets), others };
}

/** Sorts the patterns into their buckets (counting sort). */
function bucketsFrom(bucketOf: Int32Array, buckets: number): Pick<PatternIndex, "starts" | "members"> {
  const starts = new Uint32Array(buckets + 1);
  for (let at = 0; at < bucketOf.length; at++) {
    const bucket = bucketOf[at] ?? -1;
    if (bucket >= 0) starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1;
  }
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1] = (starts[bucket + 1] ?? 0) + (starts[bucket] ?? 0);
  const members = new Uint32Array(starts[buckets] ?? 0);
  const next = starts.slice();
  for (let at = 0; at < bucketOf.length; at++) {
    const bucket = bucketOf[at] ?? -1;
    if (bucket < 0) continue;
    const place = next[bucket] ?? 0;
    members[place] = at;
    next[bucket] = place + 1;
  }
  return { starts, members };
}

/** The hashes of the pieces of a pattern, all of the size that its longest literal text allows. */
function piecesOf({ segments }: Pattern): Readonly<{ size: number; hashes: readonly number[] }> {
  const runs = segments.flatMap((segment, at) => runsOf(segment, at === 0, at === segments.length - 1));
  const size = runs.reduce((longest, run) => Math.max(longest, run.length), 0);
  if (size === 0) return { size, hashes: [] };
  const capped = Math.min(size, maxSize);
  return { size: capped, hashes: runs.flatMap((run) => hashesOf(run, capped)) };
}

/** The literal texts of a segment as code units, with the start and the end of the pattern. A mark alone is no text. */
function runsOf(segment: Segment, isFirst: boolean, isLast: boolean): readonly (readonly number[])[] {
  const runs: number[][] = [isFirst ? [textStart] : []];
  for (const step of segment) {
    const literal = typeof step === "string" ? step : step.kind === "literal" ? step.char : null;
    if (literal === null) runs.push([]);
    else for (let i = 0; i < literal.length; i++) runs.at(-1)?.push(literal.charCodeAt(i));
  }
  if (isLast) runs.at(-1)?.push(textEnd);
  return runs.filter((run) => run.some((unit) => unit < textStart));
}

function hashesOf(units: ArrayLike<number>, size: number): readonly number[] {
  const hashes: number[] = [];
  for (let at = 0; at + size <= units.length; at++) hashes.push(hashAt(units, at, size));
  return hashes;
}

/** FNV-1a with a final mixing, so that its low and its high bits can be used alone. */
function hashAt(units: ArrayLike<number>, at: number, size: number): number {
  let hash = 0x811c9dc5 ^ size;
  for (let i = at; i < at + size; i++) hash = Math.imul(hash ^ (units[i] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Returns the first pattern, in their order, that matches any of the texts; `undefined` if there is none. `work` counts what it
 * costs.
 */
export function* firstMatch(index: PatternIndex, texts: readonly FoldedText[], work: Work): Steps<Pattern | undefined> {
  const { patterns, sizes, starts, members, others } = index;
  let best = patterns.length;
  for (const text of texts) {
    best = yield* firstOf(index, others, 0, others.length, best, text, work);
    const units = unitsOf(text.text);
    const seen = new Set<number>();
    for (const size of sizes) {
      for (let at = 0; at + size <= units.length; at++) {
        const bucket = hashAt(units, at, size) & (starts.length - 2);
        const [from = 0, to = 0] = [starts[bucket], starts[bucket + 1]];
        if (from === to || seen.has(bucket)) continue;
        seen.add(bucket);
        best = yield* firstOf(index, members, from, to, best, text, work);
      }
    }
    work.done += units.length * sizes.length;
    if (endsPiece(work)) yield;
  }
  return patterns[best];
}

/** The least of some pattern numbers, below `best`, whose pattern matches; `best` if none does. The numbers are in order. */
function* firstOf(
  { patterns }: PatternIndex,
  numbers: ArrayLike<number>,
  from: number,
  to: number,
  best: number,
  text: FoldedText,
  work: Work,
): Steps<number> {
  for (let at = from; at < to; at++) {
    const number = numbers[at] ?? best;
    const pattern = patterns[number];
    if (number >= best || pattern === undefined) return best;
    if (matchesFoldedText(pattern, text, work)) return number;
    if (endsPiece(work)) yield;
  }
  return best;
}

function unitsOf(text: string): Uint32Array {
  const units = new Uint32Array(text.length + 2);
  units[0] = textStart;
  for (let i = 0; i < text.length; i++) units[i + 1] = text.charCodeAt(i);
  units[text.length + 1] = textEnd;
  return units;
}
