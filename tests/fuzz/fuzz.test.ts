// Fuzzing: every reader of foreign octets holds what it promises for inputs that were broken at random, 100 ms at the most
// for each. Inputs that once failed are under cases/ and are tried for good. `npm run fuzz` searches longer.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { busyTime } from "../busy-time.ts";
import { corpusNote } from "../core/corpus.ts";
import { shrink } from "./bytes.ts";
import { naivelyMatches } from "./naive-pattern.ts";
import { complaintOf, search, slowMs } from "./search.ts";
import { holds, octetsOf, type Target } from "./target.ts";
import { targets } from "./targets.ts";

const seconds = Number(process.env["SESAME_FUZZ_SECONDS"] ?? 2);
const seed = Number(process.env["SESAME_FUZZ_SEED"] ?? 1);

for (const target of targets) {
  const folder = join(import.meta.dir, "cases", target.name);
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".bin")) : [];

  describe(`the reader of ${target.name}`, () => {
    for (const file of found) {
      test(`holds what it promises for ${file}`, () => {
        expect(complaintOf(target, new Uint8Array(readFileSync(join(folder, file))))).toBeNull();
      });
    }

    test(
      `holds what it promises for ${seconds} s of broken inputs${corpusNote}`,
      async () => {
        const { cases, failures } = await search(target, seconds, seed);
        expect(failures.map(({ input, complaint }) => `${complaint}: ${Buffer.from(input).toString("base64").slice(0, 2000)}`)).toEqual([]);
        expect(cases).toBeGreaterThan(target.seeds.length);
      },
      seconds * 1000 + 20_000,
    );
  });
}

// A search that cannot fail proves nothing.
describe("search()", () => {
  const brittle: Target = {
    name: "brittle",
    seeds: [octetsOf("a harmless text")],
    tokens: ["b", "boom"],
    check(input) {
      const text = Buffer.from(input).toString("latin1");
      if (text.includes("slow")) for (const took = busyTime(); took() < slowMs + 5; );
      holds(!text.includes("boom"), "it broke");
      return String(input.length % 7);
    },
  };

  test("search() finds what throws, and shrink() makes it small", async () => {
    const { failures } = await search(brittle, 0.5, 1);
    const [first] = failures;
    if (!first) throw new Error("nothing was found");
    expect(first.complaint).toBe("Error: it broke");
    expect(Buffer.from(shrink(first.input, (smaller) => complaintOf(brittle, smaller) !== null)).toString("latin1")).toBe("boom");
  });

  test("search() tries the same inputs for the same seed", async () => {
    const tried = async () => {
      const inputs: string[] = [];
      const check = (input: Uint8Array) => String(inputs.push(Buffer.from(input).toString("base64")));
      await search({ ...brittle, check }, 0.05, 7);
      return inputs.slice(0, 200);
    };
    const [first, second] = [await tried(), await tried()];
    const length = Math.min(first.length, second.length);
    expect(length).toBeGreaterThan(20);
    expect(first.slice(0, length)).toEqual(second.slice(0, length));
  });

  test("complaintOf() complains of what takes too long each time", () => {
    expect(complaintOf(brittle, octetsOf("slow"))).toMatch(/^it took \d+ ms$/);
  });
});

test("naivelyMatches() knows what fnmatch knows", () => {
  const rows: readonly [string, string, boolean][] = [
    ["*@spam.test", "a@spam.test", true],
    ["*a*b", "xaxc", false],
    ["[!a]", "b", true],
    ["[z-a]", "z", false],
    ["[c-a!x]", "y", true],
    ["[]a]", "]", true],
    ["[a-]", "-", true],
    ["[a", "[a", true],
    ["?", "", false],
  ];
  for (const [pattern, text, expected] of rows) expect([pattern, text, naivelyMatches(pattern, text)]).toEqual([pattern, text, expected]);
});
