// Pattern: an fnmatch pattern with the meaning of Python's fnmatch. Only * ? [set] [!set] are special: no braces, no escape, no
// path rules. Case is ignored. A pattern is cut at its stars, and each segment is searched from where the one before it ended, so
// that no choice is ever tried again. It does not use regular expressions: `*a*a*a*b` as a regular expression takes minutes.

/** Characters of the longest pattern that is used. A longer one can match no address: RFC 5321 §4.5.3.1.3 allows 254 octets. */
export const maxPattern: number = 320;

type Step =
  | { readonly kind: "literal"; readonly char: string }
  | { readonly kind: "any" }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly CodeRange[] };

/** From a code point to a code point, both inside. */
type CodeRange = readonly [number, number];

/** What stands between two stars: a literal text, or steps where one of them is a `?` or a set. */
export type Segment = string | readonly Step[];

/** A compiled pattern. `source`: as the user wrote it. `least`: characters of the shortest text that can match. */
export type Pattern = Readonly<{ source: string; segments: readonly [Segment, ...Segment[]]; least: number }>;

/** A folded text, made once for many patterns. */
export type FoldedText = Readonly<{ text: string; isAstral: boolean }>;

/** Returns a text in the form that is compared: Unicode NFC, lower case. */
export function foldText(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Folds a text that is compared with many patterns. */
export function toFoldedText(text: string): FoldedText {
  const folded = foldText(text);
  return { text: folded, isAstral: hasSurrogates(folded) };
}

/** Whether a character is stored in two code units, so that positions are no character counts. */
function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Whether a pattern has no special character, so that it matches only itself. */
export function isLiteral(pattern: string): boolean {
  return !/[*?[]/.test(pattern);
}

/** Compiles a pattern. Every text is a valid pattern. */
export function compilePattern(source: string): Pattern {
  const folded = foldText(source);
  const isPlain = !/[?[]/.test(folded) && !hasSurrogates(folded);
  const segments = isPlain ? folded.split("*") : segmentsOf([...folded]);
  const [first = "", ...others] = segments;
  return {
    source,
    segments: [first, ...others.filter((segment, at) => segment.length > 0 || at === others.length - 1)],
    least: lengthOf(segments),
  };
}

function lengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.length, 0);
}

function segmentsOf(chars: readonly string[]): readonly Segment[] {
  const segments: Step[][] = [[]];
  const lastClose = chars.lastIndexOf("]"); // behind it no set is searched for its end
  for (let at = 0; at < chars.length; ) {
    const char = chars[at] ?? "";
    at++;
    const end = char === "[" && at <= lastClose ? endOfSet(chars, at) : -1;
    if (char === "*") segments.push([]);
    else segments.at(-1)?.push(char === "?" ? { kind: "any" } : end < 0 ? { kind: "literal", char } : compileSet(chars.slice(at, end)));
    if (end >= 0) at = end + 1;
  }
  return segments.map(asLiteral);
}

/** A segment of single code units alone is a text. A character outside the BMP stays a step, and is compared as a character. */
function asLiteral(steps: readonly Step[]): Segment {
  const isText = steps.every((step) => step.kind === "literal" && !hasSurrogates(step.char));
  return isText ? steps.map((step) => (step.kind === "literal" ? step.char : "")).join("") : steps;
}

/**
 * The index of the closing bracket; -1 if there is none, and `[` is then a literal. A bracket that comes first is a member of the
 * set.
 */
function endOfSet(chars: readonly string[], start: number): number {
  let at = start;
  if (chars[at] === "!") at++;
  if (chars[at] === "]") at++;
  return chars.indexOf("]", at);
}

/**
 * Members and ranges of a set. A reversed range is empty. Python removes reversed ranges before it looks for `!`, so a set whose
 * first member is then `!` is negated.
 */
function compileSet(inner: readonly string[]): Step {
  const chunks = dropReversedRanges(splitAtHyphens(inner));
  const [first = [], ...others] = chunks;
  const negated = first[0] === "!";
  const members = negated ? first.slice(1) : first;
  const ranges: CodeRange[] = [...members, ...others.flat()].map((char) => [codeOf(char), codeOf(char)]);
  chunks.slice(1).forEach((chunk, index) => {
    const from = (index === 0 ? members : chunks[index])?.at(-1);
    const to = chunk[0];
    if (to === undefined) return;
    ranges.push([codeOf(from ?? "-"), codeOf(from === undefined ? "-" : to)]); // a hyphen without a character before it is a literal
  });
  return { kind: "set", negated, ranges };
}

/** Splits at each hyphen that forms a range: one between two characters that are not part of an earlier range. */
function splitAtHyphens(inner: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let start = 0;
  let at = inner.indexOf("-", inner[0] === "!" ? 2 : 1);
  while (at >= 0) {
    chunks.push(inner.slice(start, at));
    start = at + 1;
    at = inner.indexOf("-", at + 3);
  }
  const last = inner.slice(start);
  if (last.length > 0 || chunks.length === 0) chunks.push(last);
  else chunks.at(-1)?.push("-");
  return chunks;
}

/** Removes the two ends of each reversed range and joins the chunks beside it. */
function dropReversedRanges(chunks: readonly string[][]): string[][] {
  const joined = chunks.map((chunk) => [...chunk]);
  for (let k = joined.length - 1; k > 0; k--) {
    const [before = [], after = []] = [joined[k - 1], joined[k]];
    if (codeOf(before.at(-1) ?? "") > codeOf(after[0] ?? "")) joined.splice(k - 1, 2, [...before.slice(0, -1), ...after.slice(1)]);
  }
  return joined;
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

/** Whether the whole text matches. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  return matchesFoldedText(pattern, toFoldedText(text));
}

/**
 * Whether the whole folded text matches. Each segment takes the first place where it fits: a later one would leave less room for
 * the next segments. Adds to `work` what it costs.
 */
export function matchesFoldedText(
  { segments, least }: Pattern,
  { text, isAstral }: FoldedText,
  work: { done: number } = { done: 0 },
): boolean {
  work.done += 4;
  const subject: Subject = isAstral ? [...text] : text;
  const spare = subject.length - least;
  const [first, ...others] = segments;
  const last = others.pop();
  if (spare < 0 || (last === undefined && spare > 0)) return false;
  if (!fitsAt(first, subject, 0, work)) return false;
  if (last === undefined) return true;
  const end = subject.length - last.length;
  if (!fitsAt(last, subject, end, work)) return false;
  let at = first.length;
  for (const segment of others) {
    at = placeOf(segment, subject, at, end, work);
    if (at < 0) return false;
    at += segment.length;
  }
  return true;
}

/** A text that is searched: with one code unit for each character, or as its characters. */
type Subject = string | readonly string[];

function fitsAt(segment: Segment, subject: Subject, at: number, work: { done: number }): boolean {
  if (typeof segment === "string" && typeof subject === "string") return subject.startsWith(segment, at);
  for (let i = 0; i < segment.length; i++) if (!fits(segment[i], subject[at + i] ?? "", work)) return false;
  return true;
}

function fits(step: Step | string | undefined, char: string, work: { done: number }): boolean {
  work.done++;
  return typeof step === "string" ? step === char : step !== undefined && matchesChar(step, char, work);
}

/** The first place of a segment between two positions; negative if there is none. */
function placeOf(segment: Segment, subject: Subject, from: number, end: number, work: { done: number }): number {
  if (typeof subject === "string" && typeof segment !== "string" && segment.length <= 32)
    return placeOfShort(segment, subject, from, end, work);
  if (typeof segment !== "string" || typeof subject !== "string") return firstEnd(segment, subject, from, end, work) - segment.length;
  work.done += 4 + ((end - from) >> 3);
  const at = subject.indexOf(segment, from);
  return at + segment.length > end ? -1 : at;
}

const slots = 128;

/**
 * The same for at most 32 steps, which most segments have. One number holds all of them: bit n of `open` says that the first
 * n + 1 steps may fit the characters before this position. Characters share slots, and a set takes any, so a place is checked.
 */
function placeOfShort(steps: readonly Step[], subject: string, from: number, end: number, work: { done: number }): number {
  const masks = new Int32Array(slots);
  let anyMask = 0;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step?.kind !== "literal") anyMask |= 1 << i;
    else masks[codeOf(step.char) % slots] = (masks[codeOf(step.char) % slots] ?? 0) | (1 << i);
  }
  const lastBit = 1 << (steps.length - 1);
  work.done += 20 + ((end - from) >> 2);
  let open = 0;
  for (let at = from; at < end; at++) {
    open = ((open << 1) | 1) & (anyMask | (masks[subject.charCodeAt(at) % slots] ?? 0));
    if ((open & lastBit) !== 0 && fitsAt(steps, subject, at + 1 - steps.length, work)) return at + 1 - steps.length;
  }
  return -1;
}

