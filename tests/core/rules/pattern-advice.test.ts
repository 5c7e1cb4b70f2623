import { expect, test } from "bun:test";
import { patternAdvice } from "../../../packages/core/rules/pattern-advice.ts";

const rows: [string, string, "useless" | "broad", string][] = [
  ["a bare domain", "spam.com", "useless", 'Write "*@spam.com"'],
  ["a domain behind an @", "@spam.com", "useless", 'Write "*@spam.com"'],
  ["a local part alone", "user@", "useless", 'Write "user@*"'],
  ["an empty domain behind a star", "*@", "useless", 'Write "*@*"'],
  ["nothing", "", "useless", "must not be empty"],
  ["a space before it", " *@spam.com", "useless", 'Write "*@spam.com"'],
  ["a line end behind it", "*@spam.com\n", "useless", 'Write "*@spam.com"'],
  ["a display name with its address", "Bob <bob@spam.com>", "useless", 'Write "bob@spam.com"'],
  ["a display name", "Bob Spam", "useless", "display name"],
  ["two in one", "a@spam.com, b@spam.com", "useless", "Store each by itself"],
  ["a dot where a subdomain is meant", "*@.spam.com", "useless", 'Write "*@*.spam.com"'],
  ["everybody", "*", "broad", "matches every sender"],
  ["everybody with an @", "*@*", "broad", "matches every sender"],
  ["everybody in other words", "**?*@?*", "broad", "matches every sender"],
];
for (const [what, pattern, kind, text] of rows) {
  test(`patternAdvice() says ${kind} of ${what}`, () => {
    expect(patternAdvice(pattern)).toEqual({ kind, text: expect.stringContaining(text) });
  });
}

const fine = [
  "a@x.test",
  "*@x.test",
  "*x.test",
  "spam*",
  "*spam*",
  "[!a]*@x.test",
  "*[@.]x.test",
  "a?c@x.test",
  '"a b"@x.test',
  "[",
  "*@[[]192.0.2.1]",
];
for (const pattern of fine) {
  test(`patternAdvice() is silent about ${pattern}, which does what it looks like`, () => expect(patternAdvice(pattern)).toBeNull());
}
