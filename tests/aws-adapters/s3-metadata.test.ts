import { describe, expect, test } from "bun:test";
import type { AuditRecord } from "@sesame/core/journey";
import { fitMetadata } from "../../packages/aws-adapters/s3-metadata.ts";

type Metadata = Readonly<Record<string, string>>;

const sizeOf = (metadata: Metadata) => Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
const list = (count: number) => Array.from({ length: count }, (_, n) => `inbox-${n}@example.com`);

describe("fitMetadata()", () => {
  const rows: readonly (readonly [string, Metadata, AuditRecord, Metadata])[] = [
    ["keeps what was there", { origin: "x" }, { status: "blocked" }, { origin: "x", status: "blocked" }],
    ["joins a list that fits", {}, { invalid_inboxes: ["a@x.test", "ü@x.test"] }, { invalid_inboxes: "a@x.test,%C3%BC@x.test" }],
    [
      "cuts a list of one like a text",
      {},
      { invalid_inboxes: ["x".repeat(1190)], long: "y".repeat(1000) },
      { invalid_inboxes: `${"x".repeat(1026)}...`, long: "y".repeat(1000) },
    ],
    ["lets the record win", { status: "partial" }, { status: "blocked" }, { status: "blocked" }],
    ["writes names in lower case", { Origin: "x" }, { Status: "blocked" }, { origin: "x", status: "blocked" }],
    [
      "encodes what is not ASCII",
      { by: "jörg" },
      { blocked_sender: "ü@€.example" },
      { by: "j%C3%B6rg", blocked_sender: "%C3%BC@%E2%82%AC.example" },
    ],
    ["encodes line ends and other controls", {}, { status: "a\r\nx-amz-acl: public\0\x7f" }, { status: "a%0D%0Ax-amz-acl: public%00%7F" }],
    ["encodes half a character", {}, { status: "a\ud800b" }, { status: "a%EF%BF%BDb" }],
    ["leaves a percent sign that is there already", {}, { status: "50%25" }, { status: "50%25" }],
  ];
  for (const [title, existing, record, fitted] of rows) test(title, () => expect(fitMetadata(existing, record)).toEqual(fitted));

  test("F20 shortens a list from its end and counts what is missing, when it is too long", () => {
    const fitted = fitMetadata({ origin: "x".repeat(1500) }, { processed: "true", invalid_inboxes: list(200) });
    expect(sizeOf(fitted)).toBeLessThanOrEqual(2048);
    const [, kept = "", missing] = /^(.*),\+(\d+) more$/.exec(fitted["invalid_inboxes"] ?? "") ?? [];
    expect(kept.split(",")).toEqual(list(200 - Number(missing)));
    expect(sizeOf(fitted)).toBeGreaterThan(2000);
    expect(fitted["processed"]).toBe("true");
  });
  test("counts every item of a list that is missing", () => {
    const fitted = fitMetadata({}, { invalid_inboxes: list(25) }, 200);
    const [, kept = "", missing] = /^(.*),\+(\d+) more$/.exec(fitted["invalid_inboxes"] ?? "") ?? [];
    expect(kept.split(",").length + Number(missing)).toBe(25);
    expect(sizeOf(fitted)).toBeLessThanOrEqual(200);
  });
  test("keeps the limit of 1200 characters of a list, even if there is room", () => {
    const { invalid_inboxes: text = "" } = fitMetadata({}, { invalid_inboxes: list(200) });
    const [, kept = "", missing] = /^(.*),\+(\d+) more$/.exec(text) ?? [];
    expect(kept.split(",").length + Number(missing)).toBe(200);
    expect(kept.length).toBeLessThan(1200);
    expect(kept.length).toBeGreaterThan(1150);
  });
  test("cuts a text that is no list", () => {
    expect(fitMetadata({}, { by: "x".repeat(3000) }, 100)).toEqual({ by: `${"x".repeat(95)}...` });
  });
  test("shortens one value after another", () => {
    const fitted = fitMetadata({}, { processed: "true", blocked_sender: "s".repeat(1500), invalid_inboxes: list(100) }, 400);
    expect(sizeOf(fitted)).toBeLessThanOrEqual(400);
    expect(fitted["processed"]).toBe("true");
  });
  test("never shortens what was there, nor what is short", () => {
    const full = { foreign: "f".repeat(2040) };
    const trail = { processed: "true", status: "partial", invalid_inboxes: "a@example.com,b@example.com,c@example.com" };
    expect(fitMetadata(full, trail)).toEqual({ ...full, ...trail });
  });
});
