import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { compilePattern, isLiteral, matchesPattern } from "../../../packages/core/rules/pattern.ts";
import { busyTime } from "../../busy-time.ts";

const rows: [string, string, boolean, string?][] = [
  ["*@spam.com", "a@spam.com", true],
  ["*@spam.com", "a/b@spam.com", true, "a slash is a letter"],
  ["*@spam.com", ".hidden@spam.com", true, "so is a leading dot"],
  ["*@spam.com", "@spam.com", true, "a star may take nothing"],
  ["*@spam.com", "a@spam.com\n", false, "anchored at the very end"],
  ["*@spam.com", "a@spam.com.org", false],
  ["spam.com", "a@spam.com", false, "anchored at the start"],
  ["noreply@*.com", "noreply@a.b.com", true, "a star takes dots"],
  ["newsletter@example.*", "newsletter@example.co.uk", true],
  ["*@*.spam.com", "a@b.spam.com", true],
  ["*@*.spam.com", "a@spam.com", false],
  ["a{b,c}@x.com", "ab@x.com", false, "no braces"],
  ["a{b,c}@x.com", "a{b,c}@x.com", true, "no braces"],
  ["!a@x.com", "b@x.com", false, "no negation"],
  ["!a@x.com", "!a@x.com", true, "no negation"],
  ["+(a)@x", "a@x", false, "no extended globs"],
  ["@(a|b)@x", "a@x", false, "no extended globs"],
  ["(a)", "a", false, "no groups"],
  ["[!a]@x.com", "b@x.com", true],
  ["[!a]@x.com", "a@x.com", false],
  ["[^a]@x", "a@x", true, "a caret is a member"],
  ["[^a]@x", "^@x", true, "a caret is a member"],
  ["[^a]@x", "b@x", false, "a caret is a member"],
  ["#a@x.com", "#a@x.com", true, "no comment"],
  ["?", "🙂", true, "one character, not one code unit"],
  ["??", "🙂", false, "one character, not one code unit"],
  ["?", "/", true],
  ["?", "\n", true],
  ["?", "", false],
  ["*", "a\nb", true],
  ["**", "a/b", true, "two stars are one"],
  ["", "", true],
  ["", "a", false],
  ["*", "", true],
  ["[", "[", true, "never closed"],
  ["a[", "a[", true],
  ["[a", "[a", true],
  ["[!", "[!", true],
  ["[]", "[]", true, "the first bracket is a member, so it is never closed"],
  ["[!]", "[!]", true],
  ["[]a]", "]", true],
  ["[]a]", "a", true],
  ["[!]a]", "]", false],
  ["[!]a]", "b", true],
  ["[[a]]", "[]", true, "a set of two, then a bracket"],
  ["[[:alpha:]]", "a]", true, "no classes"],
  ["[[:alpha:]]", "z]", false, "no classes"],
  ["[a-c]", "b", true],
  ["[a-c]", "d", false],
  ["[z-a]", "z", false, "an empty range matches nothing"],
  ["[z-a]", "", false],
  ["[!c-a]", "x", true, "and its negation one character"],
  ["[!c-a]", "xx", false],
  ["[b-ac-d]", "c", true, "an empty range takes its ends with it"],
  ["[b-ac-d]", "b", false],
  ["[b-ac-d]", "a", false],
  ["[c-a!x]", "x", false, "what is left starts with a !"],
  ["[c-a!x]", "y", true, "what is left starts with a !"],
  ["[c-a!-z]", "5", true, "what is left starts with a !, and the hyphen is itself"],
  ["[c-a!-z]", "-", false, "what is left starts with a !, and the hyphen is itself"],
  ["[a-]", "-", true],
  ["[-a]", "-", true],
  ["[!-a]", "-", false],
  ["[a-c-e]", "d", false, "a hyphen behind a range is itself"],
  ["[a-c-e]", "-", true],
  ["[--0]", ".", true],
  ["[a\\]]", "\\]", true, "a backslash is itself"],
  ["a\\*b", "a\\xb", true, "a backslash is itself"],
  ["a\\*b", "a*b", false, "a backslash is itself"],
  ["[0-9]*@x", "7up@x", true],
  ["NoReply@*.COM", "noreply@a.b.com", true, "case is folded"],
  ["*@x.com", "A@X.COM", true],
  ["[A-C]@x", "b@x", true],
  ["É@x", "e\u0301@x", true, "and composed"],
  ["K@x", "\u212a@x", true, "the Kelvin sign is a k"],
  ["İ@x", "i̇@x", true, "two characters when folded"],
  ["**a**", "xxa", true],
  ["*a*b", "xaxbxab", true, "only the last star needs to move"],
  ["a*b?c", "abbxc", true],
];
for (const [pattern, text, expected, why] of rows) {
  test(`matchesPattern() says ${expected} of ${JSON.stringify(pattern)} and ${JSON.stringify(text)}${why ? `: ${why}` : ""}`, () => {
    expect(matchesPattern(compilePattern(pattern), text)).toBe(expected);
  });
}

