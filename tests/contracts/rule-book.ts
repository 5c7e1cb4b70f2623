// Contract of RuleBook: whole rows, by key, in two tables.

import { expect } from "bun:test";
import type { RuleBook } from "../../packages/core/journey/ports.ts";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type RuleBookHarness = Harness & Readonly<{ ruleBook: RuleBook }>;

/** Declares the contract's tests for one implementation. Both tables must be empty at first. */
export function ruleBookContract(name: string, makeHarness: () => Promise<RuleBookHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as RuleBook`, makeHarness, cases, options);
}

const cases: Cases<RuleBookHarness> = {
  "list() gives nothing when a table is empty": async ({ ruleBook }) => {
    expect(await ruleBook.list("rules")).toEqual([]);
    expect(await ruleBook.list("blocked")).toEqual([]);
  },
  "list() gives the rows of one table by key in order": async ({ ruleBook }) => {
    for (const key of ["b@example.com", "*@example.com", "a@example.com"]) await ruleBook.set("rules", key, { ooo_message: key });
    await ruleBook.set("blocked", "c@example.com", { blocked_patterns: ["x"] });
    const rows = await ruleBook.list("rules");
    expect(rows.map(({ key }) => key)).toEqual(["*@example.com", "a@example.com", "b@example.com"]);
    expect(rows[1]?.row).toMatchObject({ ooo_message: "a@example.com" });
  },
  "list() gives more rows than one answer holds": async ({ ruleBook }) => {
    const text = "x".repeat(200);
    for (let n = 0; n < 60; n++) await ruleBook.set("rules", `${n}@example.com`, { ooo_message: text });
    expect((await ruleBook.list("rules")).length).toBe(60);
  },
  "show() gives a row or null": async ({ ruleBook }) => {
    expect(await ruleBook.show("rules", "a@example.com")).toBeNull();
    await ruleBook.set("rules", "a@example.com", { ooo_active: true, forwards: ["b@remote.test"] });
    expect(await ruleBook.show("rules", "a@example.com")).toMatchObject({ ooo_active: true, forwards: ["b@remote.test"] });
    expect(await ruleBook.show("blocked", "a@example.com")).toBeNull();
  },
  "set() replaces a whole row": async ({ ruleBook }) => {
    await ruleBook.set("rules", "a@example.com", { ooo_active: true, ooo_message: "away" });
    await ruleBook.set("rules", "a@example.com", { forwards: ["b@remote.test"] });
    const row = await ruleBook.show("rules", "a@example.com");
    expect(row).toMatchObject({ forwards: ["b@remote.test"] });
    expect(row).not.toHaveProperty("ooo_active");
  },
  "set() keeps text as it is": async ({ ruleBook }) => {
    const text = "Grüße\r\n\u2028'; DROP TABLE x; --";
    await ruleBook.set("rules", "o'brien@example.com", { ooo_message: text });
    expect(await ruleBook.show("rules", "o'brien@example.com")).toMatchObject({ ooo_message: text });
  },
  "remove() says whether there was a row": async ({ ruleBook }) => {
    await ruleBook.set("blocked", "a@example.com", { blocked_patterns: ["*@spam.test"] });
    expect(await ruleBook.remove("rules", "a@example.com")).toBe(false);
    expect(await ruleBook.remove("blocked", "a@example.com")).toBe(true);
    expect(await ruleBook.remove("blocked", "a@example.com")).toBe(false);
    expect(await ruleBook.show("blocked", "a@example.com")).toBeNull();
  },
};
