import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import { mailObjects } from "../apps/worker/mail-objects.ts";

const domains = ["example.com", "another.test"] as Domain[];
const rows: [string, string, string, boolean][] = [
  ["{domain-dashed}-emails/**", "example-com-emails", "abc", true],
  ["{domain-dashed}-emails/**", "another-test-emails", "in/.hidden/abc", true],
  ["{domain-dashed}-emails/**", "example-com-emails", "/leading", true],
  ["{domain-dashed}-emails/**", "payroll", "abc", false],
  ["{domain-dashed}-emails/**", "x-example-com-emails", "abc", false],
  ["mail/{domain}/**", "mail", "example.com/abc", true],
  ["mail/{domain}/**", "mail", "other.test/abc", false],
  ["**", "anything", "at/all", true],
];
for (const [pattern, bucket, key, allowed] of rows) {
  test(`mailObjects() ${allowed ? "allows" : "refuses"} ${bucket} ${key} under ${pattern}`, () => {
    expect(mailObjects(pattern, domains)(bucket, key)).toBe(allowed);
  });
}
