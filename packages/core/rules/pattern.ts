// Pattern: one fnmatch pattern, with exactly the meaning that Python's fnmatch gives it, matched in at most
// pattern × text steps whatever a user or a sender writes. Only * ? [set] [!set] mean something: no braces, no escape,
// no negation, no path rules. Case is folded on both sides. Not a regular expression, because `*a*a*a*b` as one takes
// minutes.

/** Longest pattern that is matched; longer ones can match no address (RFC 5321 §4.5.3.1.3 allows 254 octets). */
export const maxPattern: number = 320;

type Step =
  | { readonly kind: "literal"; readonly char: string }
  | { readonly kind: "any" }
  | { readonly kind: "run" }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/** A compiled pattern. `head` and `tail` are what every match starts and ends with, folded: most texts fail there. */
export type Pattern = Readonly<{ source: string; head: string; tail: string; steps: readonly Step[] }>;

/** A text, folded once for many patterns. */
export type FoldedText = Readonly<{ text: string; chars: readonly string[] }>;

/** Folds what is compared: composed, lower case. */
export function foldText(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Folds a text that many patterns are compared with. */
export function foldedText(text: string): FoldedText {
  const folded = foldText(text);
  return { text: folded, chars: [...folded] };
}

/** True when a pattern has no special character, so that it matches itself alone. */
export function isLiteral(pattern: string): boolean {
  return !/[*?[]/.test(pattern);
}

/** Compiles a pattern; every text is one. */
export function compilePattern(source: string): Pattern {
  const chars = [...foldText(source)];
  const steps: Step[] = [];
  let at = 0;
  while (at < chars.length) {
    const char = chars[at] ?? "";
    at++;
    if (char === "*") {
      if (steps.at(-1)?.kind !== "run") steps.push({ kind: "run" });
    } else if (char === "?") steps.push({ kind: "any" });
    else if (char === "[") {
      const end = endOfSet(chars, at);
      steps.push(end < 0 ? { kind: "literal", char } : compileSet(chars.slice(at, end)));
      if (end >= 0) at = end + 1;
    } else steps.push({ kind: "literal", char });
  }
  const isSpecial = (step: Step) => step.kind !== "literal";
  const first = steps.findIndex(isSpecial);
  const last = steps.findLastIndex(isSpecial);
  return { source, head: textOf(first < 0 ? steps : steps.slice(0, first)), tail: textOf(steps.slice(last + 1)), steps };
}

function textOf(literals: readonly Step[]): string {
  return literals.map((step) => (step.kind === "literal" ? step.char : "")).join("");
}

/** The index of the closing bracket; a bracket that comes first is a member. -1: never closed, so `[` is itself. */
function endOfSet(chars: readonly string[], start: number): number {
  let at = start;
  if (chars[at] === "!") at++;
  if (chars[at] === "]") at++;
  return chars.indexOf("]", at);
}

/**
 * Members and ranges of a set. A range that runs backwards holds nothing; where that brings a `!` to the front, the set is
 * negated, since Python looks at the front last.
 */
function compileSet(inner: readonly string[]): Step {
  const chunks = joinEmptyRanges(splitAtHyphens(inner));
  const [first = [], ...others] = chunks;
  const negated = first[0] === "!";
  const members = negated ? first.slice(1) : first;
  const ranges: (readonly [string, string])[] = [...members, ...others.flat()].map((char) => [char, char]);
  chunks.slice(1).forEach((chunk, index) => {
    const from = (index === 0 ? members : chunks[index])?.at(-1);
    const to = chunk[0];
    if (to === undefined) return;
    ranges.push(from === undefined ? ["-", "-"] : [from, to]); // with nothing before it a hyphen is itself
  });
  return { kind: "set", negated, ranges };
}

/** Cuts at each hyphen that makes a range: one with a character on either side that no earlier range used. */
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

/** A backward range loses both its ends, and its neighbours grow together. */
function joinEmptyRanges(chunks: readonly string[][]): string[][] {
  const joined = chunks.map((chunk) => [...chunk]);
  for (let k = joined.length - 1; k > 0; k--) {
    const [before = [], after = []] = [joined[k - 1], joined[k]];
    if (compareChars(before.at(-1) ?? "", after[0] ?? "") > 0) joined.splice(k - 1, 2, [...before.slice(0, -1), ...after.slice(1)]);
  }
  return joined;
}

function compareChars(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}

/** How many comparisons may still be made, in all calls that share it. */
export type Effort = { left: number };

/** Whether the whole text matches. */
export function matches(pattern: Pattern, text: string): boolean {
  return matchesFolded(pattern, foldedText(text));
}

/**
 * Whether a folded text matches as a whole. On a mismatch only the last `*` is moved on: an earlier one can always take
 * what it took first, so no other choice needs to be tried. Where the effort ends, so does the comparison, without a match.
 */
export function matchesFolded({ head, tail, steps }: Pattern, { text, chars }: FoldedText, effort: Effort = { left: Infinity }): boolean {
  effort.left--;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  let [step, at, lastRun, lastAt] = [0, 0, -1, 0];
  while (at < chars.length) {
    if (--effort.left < 0) return false;
    const current = steps[step];
    if (current?.kind === "run") {
      lastRun = step++;
      lastAt = at;
    } else if (current !== undefined && takes(current, chars[at] ?? "")) {
      step++;
      at++;
    } else if (lastRun >= 0) {
      step = lastRun + 1;
      at = ++lastAt;
    } else return false;
  }
  while (steps[step]?.kind === "run") step++;
  return step === steps.length;
}

function takes(step: Step, char: string): boolean {
  switch (step.kind) {
    case "literal":
      return step.char === char;
    case "any":
      return true;
    case "set":
      return step.negated !== step.ranges.some(([from, to]) => compareChars(from, char) <= 0 && compareChars(char, to) <= 0);
    case "run":
      return false;
    default:
      return step satisfies never;
  }
}
