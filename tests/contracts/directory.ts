// Contract of Directory: exact keys, rows as they stand, absence as absence.

import { expect } from "bun:test";
import type { Directory } from "@sesame/core";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type DirectoryHarness = Harness &
  Readonly<{
    directory: Directory;
    putRule(key: string, row: Readonly<Record<string, unknown>>): Promise<void>;
    /** Puts a blocklist's row; its patterns stand under `blocked_patterns`. */
    putBlocked(key: string, row: Readonly<Record<string, unknown>>): Promise<void>;
  }>;

/** Declares the contract's tests for one implementation. */
export function directoryContract(name: string, makeHarness: () => Promise<DirectoryHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as Directory`, makeHarness, cases, options);
}

const keysOf = (map: ReadonlyMap<string, unknown>) => [...map.keys()].sort();

const cases: Cases<DirectoryHarness> = {
  "look() gives nothing when nothing is asked": async ({ directory, putRule }) => {
    await putRule("a@example.com", { ooo_active: true });
    const { rules, blocked } = await directory.look({ rules: [], blocked: [] });
    expect([...rules, ...blocked]).toEqual([]);
  },
  "look() gives rows by key and leaves out keys without a row": async ({ directory, putRule, putBlocked }) => {
    await putRule("a@example.com", { ooo_active: true, ooo_message: "away" });
    await putRule("other@example.com", { ooo_active: true });
    await putBlocked("a@example.com", { blocked_patterns: ["*@spam.test"] });
    const keys = ["a@example.com", "b@example.com", "*@example.com"];
    const { rules, blocked } = await directory.look({ rules: keys, blocked: keys });
    expect(keysOf(rules)).toEqual(["a@example.com"]);
    expect(rules.get("a@example.com")).toMatchObject({ ooo_active: true, ooo_message: "away" });
    expect([...blocked]).toEqual([["a@example.com", ["*@spam.test"]]]);
  },
  "look() keeps the two tables apart": async ({ directory, putRule, putBlocked }) => {
    await putRule("r@example.com", { ooo_active: false });
    await putBlocked("b@example.com", { blocked_patterns: [] });
    const keys = ["r@example.com", "b@example.com"];
    const { rules, blocked } = await directory.look({ rules: keys, blocked: keys });
    expect(keysOf(rules)).toEqual(["r@example.com"]);
    expect(keysOf(blocked)).toEqual(["b@example.com"]);
  },
  "look() takes keys as they stand": async ({ directory, putRule }) => {
    const odd = ["*@example.com", "a+b@example.com", "o'brien@example.com", '"x y"@example.com', "ü@example.com", "%@example.com"];
    for (const key of odd) await putRule(key, { ooo_message: key });
    const { rules } = await directory.look({ rules: [...odd, "A+B@example.com"], blocked: [] });
    expect(keysOf(rules)).toEqual([...odd].sort());
    for (const key of odd) expect(rules.get(key)).toMatchObject({ ooo_message: key });
  },
  "look() gives values of any type undecoded": async ({ directory, putRule, putBlocked }) => {
    await putRule("a@example.com", { ooo_active: "true", forwards: { nested: [1, null] } });
    await putBlocked("a@example.com", { blocked_patterns: "*@spam.test" });
    const { rules, blocked } = await directory.look({ rules: ["a@example.com"], blocked: ["a@example.com"] });
    expect(rules.get("a@example.com")).toMatchObject({ ooo_active: "true", forwards: { nested: [1, null] } });
    expect(blocked.get("a@example.com")).toBe("*@spam.test");
  },
  "look() answers more keys than one request holds": async ({ directory, putRule }) => {
    const keys = Array.from({ length: 230 }, (_, n) => `user${n}@example.com`);
    await putRule("user0@example.com", { ooo_message: "0" });
    await putRule("user229@example.com", { ooo_message: "229" });
    const { rules, blocked } = await directory.look({ rules: keys, blocked: keys });
    expect(keysOf(rules)).toEqual(["user0@example.com", "user229@example.com"]);
    expect(blocked.size).toBe(0);
  },
};
