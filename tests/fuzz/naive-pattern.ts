// Naive pattern: what Python's documentation of fnmatch says, in the slowest and plainest way. It shares no code with the
// matcher: sets become regular expressions of one character, as Python makes them, and stars try every length, with a memory
// of what failed.

/** Whether a folded text matches a folded pattern as a whole. */
export function naivelyMatches(pattern: string, text: string): boolean {
  const [steps, chars] = [stepsOf([...pattern]), [...text]];
  const failed = new Set<number>();
  const from = (step: number, at: number): boolean => {
    const key = step * (chars.length + 1) + at;
    if (failed.has(key)) return false;
    const test = steps[step];
    const found =
      test === undefined
        ? at === chars.length
        : test === "*"
          ? from(step + 1, at) || (at < chars.length && from(step, at + 1))
          : at < chars.length && test(chars[at] ?? "") && from(step + 1, at + 1);
    if (!found) failed.add(key);
    return found;
  };
  return from(0, 0);
}

type Step = "*" | ((char: string) => boolean);

function stepsOf(chars: readonly string[]): readonly Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    const close = char === "[" ? chars.indexOf("]", at + (chars[at + 1] === "!" ? 3 : 2)) : -1;
    if (char === "*") steps.push("*");
    else if (char === "?") steps.push(() => true);
    else if (close < 0) steps.push((other) => other === char);
    else {
      steps.push(setOf(chars.slice(at + 1, close)));
      at = close;
    }
  }
  return steps;
}

/** `fnmatch.translate` of Python 3.9 and later, from its text: hyphens first, then the `!`. */
function setOf(inner: readonly string[]): (char: string) => boolean {
  const chunks: string[][] = [];
  let [start, hyphen] = [0, inner.indexOf("-", inner[0] === "!" ? 2 : 1)];
  for (; hyphen >= 0; hyphen = inner.indexOf("-", start + 2)) {
    chunks.push(inner.slice(start, hyphen));
    start = hyphen + 1;
  }
  if (start < inner.length || chunks.length === 0) chunks.push(inner.slice(start));
  else chunks[chunks.length - 1]?.push("-");
  for (let k = chunks.length - 1; k > 0; k--) {
    const [before, after] = [chunks[k - 1] ?? [], chunks[k] ?? []];
    if (codeOf(before.at(-1)) <= codeOf(after[0])) continue;
    chunks.splice(k - 1, 2, [...before.slice(0, -1), ...after.slice(1)]);
  }
  let text = chunks.map((chunk) => chunk.map(escaped).join("")).join("-");
  if (text === "") return () => false;
  const isNegated = text.startsWith(escaped("!"));
  if (isNegated) text = text.slice(escaped("!").length);
  if (isNegated && text === "") return () => true;
  const expression = new RegExp(`^[${isNegated ? "^" : ""}${text}]$`, "su");
  return (char) => expression.test(char);
}

function codeOf(char: string | undefined): number {
  return char?.codePointAt(0) ?? 0;
}

function escaped(char: string): string {
  return `\\u{${codeOf(char).toString(16)}}`;
}
