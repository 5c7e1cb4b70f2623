// JSON with places: the same values as JSON.parse, each error at its place, and names that stand twice.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nodeAt, parseJsonTree, placesIn } from "../../apps/worker/rule-file/json-tree.ts";

test("parseJsonTree() gives the value of JSON.parse, and the place of each part", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 2, "\t"), (text, indent) => {
      const written = JSON.stringify(JSON.parse(text), null, indent);
      const parsed = parseJsonTree(written);
      if (!parsed.ok) throw new Error(parsed.error.text);
      expect(parsed.value.value).toEqual(JSON.parse(text));
      expect(JSON.stringify(parsed.value.value)).toBe(JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 500 },
  );
});

test("parseJsonTree() refuses each text that JSON.parse refuses, and takes no other", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"',
    "1",
    "-",
    "01",
    "1.",
    "1e",
    "1e5",
    "true",
    "nul",
    "null",
    " ",
    "\n",
    "\\",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      const parsed = parseJsonTree(text);
      const isTwice = !parsed.ok && parsed.error.text.startsWith("must name each member once");
      expect(parsed.ok || isTwice).toBe(isJson);
    }),
    { numRuns: 5000 },
  );
});

describe("parseJsonTree() names the place of", () => {
  const bad: readonly (readonly [why: string, text: string, place: string, rule: RegExp])[] = [
    ["an empty file", "", "1:1", /^must be a JSON value, is the end of the file$/],
    ["a missing comma", '{\n  "a": 1\n  "b": 2\n}', "3:3", /^must be a comma or \}, is "\\"b\\": 2\\n}"$/],
    ["a comma too many", '{\n  "a": 1,\n}', "3:1", /^must be a text in quotes, is "}"$/],
    ["a list that does not end", "[1,\n2", "2:2", /^must be a comma or \], is the end of the file$/],
    ["a missing colon", '{"a" 1}', "1:6", /^must be a colon/],
    ["a name that stands twice", '{"a": 1,\n "a": 2}', "2:2", /^must name each member once/],
    ["a word", '{"a": yes}', "1:7", /^must be a JSON value, is "yes}"$/],
    ["a comment", "{} // no", "1:4", /^must end here/],
    ["a line end in a text", '["a\nb"]', "1:2", /^must be a text without control characters/],
    ["an escape that is none", '["\\x41"]', "1:2", /^must be a text without control characters and with valid escapes/],
    ["too many levels", "[".repeat(102), "1:102", /^must have at most 100 levels/],
  ];
  for (const [why, text, place, rule] of bad) {
    test(why, () => {
      const parsed = parseJsonTree(text);
      if (parsed.ok) throw new Error("it was taken");
      const { line, column } = placesIn(text)(parsed.error.at);
      expect(`${line}:${column}`).toBe(place);
      expect(parsed.error.text).toMatch(rule);
    });
  }
});

test("nodeAt() gives the nearest place that there is", () => {
  const text = '{\n "rules": {\n  "a": { "x": 1 }\n }\n}';
  const parsed = parseJsonTree(text);
  if (!parsed.ok) throw new Error(parsed.error.text);
  const line = (...path: (string | number)[]) => placesIn(text)(nodeAt(parsed.value, path).at).line;
  expect([line(), line("rules"), line("rules", "a"), line("rules", "a", "none", 7)]).toEqual([1, 2, 3, 3]);
});

test("parseJsonTree() takes a byte order mark, names of every kind, and a text of a million escapes", () => {
  expect(parseJsonTree('\ufeff{"a":1}')).toMatchObject({ ok: true, value: { value: { a: 1 } } });
  const odd = parseJsonTree('{"__proto__": {"x": 1}, "constructor": 2}');
  expect(odd.ok && Object.entries(odd.value.value as object)).toEqual([
    ["__proto__", { x: 1 }],
    ["constructor", 2],
  ]);
  const long = JSON.stringify(["\n".repeat(1_000_000)]);
  expect(parseJsonTree(long)).toMatchObject({ ok: true, value: { value: JSON.parse(long) } });
});
