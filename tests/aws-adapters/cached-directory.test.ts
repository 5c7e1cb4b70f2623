// What is read again and when, and how much is kept.

import { expect, test } from "bun:test";
import type { Directory, Inquiry } from "@sesame/core";
import { CachedDirectory } from "../../packages/aws-adapters/cached-directory.ts";

const rules = new Map<string, unknown>([
  ["a", { forwards: ["x@remote.test"] }],
  ["*", { ooo_active: true }],
]);

function harness(maxOctets = 1_000_000) {
  const asked: string[] = [];
  const directory: Directory = {
    look: async (inquiry) => {
      asked.push(`${inquiry.rules.join(" ")} | ${inquiry.blocked.join(" ")}`);
      return {
        rules: new Map(inquiry.rules.flatMap((key) => (rules.has(key) ? [[key, rules.get(key)] as const] : []))),
        blocked: new Map(inquiry.blocked.flatMap((key) => (key === "none" ? [[key, undefined] as const] : []))),
      };
    },
  };
  let now = 0;
  const cached = new CachedDirectory({ directory, seconds: 60, maxOctets, timers: { now: () => now } });
  return { cached, asked, wait: (seconds: number) => (now += seconds * 1000) };
}

const of = (...keys: string[]): Inquiry => ({ rules: keys, blocked: keys });

test("look() reads a row once in its time, and a key without a row as well", async () => {
  const { cached, asked, wait } = harness();
  const first = await cached.look(of("a", "*"));
  expect([...first.rules.keys(), ...first.blocked.keys()]).toEqual(["a", "*"]);
  expect(await cached.look(of("a", "*"))).toEqual(first);
  expect((await cached.look(of("b", "*"))).rules).toEqual(new Map([["*", { ooo_active: true }]]));
  expect(asked).toEqual(["a * | a *", "b | b"]);
  wait(59.9);
  await cached.look(of("a", "b"));
  expect(asked.length).toBe(2);
  wait(0.1);
  expect(await cached.look(of("a", "*"))).toEqual(first);
  expect(asked.slice(2)).toEqual(["a * | a *"]);
});

test("look() keeps a blocklist row without patterns as a row, and the tables apart", async () => {
  const { cached, asked } = harness();
  for (let i = 0; i < 2; i++) expect([...(await cached.look({ rules: [], blocked: ["none"] })).blocked]).toEqual([["none", undefined]]);
  expect((await cached.look({ rules: ["none"], blocked: [] })).rules.size).toBe(0);
  expect(asked).toEqual([" | none", "none | "]);
});

test("look() drops what was read first when there is no more room, and answers all the same", async () => {
  const { cached, asked } = harness(1000);
  for (const key of ["a", "*", "b", "c", "d", "e", "f"]) await cached.look(of(key));
  expect((await cached.look(of("a", "f"))).rules.get("a")).toEqual({ forwards: ["x@remote.test"] });
  expect(asked.at(-1)).toBe("a | a");
  const none = harness(0);
  for (let i = 0; i < 2; i++) expect((await none.cached.look(of("a"))).rules.size).toBe(1);
  expect(none.asked).toEqual(["a | a", "a | a"]);
});

test("look() keeps nothing of a look-up that failed", async () => {
  let fails = true;
  const directory: Directory = {
    look: async () => {
      if (fails) throw new Error("away");
      return { rules: new Map([["a", 1]]), blocked: new Map() };
    },
  };
  const cached = new CachedDirectory({ directory, seconds: 60 });
  expect(cached.look(of("a"))).rejects.toThrow("away");
  fails = false;
  expect((await cached.look(of("a"))).rules.get("a")).toBe(1);
});
