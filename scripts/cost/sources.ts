// Sources: what the cost gate finds in the source files by itself: exported functions with the types of their parameters,
// exported classes, and regular expressions. So what is new is found without a list.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** One parameter. `type`: as it is written. `optional`: it has a default, or may be left out. */
export type Parameter = Readonly<{ type: string; optional: boolean; rest: boolean }>;
export type ExportedFunction = Readonly<{ path: string; name: string; parameters: readonly Parameter[] }>;
export type Expression = Readonly<{ place: string; pattern: string; flags: string }>;
export type Found = Readonly<{
  functions: readonly ExportedFunction[];
  classes: readonly Readonly<{ path: string; name: string }>[];
  expressions: readonly Expression[];
  /** Places of `new RegExp`, whose pattern nobody can check. */
  built: readonly string[];
}>;

/** Reads all source files of some folders. */
export function sourcesIn(folders: readonly string[]): Found {
  const paths = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts") && !name.includes("node_modules"))
      .sort()
      .map((name) => join(folder, name)),
  );
  const found = paths.map((path) => sourceOf(path, readFileSync(path, "utf8")));
  return {
    functions: found.flatMap(({ functions }) => functions),
    classes: found.flatMap(({ classes }) => classes),
    expressions: found.flatMap(({ expressions }) => expressions),
    built: found.flatMap(({ built }) => built),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a syntax tree, walked by the names of its nodes
type Node = any;

/** Reads one source file. */
export function sourceOf(path: string, text: string): Found {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`Cannot read ${path}: ${errors[0]?.message}`);
  const declared: Node[] = program.body.flatMap((node: Node) =>
    node.type === "ExportNamedDeclaration" && node.declaration ? [node.declaration] : [],
  );
  const functions = declared
    .filter((node) => node.type === "FunctionDeclaration")
    .map((node) => ({ path, name: node.id.name, parameters: node.params.map((each: Node) => parameterOf(each, text)) }));
  const classes = declared.filter((node) => node.type === "ClassDeclaration").map((node) => ({ path, name: node.id.name }));
  const expressions: Expression[] = [];
  const built: string[] = [];
  walk(program, (node) => {
    const place = `${path}:${text.slice(0, node.start).split("\n").length}`;
    if (node.type === "Literal" && node.regex) expressions.push({ place, pattern: node.regex.pattern, flags: node.regex.flags });
    if ((node.type === "NewExpression" || node.type === "CallExpression") && node.callee?.name === "RegExp") built.push(place);
  });
  return { functions, classes, expressions, built };
}

function parameterOf(node: Node, text: string): Parameter {
  const inner = node.type === "AssignmentPattern" ? node.left : node;
  const annotation = (node.typeAnnotation ?? inner.typeAnnotation)?.typeAnnotation;
  const type = annotation ? text.slice(annotation.start, annotation.end).replace(/\s+/g, " ") : "";
  return { type, optional: node.type === "AssignmentPattern" || inner.optional === true, rest: node.type === "RestElement" };
}

function walk(node: Node, visit: (node: Node) => void): void {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) for (const each of node) walk(each, visit);
  else {
    if (typeof node.type === "string") visit(node);
    for (const value of Object.values(node)) walk(value, visit);
  }
}
