// Functions: measures each exported function that takes octets or text of a stranger, a user or a server, with each hostile shape.
// makers.ts has the values, reasons.ts says what needs none. A function or class that stands in neither is reported.

import { resolve } from "node:path";
import { finish } from "../../packages/core/steps.ts";
import { type Growth, growthOf } from "./growth.ts";
import { feeds, makers, shapes } from "./makers.ts";
import { bounded, exceptions, leftOut, own } from "./reasons.ts";
import type { ExportedFunction, Found } from "./sources.ts";

/** One function: the shape that made it work most, or why it was not measured. */
export type Measured = Readonly<{ name: string; shape: string; growth: Growth }>;
export type FunctionReport = Readonly<{ measured: readonly Measured[]; left: readonly string[]; problems: readonly string[] }>;

/** Measures all functions and classes that were found. */
export async function measureFunctions(found: Pick<Found, "functions" | "classes">): Promise<FunctionReport> {
  const measured: Measured[] = [];
  const left: string[] = [];
  const problems: string[] = [];
  for (const each of found.functions) {
    const name = `${each.path} ${each.name}`;
    const sort = sortOf(each);
    if (sort.kind === "unknown")
      problems.push(
        `Cannot measure ${name}: no maker for the type ${sort.type}. Add one to scripts/cost/makers.ts, or the type with a reason to scripts/cost/reasons.ts`,
      );
    else if (sort.kind === "left") left.push(`${name}: ${sort.reason}`);
    else {
      const module = (await import(resolve(each.path))) as Record<string, (...given: unknown[]) => unknown>;
      const call = module[each.name];
      if (call === undefined) problems.push(`Cannot measure ${name}: it is not exported`);
      else measured.push(await worstOf(name, (shape, size) => callWith(call, each, shape, size)));
    }
  }
  for (const { path, name } of found.classes) {
    const feed = feeds[name];
    const reason = leftOut[name];
    if (reason !== undefined) left.push(`${path} ${name}: ${reason}`);
    else if (feed === undefined)
      problems.push(
        `Cannot measure the class ${path} ${name}: add it to scripts/cost/makers.ts, or with a reason to scripts/cost/reasons.ts`,
      );
    else measured.push(await worstOf(`${path} ${name}`, (shape, size) => feedWith(feed, shape, size)));
  }
  const slow = measured.filter(({ growth }) => growth.tooMuch);
  return { measured, left, problems: [...problems, ...slow.map(problemOf)] };
}

function problemOf({ name, shape, growth }: Measured): string {
  const times = growth.growth === null ? "" : `, ${growth.growth.toFixed(1)} times for each doubling`;
  return `${name} takes too long for ${JSON.stringify(shape)}: ${growth.longestMs.toFixed(0)} ms${times}`;
}

type Sort = { kind: "measure" } | { kind: "left"; reason: string } | { kind: "unknown"; type: string };

function sortOf({ path, name, parameters }: ExportedFunction): Sort {
  const exception = exceptions[`${path} ${name}`];
  if (exception !== undefined) return { kind: "left", reason: exception };
  const types = parameters.filter(({ optional }) => !optional).map(({ type }) => type);
  const ours = types.find((type) => type in own);
  if (ours !== undefined) return { kind: "left", reason: own[ours] ?? "" };
  const unknown = types.find((type) => !(type in makers) && !(type in bounded));
  if (unknown !== undefined) return { kind: "unknown", type: unknown };
  return types.some((type) => type in makers) ? { kind: "measure" } : { kind: "left", reason: "all that it takes is bounded" };
}

/** A call with values of one shape and size, ready to be made. What a function throws is its answer. */
function callWith(call: (...given: unknown[]) => unknown, { parameters }: ExportedFunction, shape: string, size: number): () => unknown {
  const wanted = parameters.filter(({ optional }) => !optional);
  const given = wanted.flatMap(({ type, rest }) => {
    const value = type in bounded ? bounded[type] : makers[type]?.(shape, size);
    return rest && Array.isArray(value) ? value : [value];
  });
  return () => settle(() => call(...given));
}

function feedWith(feed: (text: string) => unknown, shape: string, size: number): () => unknown {
  const text = String(makers["string"]?.(shape, size));
  return () => settle(() => feed(text));
}

async function settle(act: () => unknown): Promise<void> {
  try {
    const result = act();
    if (isSteps(result)) finish(result);
    else await result;
  } catch {
    // a refusal is an answer, too
  }
}

function isSteps(value: unknown): value is Generator<void, unknown, void> {
  return typeof value === "object" && value !== null && Symbol.iterator in value && "return" in value && "throw" in value;
}

/** The shape that grows most, else the one that takes longest. */
async function worstOf(name: string, run: (shape: string, size: number) => () => unknown): Promise<Measured> {
  let worst: Measured = { name, shape: "", growth: { growth: null, longestMs: 0, tooMuch: false } };
  for (const shape of shapes) {
    const growth = await growthOf((size) => freshRun(run, shape, size));
    if (growth.tooMuch) return { name, shape, growth };
    if (growth.longestMs > worst.growth.longestMs) worst = { name, shape, growth };
  }
  return worst;
}

/** Mails keep what was read of them: each run gets a value of its own. */
function freshRun(run: (shape: string, size: number) => () => unknown, shape: string, size: number): () => unknown {
  let next: (() => unknown) | null = run(shape, size);
  return () => {
    const now = next ?? run(shape, size);
    next = null;
    return now();
  };
}
