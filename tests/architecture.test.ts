// The arrows between packages, and the words that are reserved.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const sources = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(root, folder, name), "utf8") }));
const importsOf = (text: string) => [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");

const packages: [string, RegExp][] = [
  ["packages/core", /^(?:\.\/[a-z-]+\.ts|zod|postal-mime|mimetext\/browser|@noble\/hashes\/.*|punycode\/.*)$/],
  ["packages/smtp", /^(?:\.\/[a-z-]+\.ts|node:.*|nodemailer(?:\/.*)?|@sesame\/core)$/],
  ["packages/aws-adapters", /^(?:\.\/[a-z0-9-]+\.ts|node:.*|@aws-sdk\/(?:client|lib)-.*|@smithy\/node-http-handler|zod|@sesame\/core)$/],
];
for (const [folder, allowed] of packages) {
  test(`${folder} imports only what it may`, () => {
    const files = sources(folder);
    expect(files.length).toBeGreaterThan(5);
    for (const { path, text } of files)
      for (const name of importsOf(text)) expect(`${path}: ${name}`).toMatch(new RegExp(`: ${allowed.source.slice(1)}`));
  });
}

test("the core asks neither clock nor chance", () => {
  for (const { path, text } of sources("packages/core"))
    expect(`${path} ${/Date\.now|new Date\(\)|Math\.random/.exec(text)?.[0] ?? "is pure"}`).toBe(`${path} is pure`);
});

test("one file each knows postal-mime and mimetext", () => {
  const users = (library: string) =>
    sources("packages/core")
      .filter(({ text }) => importsOf(text).includes(library))
      .map(({ path }) => path);
  expect(users("postal-mime")).toEqual(["packages/core/body.ts"]);
  expect(users("mimetext/browser")).toEqual(["packages/core/reply.ts"]);
});

test("Bun's own modules appear in the worker only, and no exported name says message", () => {
  for (const { path, text } of ["core", "smtp", "aws-adapters"].flatMap((name) => sources(`packages/${name}`))) {
    expect(`${path} ${/\bBun\.|"bun:/.exec(text)?.[0] ?? "ok"}`).toBe(`${path} ok`);
    expect(`${path} ${/^export (?:type|class|function|const) \w*[Mm]essage\b/m.exec(text)?.[0] ?? "ok"}`).toBe(`${path} ok`);
  }
});