/** The obvious matcher, exponential and right. */
function naive(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") return naive(pattern.slice(1), text) || (text !== "" && naive(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && naive(pattern.slice(1), text.slice(1));
}

test("matchesPattern() equals a naive matcher", () => {
  const short = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
  fc.assert(
    fc.property(short("ab*?@"), short("ab@"), (pattern, text) => matchesPattern(compilePattern(pattern), text) === naive(pattern, text)),
    { numRuns: 3000 },
  );
});

test("isLiteral() is true of what matches itself alone", () => {
  for (const pattern of ["a@x.test", "", "{a,b}@x", "!a", "a]"])
    expect([isLiteral(pattern), matchesPattern(compilePattern(pattern), pattern)]).toEqual([true, true]);
  for (const pattern of ["*", "?", "[", "[a]"]) expect(isLiteral(pattern)).toBe(false);
});

const python = spawnSync("python3", ["--version"]).status === 0 ? "" : " (SKIPPED: python3 is missing)";
test.skipIf(python !== "")(`F84 matchesPattern() equals Python's fnmatch in 3000 cases${python}`, () => {
  const letter = fc.constantFrom(..."abcz!^-][\\&~|.@é🙂\n");
  const set = fc.string({ unit: fc.constantFrom(..."abcz!^-][\\&~|"), maxLength: 7 }).map((inner) => `[${inner}]`);
  // A piece of a pattern, and a text that it may well match: pairs of chance alone hardly ever do.
  const piece = fc.oneof(
    fc.tuple(set, letter),
    fc.tuple(fc.constant("?"), letter),
    fc.tuple(fc.constant("*"), fc.string({ unit: letter, maxLength: 2 })),
    fc.constantFrom(..."ab[]!-\\.@#{},()+é🙂\n |&~^$").map((char): [string, string] => [char, char]),
  );
  const pair = fc
    .array(piece, { maxLength: 5 })
    .map((pieces): [string, string] => [pieces.map(([pattern]) => pattern).join(""), pieces.map(([, text]) => text).join("")]);
  const all = fc.sample(fc.oneof(pair, fc.tuple(set, letter)), { numRuns: 3000, seed: 7 });
  const script = "import sys, json, fnmatch\nprint(json.dumps([fnmatch.fnmatchcase(t, p) for p, t in json.load(sys.stdin)]))";
  const { stdout, status } = spawnSync("python3", ["-c", script], { input: JSON.stringify(all), encoding: "utf8" });
  expect(status).toBe(0);
  const answers = JSON.parse(stdout) as boolean[];
  expect(answers.length).toBe(all.length);
  expect(answers.filter((answer) => answer).length).toBeGreaterThan(300);
  for (const [index, [source, subject]] of all.entries())
    expect([source, subject, matchesPattern(compilePattern(source), subject)]).toEqual([source, subject, answers[index]] as never);
});

const hostile: [string, string][] = [
  ["ten stars", "*a".repeat(10)],
  ["a hundred stars", `${"*a".repeat(100)}b`],
  ["questions between stars", `${"*?".repeat(150)}b`],
  ["a long set after a star", `*[${"ab".repeat(150)}]b`],
  ["sets after stars", "*[!b-z]".repeat(45)],
  ["nothing but stars", "*".repeat(320)],
  ["nothing but openings", "[".repeat(320)],
  ["nothing but hyphens", `[${"a-".repeat(150)}]`],
  ["a text that almost matches everywhere", `*${"a".repeat(160)}b`],
];
for (const [what, pattern] of hostile) {
  test(`F84 matchesPattern() needs no more than 5 ms when a pattern is made of ${what}`, () => {
    const texts = ["a".repeat(254), "ab".repeat(127), "@".repeat(254), "🙂".repeat(127)];
    const rounds = 5;
    const busyMs = busyTime();
    for (let i = 0; i < rounds; i++) for (const text of texts) matchesPattern(compilePattern(pattern), text);
    expect(busyMs() / (rounds * texts.length)).toBeLessThan(5);
  });
}
