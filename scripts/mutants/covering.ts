// Covering: which tests reach a source file, by their imports. A test that starts a program does not import what the program
// runs, so it does not count for those files. Tests that start mail servers or clouds take minutes and are left out.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const leftOut = /^tests\/(?:bench|kill|mailserver|matrix|runtime|system)\b/;

/** Where a path leads: the packages' names by their `exports`, the others by place. `null`: not a file of ours. */
function resolve(root: string, file: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return relative(root, join(root, dirname(file), specifier));
  const [, name, room] = /^@sesame\/([a-z-]+)(\/.+)?$/.exec(specifier) ?? [];
  if (name === undefined) return null;
  const { exports } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  const path = exports[room === undefined ? "." : `.${room}`];
  return typeof path === "string" ? join("packages", name, path) : null;
}

/** What a file needs when it runs; types are gone by then. */
function importsOf(root: string, file: string): readonly string[] {
  if (!file.endsWith(".ts") || !existsSync(join(root, file))) return [];
  const text = readFileSync(join(root, file), "utf8").replace(/^(?:import|export) type\b[^;]*;/gm, "");
  const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  return specifiers.map((specifier) => resolve(root, file, specifier)).filter((path) => path !== null);
}

/** For each test, how far each file that it reaches is away from it: 1 is imported by itself. */
export function readTests(root: string): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const known = new Map<string, readonly string[]>();
  const of = (file: string) => {
    const found = known.get(file) ?? importsOf(root, file);
    known.set(file, found);
    return found;
  };
  const tests = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
    .map((name) => join("tests", name))
    .filter((name) => name.endsWith(".test.ts") && !leftOut.test(name))
    .sort();
  return new Map(tests.map((test) => [test, distances(test, of)]));
}

function distances(test: string, importsOf: (file: string) => readonly string[]): ReadonlyMap<string, number> {
  const away = new Map([[test, 0]]);
  for (const [file, distance] of away) // grows while it is walked
    for (const next of importsOf(file)) if (!away.has(next)) away.set(next, distance + 1);
  return away;
}
