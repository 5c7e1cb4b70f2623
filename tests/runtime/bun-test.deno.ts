// `bun:test` under Deno, as far as the contract suites and the tests of the AWS adapters use it (deno.json maps the name to
// this file). So the same test files prove under Deno what they prove under Bun.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

type Run = () => void | Promise<void>;
type Options = { name: string; fn: Run; ignore?: boolean; sanitizeOps: false; sanitizeResources: false };
declare const Deno: {
  test: ((options: Options) => void) & Record<"beforeAll" | "afterAll" | "beforeEach" | "afterEach", (run: Run) => void>;
};

const path: string[] = [];

export function describe(name: string, declare: () => void): void {
  path.push(name);
  try {
    declare();
  } finally {
    path.pop();
  }
}

export function test(name: string, fn: Run): void {
  declareTest(name, fn, false);
}

// Connections that are kept for the next call outlive a test, which Deno would take for a leak.
function declareTest(name: string, fn: Run, ignore: boolean): void {
  Deno.test({ name: [...path, name].join(" > "), fn, ignore, sanitizeOps: false, sanitizeResources: false });
}

/** Declares once for each row; `%s`, `%p` and the like stand for the row's values in order. */
function eachOf<T>(declare: (name: string, run: () => T) => void) {
  return (rows: readonly unknown[]) => (name: string, run: (...values: unknown[]) => T) => {
    for (const row of rows) {
      const values = Array.isArray(row) ? row : [row];
      let at = 0;
      declare(
        name.replace(/%[a-z]/g, () => String(values[at++])),
        () => run(...values),
      );
    }
  };
}

test.skip = (name: string, fn: Run) => declareTest(name, fn, true);
test.each = eachOf<void | Promise<void>>(test);
describe.each = eachOf<void>(describe);
describe.skipIf = (skip: boolean) => (skip ? () => {} : describe);

export const beforeAll = (run: Run): void => Deno.test.beforeAll(run);
export const afterAll = (run: Run): void => Deno.test.afterAll(run);

// Deno runs these round every test of a file, and so does each file here that uses them.
export const beforeEach = (run: Run): void => Deno.test.beforeEach(run);
export const afterEach = (run: Run): void => Deno.test.afterEach(run);

type Matcher = (actual: unknown, wanted: never) => boolean;

const matchers: Readonly<Record<string, Matcher>> = {
  toBe: (actual, wanted) => Object.is(actual, wanted),
  toBeNull: (actual) => actual === null,
  toBeUndefined: (actual) => actual === undefined,
  toBeInstanceOf: (actual, wanted: new () => unknown) => actual instanceof wanted,
  toEqual: (actual, wanted) => alike(actual, wanted, false),
  toMatchObject: (actual, wanted) => alike(actual, wanted, true),
  toHaveProperty: (actual, wanted: string) => Reflect.has(actual as object, wanted),
  toContain: (actual, wanted) => (actual as { includes(value: unknown): boolean }).includes(wanted),
  toMatch: (actual, wanted: RegExp) => wanted.test(String(actual)),
  toStartWith: (actual, wanted: string) => String(actual).startsWith(wanted),
  toBeGreaterThan: (actual, wanted: number) => (actual as number) > wanted,
  toBeLessThan: (actual, wanted: number) => (actual as number) < wanted,
  toBeGreaterThanOrEqual: (actual, wanted: number) => (actual as number) >= wanted,
  toBeLessThanOrEqual: (actual, wanted: number) => (actual as number) <= wanted,
};

type Expectation = Record<string, (wanted?: unknown) => void>;

/** Only what stands in `matchers`, `not`, and `rejects.toThrow()`. */
export function expect(actual: unknown) {
  const asks = (yes: boolean): Expectation =>
    Object.fromEntries(
      Object.entries(matchers).map(([name, matches]) => [
        name,
        (wanted?: unknown) => {
          if (matches(actual, wanted as never) !== yes)
            assert.fail(`${yes ? "" : "not "}${name}: ${shown(actual)} against ${shown(wanted)}`);
        },
      ]),
    );
  const toThrow = () => assert.rejects(actual as Promise<unknown>);
  return { ...asks(true), not: asks(false), rejects: { toThrow } };
}

function shown(value: unknown): string {
  return value instanceof RegExp ? String(value) : (JSON.stringify(value) ?? String(value)).slice(0, 2000);
}

/** What stands for any text that passes; only within a wanted value. */
class TextThat {
  readonly passes: (text: string) => boolean;
  constructor(passes: (text: string) => boolean) {
    this.passes = passes;
  }
}
expect.stringContaining = (part: string) => new TextThat((text) => text.includes(part));
expect.stringMatching = (pattern: RegExp) => new TextThat((text) => pattern.test(text));

/** Compares as far as `wanted` reaches, or whole, where a property that is undefined counts as none. */
function alike(actual: unknown, wanted: unknown, partly: boolean): boolean {
  if (wanted instanceof TextThat) return typeof actual === "string" && wanted.passes(actual);
  if (Array.isArray(wanted) && Array.isArray(actual)) {
    return actual.length === wanted.length && wanted.every((each, index) => alike(actual[index], each, partly));
  }
  if (!isPlain(wanted) || typeof actual !== "object" || actual === null) return isDeepStrictEqual(actual, wanted);
  const names = new Set([...Object.keys(wanted), ...(partly ? [] : Object.keys(actual))]);
  return [...names].every((name) => alike(Reflect.get(actual, name), Reflect.get(wanted, name), partly));
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
