// The arrows between packages and between the rooms of the core, circles of files, and the words that are reserved.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const sources = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes("node_modules"))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(root, folder, name), "utf8") }));
const importsOf = (text: string) => [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");

const packages: [string, RegExp][] = [
  ["packages/core", /^(?:\.\.?\/(?:[a-z]+\/)?[a-z0-9-]+\.ts|zod|postal-mime|mimetext\/browser|@noble\/hashes\/.*|punycode\/.*)$/],
  ["packages/smtp", /^(?:\.\/[a-z-]+\.ts|node:.*|nodemailer(?:\/.*)?|@sesame\/core(?:\/[a-z]+)?)$/],
  [
    "packages/aws-adapters",
    /^(?:\.\/[a-z0-9-]+\.ts|node:.*|@aws-sdk\/(?:client|lib)-.*|@aws-sdk\/checksums\/crc|@smithy\/node-http-handler|zod|@sesame\/core(?:\/[a-z]+)?)$/,
  ],
];
for (const [folder, allowed] of packages) {
  test(`${folder} imports only what it may`, () => {
    const files = sources(folder);
    expect(files.length).toBeGreaterThan(5);
    for (const { path, text } of files)
      for (const name of importsOf(text)) expect(`${path}: ${name}`).toMatch(new RegExp(`: ${allowed.source.slice(1)}`));
  });
}

// A room imports from itself, from the base (files at the top) and from the rooms to its left. explain and journey both stand
// on plan and do not know each other.
const rooms = ["mail", "ses", "rules", "compose", "plan", "explain"];
const below: Readonly<Record<string, readonly string[]>> = {
  "": [],
  ...Object.fromEntries(rooms.map((room, at) => [room, ["", ...rooms.slice(0, at)]])),
  journey: ["", ...rooms.slice(0, -1)],
};
const roomOf = (path: string) => /^packages\/core\/([a-z]+)\//.exec(path)?.[1] ?? "";

test("a room of the core imports only from the rooms to its left", () => {
  const files = sources("packages/core").filter(({ path }) => path !== "packages/core/mod.ts");
  expect([...new Set(files.map(({ path }) => roomOf(path)))].sort()).toEqual(Object.keys(below).sort());
  const wrong = files.flatMap(({ path, text }) => {
    const mayUse = [roomOf(path), ...(below[roomOf(path)] ?? [])];
    const used = importsOf(text).filter((name) => name.startsWith("."));
    return used.filter((name) => !mayUse.includes(roomOf(join(path, "..", name)))).map((name) => `${path} imports ${name}`);
  });
  expect(wrong).toEqual([]);
});

for (const folder of ["packages/core", "packages/smtp", "packages/aws-adapters", "apps/worker"]) {
  test(`no circle of files in ${folder}`, () => {
    const files = sources(folder);
    const imports = new Map(
      files.map(({ path, text }) => [path, importsOf(text).flatMap((name) => (name.startsWith(".") ? [join(path, "..", name)] : []))]),
    );
    const done = new Set<string>();
    const circleFrom = (path: string, way: readonly string[]): readonly string[] | null => {
      if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
      if (done.has(path)) return null;
      for (const next of imports.get(path) ?? []) {
        const circle = circleFrom(next, [...way, path]);
        if (circle !== null) return circle;
      }
      done.add(path);
      return null;
    };
    expect(files.length).toBeGreaterThan(5);
    for (const { path } of files) expect(circleFrom(path, [])).toBeNull();
  });
}

test("the front door of the core stays small, and each room has one of its own", () => {
  const namesIn = (path: string) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, names = ""]) =>
      names.split(",").filter((name) => name.trim() !== ""),
    );
  expect(namesIn("packages/core/mod.ts").length).toBeLessThanOrEqual(85);
  const { exports } = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8"));
  for (const room of Object.keys(below).filter((name) => name !== "")) {
    expect(exports[`./${room}`]).toBe(`./${room}/mod.ts`);
    expect(namesIn(`packages/core/${room}/mod.ts`).length).toBeGreaterThan(2);
  }
});

test("no module of the core, of smtp or of the adapters keeps a cache of its own", () => {
  for (const { path, text } of ["core", "smtp", "aws-adapters"].flatMap((name) => sources(`packages/${name}`)))
    expect(`${path} ${/^const \w+(?:: [^=]+)? = new WeakMap/m.exec(text)?.[0] ?? "ok"}`).toBe(`${path} ok`);
});

test("the worker loads no client that only sesame check needs", () => {
  const folder = "packages/aws-adapters";
  const loaded = new Set<string>();
  const load = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const name of importsOf(readFileSync(join(root, path), "utf8"))) {
      if (name.startsWith(".")) load(join(path, "..", name));
      else loaded.add(name);
    }
  };
  load(`${folder}/mod.ts`);
  expect(loaded.has("@aws-sdk/client-sqs")).toBe(true);
  expect([...loaded].filter((name) => /client-sns|settings-check|receipt-check|sns-check/.test(name))).toEqual([]);
  const users = sources("apps/worker").filter(({ text }) => importsOf(text).includes("@sesame/aws-adapters/check"));
  expect(users.map(({ path }) => path).filter((path) => !/^apps\/worker\/(?:check\/|commands\/check\.ts)/.test(path))).toEqual([]);
});

test("the core asks neither clock nor chance", () => {
  for (const { path, text } of sources("packages/core"))
    expect(`${path} ${/Date\.now|new Date\(\)|Math\.random/.exec(text)?.[0] ?? "is pure"}`).toBe(`${path} is pure`);
});

test("one file each knows postal-mime and mimetext", () => {
  const users = (library: string) =>
    sources("packages/core")
      .filter(({ text }) => importsOf(text).includes(library))
      .map(({ path }) => path);
  expect(users("postal-mime")).toEqual(["packages/core/mail/body-text.ts"]);
  expect(users("mimetext/browser")).toEqual(["packages/core/compose/reply.ts"]);
});

test("Bun's own modules appear in the worker only, and no exported name says message", () => {
  for (const { path, text } of ["core", "smtp", "aws-adapters"].flatMap((name) => sources(`packages/${name}`))) {
    expect(`${path} ${/\bBun\.|"bun:/.exec(text)?.[0] ?? "ok"}`).toBe(`${path} ok`);
    expect(`${path} ${/^export (?:type|class|function|const) \w*[Mm]essage\b/m.exec(text)?.[0] ?? "ok"}`).toBe(`${path} ok`);
  }
});
