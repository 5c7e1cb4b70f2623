// Pattern: an fnmatch pattern with the meaning of Python's fnmatch. Matching takes at most pattern × text steps on any input.
// Only * ? [set] [!set] are special: no braces, no escape, no path rules. Case is ignored. It does not use regular expressions:
// `*a*a*a*b` as a regular expression takes minutes.

/** Characters of the longest pattern that is used. A longer one can match no address: RFC 5321 §4.5.3.1.3 allows 254 octets. */
export const maxPattern: number = 320;

type Step =
  | { readonly kind: "literal"; readonly char: string }
  | { readonly kind: "any" }
  | { readonly kind: "star" }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/** A compiled pattern. `head` and `tail`: the literal text at its start and end. Most texts fail this first test. */
export type Pattern = Readonly<{ source: string; head: string; tail: string; steps: readonly Step[] }>;

/** A folded text and its characters, made once for many patterns. */
export type FoldedText = Readonly<{ text: string; chars: readonly string[] }>;

/** Returns a text in the form that is compared: Unicode NFC, lower case. */
export function foldText(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Folds a text that is compared with many patterns. */
export function toFoldedText(text: string): FoldedText {
  const folded = foldText(text);
  return { text: folded, chars: [...folded] };
}

/** Whether a pattern has no special character, so that it matches only itself. */
export function isLiteral(pattern: string): boolean {
  return !/[*?[]/.test(pattern);
}

/** Compiles a pattern. Every text is a valid pattern. */
export function compilePattern(source: string): Pattern {
  const chars = [...foldText(source)];
  const steps: Step[] = [];
  let at = 0;
  while (at < chars.length) {
    const char = chars[at] ?? "";
    at++;
    if (char === "*") {
      if (steps.at(-1)?.kind !== "star") steps.push({ kind: "star" });
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
  return { source, head: literalText(first < 0 ? steps : steps.slice(0, first)), tail: literalText(steps.slice(last + 1)), steps };
}

function literalText(literals: readonly Step[]): string {
  return literals.map((step) => (step.kind === "literal" ? step.char : "")).join("");
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
  const ranges: (readonly [string, string])[] = [...members, ...others.flat()].map((char) => [char, char]);
  chunks.slice(1).forEach((chunk, index) => {
    const from = (index === 0 ? members : chunks[index])?.at(-1);
    const to = chunk[0];
    if (to === undefined) return;
    ranges.push(from === undefined ? ["-", "-"] : [from, to]); // a hyphen without a character before it is a literal
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
    if (compareChars(before.at(-1) ?? "", after[0] ?? "") > 0) joined.splice(k - 1, 2, [...before.slice(0, -1), ...after.slice(1)]);
  }
  return joined;
}

function compareChars(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}

/** The number of steps that may still be made, shared between calls. */
export type StepBudget = { left: number };

/** Whether the whole text matches. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  return matchesFoldedText(pattern, toFoldedText(text));
}

/**
 * Whether the whole folded text matches. After a mismatch only the last `*` takes one more character: the choices for earlier
 * ones need not be tried again. Without steps left the result is no match.
 */
export function matchesFoldedText(
  { head, tail, steps }: Pattern,
  { text, chars }: FoldedText,
  budget: StepBudget = { left: Infinity },
): boolean {
  budget.left--;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  let [step, at, lastStar, lastAt] = [0, 0, -1, 0];
  while (at < chars.length) {
    if (--budget.left < 0) return false;
    const current = steps[step];
    if (current?.kind === "star") {
      lastStar = step++;
      lastAt = at;
    } else if (current !== undefined && matchesChar(current, chars[at] ?? "")) {
      step++;
      at++;
    } else if (lastStar >= 0) {
      step = lastStar + 1;
      at = ++lastAt;
    } else return false;
  }
  while (steps[step]?.kind === "star") step++;
  return step === steps.length;
}

function matchesChar(step: Step, char: string): boolean {
  switch (step.kind) {
    case "literal":
      return step.char === char;
    case "any":
      return true;
    case "set":
      return step.negated !== step.ranges.some(([from, to]) => compareChars(from, char) <= 0 && compareChars(char, to) <= 0);
    case "star":
      return false;
    default:
      return step satisfies never;
  }
}