/**
 * Where the first occurrence of a segment ends; negative if there is none. Bit n of `open` says that the first n + 1 steps fit
 * the characters before this position (Baeza-Yates and Gonnet, "A new approach to text searching"). So a character costs one
 * operation for 32 steps, and one look at each step when it comes for the first time.
 */
function firstEnd(segment: Segment, subject: Subject, from: number, end: number, work: { done: number }): number {
  const words = Math.ceil(segment.length / 32);
  const open = new Int32Array(words);
  const masks = new Map<string, Int32Array>();
  const lastBit = 1 << ((segment.length - 1) & 31);
  for (let at = from; at < end; at++) {
    const char = subject[at] ?? "";
    const mask = masks.get(char) ?? maskOf(segment, char, words, work);
    masks.set(char, mask);
    work.done += 4 + words;
    let carry = 1;
    for (let word = 0; word < words; word++) {
      const before = open[word] ?? 0;
      open[word] = ((before << 1) | carry) & (mask[word] ?? 0);
      carry = before >>> 31;
    }
    if (((open[words - 1] ?? 0) & lastBit) !== 0) return at + 1;
  }
  return -1;
}

/** Which steps of a segment fit a character, one bit for each. */
function maskOf(segment: Segment, char: string, words: number, work: { done: number }): Int32Array {
  const mask = new Int32Array(words);
  for (let i = 0; i < segment.length; i++) if (fits(segment[i], char, work)) mask[i >> 5] = (mask[i >> 5] ?? 0) | (1 << (i & 31));
  return mask;
}

function matchesChar(step: Step, char: string, work: { done: number }): boolean {
  switch (step.kind) {
    case "literal":
      return step.char === char;
    case "any":
      return true;
    case "set": {
      work.done += step.ranges.length >> 3;
      const code = codeOf(char);
      return step.negated !== step.ranges.some(([from, to]) => from <= code && code <= to);
    }
    default:
      return step satisfies never;
  }
}
