// JSON tree: a JSON text (RFC 8259) with the place of each value, so that an error can name its line. `JSON.parse` tells no places, and
// takes a name that stands twice without a word. A name that stands twice is an error here.

import { err, ok, quote, type Result } from "@sesame/core";

/** A value, where it begins, and its parts by name or index. */
export type JsonNode = Readonly<{ value: unknown; at: number; parts: ReadonlyMap<string | number, JsonNode> }>;

/** A place in a text, counted from 1. */
export type TextPlace = Readonly<{ line: number; column: number }>;

/** Something wrong in a text. `at`: offset. */
export type JsonProblem = Readonly<{ at: number; text: string }>;

const maxDepth = 100; // a table row has at most 32 levels (DynamoDB Developer Guide, "Quotas")
const space = /[ \t\r\n]*/y;
const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// A string up to its closing quote; `JSON.parse` checks its escapes.
const stringForm = /"[^"\\]*(?:\\.[^"\\]*)*"/y;

/** Parses a text. The error is the first problem. */
export function parseJsonTree(text: string): Result<JsonNode, JsonProblem> {
  try {
    const reader = new Reader(text);
    const root = reader.value(0);
    reader.skip();
    if (reader.at < text.length) reader.fail("must end here");
    return ok(root);
  } catch (error) {
    if (error instanceof JsonError) return err(error.problem);
    throw error;
  }
}

/** The node at a path, or the nearest above it. */
export function nodeAt(root: JsonNode, path: readonly (string | number)[]): JsonNode {
  let node = root;
  for (const name of path) node = node.parts.get(name) ?? node;
  return node;
}

/** Makes a function that turns an offset of a text into line and column. */
export function placesIn(text: string): (at: number) => TextPlace {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (at) => {
    let [line, end] = [0, starts.length]; // the last line that begins at or before the offset
    while (end - line > 1) {
      const middle = (line + end) >> 1;
      if ((starts[middle] ?? 0) <= at) line = middle;
      else end = middle;
    }
    return { line: line + 1, column: at - (starts[line] ?? 0) + 1 };
  };
}

class JsonError extends Error {
  readonly problem: JsonProblem;

  constructor(problem: JsonProblem) {
    super(problem.text);
    this.problem = problem;
  }
}

class Reader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith("\ufeff")) this.at = 1;
  }

  fail(rule: string, at: number = this.at): never {
    const found = at < this.#text.length ? quote(this.#text.slice(at, at + 20)) : "the end of the file";
    throw new JsonError({ at, text: `${rule}, is ${found}` });
  }

  skip(): void {
    space.lastIndex = this.at;
    space.exec(this.#text);
    this.at = space.lastIndex;
  }

  value(depth: number): JsonNode {
    this.skip();
    if (depth > maxDepth) this.fail(`must have at most ${maxDepth} levels`);
    const at = this.at;
    const char = this.#text.charAt(at);
    if (char === "{") return this.#object(depth);
    if (char === "[") return this.#list(depth);
    if (char === '"') return { value: this.#string(), at, parts: new Map() };
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (!this.#text.startsWith(word, at)) continue;
      this.at += word.length;
      return { value, at, parts: new Map() };
    }
    numberForm.lastIndex = at;
    const [number] = numberForm.exec(this.#text) ?? [];
    if (number === undefined) this.fail("must be a JSON value");
    this.at += number.length;
    return { value: Number(number), at, parts: new Map() };
  }

  #string(): string {
    const at = this.at;
    stringForm.lastIndex = at;
    const [text] = stringForm.exec(this.#text) ?? [];
    if (text === undefined) this.fail("must be a text in quotes");
    this.at += text.length;
    try {
      return JSON.parse(text) as string;
    } catch {
      return this.fail("must be a text without control characters and with valid escapes", at);
    }
  }

  #object(depth: number): JsonNode {
    const at = this.at++;
    const parts = new Map<string, JsonNode>();
    this.#members("}", () => {
      const nameAt = this.at;
      const name = this.#string();
      if (parts.has(name)) this.fail("must name each member once", nameAt);
      this.skip();
      if (this.#text.charAt(this.at) !== ":") this.fail("must be a colon");
      this.at++;
      parts.set(name, this.value(depth + 1));
    });
    return { value: Object.fromEntries([...parts].map(([name, part]) => [name, part.value])), at, parts };
  }

  #list(depth: number): JsonNode {
    const at = this.at++;
    const parts = new Map<number, JsonNode>();
    this.#members("]", () => parts.set(parts.size, this.value(depth + 1)));
    return { value: [...parts.values()].map(({ value }) => value), at, parts };
  }

  #members(end: string, member: () => void): void {
    this.skip();
    if (this.#text.charAt(this.at) === end) {
      this.at++;
      return;
    }
    for (;;) {
      this.skip();
      member();
      this.skip();
      const char = this.#text.charAt(this.at);
      if (char !== "," && char !== end) this.fail(`must be a comma or ${end}`);
      this.at++;
      if (char === end) return;
    }
  }
}
