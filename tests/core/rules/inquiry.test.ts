import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { inquire } from "../../../packages/core/rules/inquiry.ts";

test("inquire() asks for each key once, in both tables", () => {
  const keys = ["a+t@x.test", "a@x.test", "*@x.test", "b@x.test"];
  expect(inquire(["A+t@x.test", "b@x.test", "a@X.test"] as Address[])).toEqual({ rules: keys, blocked: keys });
  expect(inquire([])).toEqual({ rules: [], blocked: [] });
});
