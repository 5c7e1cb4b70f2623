import { expect, test } from "bun:test";
import { type Address, compilePattern, findBlock, indexBlocklist, matches, openMail, sendersOf } from "@sesame/core";
import fc from "fast-check";

const rows: [string, string, boolean, string?][] = [
  ["*@spam.com", "a/b@spam.com", true],
  ["*@spam.com", ".hidden@spam.com", true],
  ["*@spam.com", "a@spam.com\n", false],
  ["a{b,c}@x.com", "ab@x.com", false, "no braces"],
  ["!a@x.com", "b@x.com", false, "no negation"],
  ["+(a)@x", "a@x", false, "no extended globs"],
  ["[!a]@x.com", "b@x.com", true],
  ["[!a]@x.com", "a@x.com", false],
  ["[^a]@x", "a@x", true, "a caret is a member"],
  ["#a@x.com", "#a@x.com", true],
  ["?", "🙂", true, "one character, not one code unit"],
  ["", "", true],
  ["*", "", true],
  ["", "a", false],
  ["[", "[", true],
  ["[!", "[!", true],
  ["[]a]", "]", true],
  ["[z-a]", "z", false, "an empty range"],
  ["[!c-a]", "x", true],
  ["[b-ac-d]", "c", true],
  ["[b-ac-d]", "b", false],
  ["[a-]", "-", true],
  ["[[a]]", "[]", true],
  ["a\\*b", "a\\xb", true, "a backslash is itself"],
  ["NoReply@*.COM", "noreply@a.b.com", true],
  ["*@*.spam.com", "a@spam.com", false],
  ["**a**", "xxa", true],
];
for (const [pattern, text, expected, why] of rows) {
  test(`matches() says ${expected} of ${JSON.stringify(pattern)} and ${JSON.stringify(text)}${why ? `: ${why}` : ""}`, () => {
    expect(matches(compilePattern(pattern), text)).toBe(expected);
  });
}

/** The obvious matcher, exponential and right. */
function naive(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") return naive(pattern.slice(1), text) || (text !== "" && naive(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && naive(pattern.slice(1), text.slice(1));
}

test("matches() equals a naive matcher", () => {
  const short = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
  fc.assert(
    fc.property(short("ab*?@"), short("ab@"), (pattern, text) => matches(compilePattern(pattern), text) === naive(pattern, text)),
    { numRuns: 3000 },
  );
});

test("matches() takes linear time when a pattern is made to explode", () => {
  const pattern = compilePattern(`${"*a".repeat(100)}b`);
  const began = performance.now();
  for (let i = 0; i < 20; i++) expect(matches(pattern, "a".repeat(320))).toBe(false);
  expect((performance.now() - began) / 20).toBeLessThan(5);
});

const block = (patterns: unknown, from: string | null, header: string) => {
  const head = new TextEncoder().encode(`${header}\r\n\r\n`);
  return findBlock(indexBlocklist([{ key: "a@x", patterns }]), sendersOf(from as Address | null, openMail(head, head.length)));
};

test("findBlock() names the pattern and the address whichever of the sender's addresses it is", () => {
  expect(block(["x@y.test"], "x@y.test", "From: a@b.test")).toEqual({ pattern: "x@y.test", row: "a@x", matched: "x@y.test" as Address });
  expect(block(["*@b.test"], "x@y.test", "From: A <a@B.test>")).toEqual({
    pattern: "*@b.test",
    row: "a@x",
    matched: "a@B.test" as Address,
  });
  expect(block(["evil*"], null, "From: a@b.test\r\nFrom: evil@b.test")?.matched).toBe("evil@b.test" as Address);
  expect(block(["s@b.test"], null, "From: a@b.test\r\nSender: s@b.test")?.matched).toBe("s@b.test" as Address);
  expect(block(["me@b.test"], "prvs=12ab=me@b.test", "From: a@c.test")?.matched).toBe("me@b.test" as Address);
  expect(block(["u@orig.test"], "SRS0=HHH=TT=orig.test=u@fwd.test", "From: a@c.test")?.matched).toBe("u@orig.test" as Address);
  expect(block(["h@x.test"], null, "From: =?utf-8?Q?=3Ch=40x=2Etest=3E?= <a@b.test>")?.matched).toBe("h@x.test" as Address);
});

test("findBlock() leaves alone what is no address of the sender", () => {
  expect(block(["*ceo*"], null, 'From: "ceo@bank.test" <a@x.test>')).toBeNull();
  expect(block(["*@x.test"], null, "To: a@x.test")).toBeNull();
  expect(block("a@x.test", null, "From: a@x.test")).toBeNull(); // a text where a list must be
  expect(block([7, "b@x.test"], null, "From: a@x.test")).toBeNull();
});

test("indexBlocklist() warns of a pattern that can match nobody and of wrong types", () => {
  expect(indexBlocklist([{ key: "a@x", patterns: ["spam.com"] }]).warnings[0]?.text).toContain('write "*@spam.com"');
  expect(indexBlocklist([{ key: "a@x", patterns: "x" }]).warnings[0]?.text).toContain("must be a list or set");
  expect(indexBlocklist([{ key: "a@x", patterns: [1] }]).warnings[0]?.text).toContain("must be a text");
  expect(indexBlocklist([{ key: "a@x", patterns: new Set(["*@a.test"]) }]).warnings).toEqual([]);
});
