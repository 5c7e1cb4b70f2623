// The cost gate bites: what takes more than linear time is reported, and so is what the gate cannot measure.

import { describe, expect, test } from "bun:test";
import { checkExpressions, lineOf } from "../scripts/cost/expressions.ts";
import { measureFunctions } from "../scripts/cost/functions.ts";
import { growthOf } from "../scripts/cost/growth.ts";
import { sourceOf, sourcesIn } from "../scripts/cost/sources.ts";

import { busyTime } from "./busy-time.ts";

process.env["RECHECK_BACKEND"] = "pure";

describe("growthOf()", () => {
  const spend = (steps: number) => () => {
    let sum = 0;
    for (let i = 0; i < steps; i++) sum = (sum * 31 + i) | 0;
    return sum;
  };
  test("X04 growthOf() reports work that grows with the square of the input", async () => {
    expect(await growthOf((size) => spend(size * size * 0.03))).toMatchObject({ tooMuch: true });
  }, 60_000);
  test("X04 growthOf() reports what takes too long for the first size", async () => {
    const wait = () => {
      for (const busyMs = busyTime(); busyMs() < 450; );
    };
    expect(await growthOf(() => wait)).toMatchObject({ tooMuch: true });
  }, 60_000);
  test("growthOf() lets linear work pass, and work that is too short to measure", async () => {
    expect(await growthOf((size) => spend(size * 2000))).toMatchObject({ tooMuch: false });
    expect(await growthOf((size) => spend(size))).toMatchObject({ growth: null, tooMuch: false });
  });
});

describe("measureFunctions()", () => {
  const path = "tests/fixtures/cost-samples.ts";
  const samples = sourcesIn(["tests/fixtures"]).functions.filter((each) => each.path === path);
  const report = (...names: readonly string[]) =>
    measureFunctions({ functions: samples.filter(({ name }) => names.includes(name)), classes: [] });

  test("X04 measureFunctions() reports a function that takes quadratic time for one of the shapes, with the shape", async () => {
    const { problems } = await report("countsOpenQuotes");
    expect(problems).toEqual([
      expect.stringMatching(/cost-samples\.ts countsOpenQuotes takes too long for "\\"": .* times for each doubling/),
    ]);
  }, 60_000);

  test("X04 measureFunctions() reports a function with a parameter that it has no value for, and a class that it does not know", async () => {
    const { problems } = await report("takesSomethingNew");
    expect(problems).toEqual([expect.stringContaining("takesSomethingNew: no maker for the type SomethingNew")]);
    const classes = await measureFunctions({ functions: [], classes: [{ path, name: "NewReader" }] });
    expect(classes.problems).toEqual([expect.stringContaining("Cannot measure the class tests/fixtures/cost-samples.ts NewReader")]);
  });

  test("measureFunctions() lets a linear function pass, also one that throws", async () => {
    expect(await report("countsLines", "refusesAll")).toMatchObject({ measured: { length: 2 }, problems: [] });
  }, 60_000);
});

describe("checkExpressions()", () => {
  const at = (pattern: string, flags = "") => ({ place: "a.ts:1", pattern, flags });
  test("X04 checkExpressions() reports expressions that take polynomial or exponential time", () => {
    const { problems } = checkExpressions([at("^(a|a)*$"), at("\\s+$")], new Set(), "1");
    expect(problems).toEqual([
      expect.stringContaining("a.ts:1: /^(a|a)*$/ is vulnerable"),
      expect.stringContaining("/\\s+$/ is vulnerable"),
    ]);
  }, 60_000);
  test("X04 checkExpressions() trusts a verdict for the same expression, flags and version only", () => {
    const known = new Set([lineOf(at("\\s+$"), "1")]);
    expect(checkExpressions([at("\\s+$")], known, "1")).toMatchObject({ checked: 0, problems: [] });
    expect(checkExpressions([at("\\s+$", "m")], known, "1").problems.length).toBe(1);
    expect(checkExpressions([at("\\s+$")], known, "2").problems.length).toBe(1);
    expect(checkExpressions([at("^[a-z]$")], new Set(), "1")).toMatchObject({ checked: 1, problems: [], safe: ["1\t\t^[a-z]$"] });
  }, 60_000);
});

test("sourceOf() finds exported functions with their types, classes, expressions, and those that are built", () => {
  const text = `export function a(b: string, { c }: Mail, d: number = 1, ...e: readonly string[]): void {}
function hidden(b: string) {}
export class C {}
const x = [/y+/gi, new RegExp(text), RegExp("z")];`;
  expect(sourceOf("p.ts", text)).toEqual({
    functions: [
      {
        path: "p.ts",
        name: "a",
        parameters: [
          { type: "string", optional: false, rest: false },
          { type: "Mail", optional: false, rest: false },
          { type: "number", optional: true, rest: false },
          { type: "readonly string[]", optional: false, rest: true },
        ],
      },
    ],
    classes: [{ path: "p.ts", name: "C" }],
    expressions: [{ place: "p.ts:4", pattern: "y+", flags: "gi" }],
    built: ["p.ts:4", "p.ts:4"],
  });
});
