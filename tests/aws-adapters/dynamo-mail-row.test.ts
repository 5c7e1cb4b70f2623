// Rows of a mail in the ledger table: what is read from them, of this version and of earlier ones, and how large they are.

import { expect, test } from "bun:test";
import type { EffectKey, Final } from "@sesame/core";
import { decodeFinals, encodeFinals } from "../../packages/aws-adapters/dynamo-finals.ts";
import { decodeMailRow, octetsOf, waitingHash } from "../../packages/aws-adapters/dynamo-mail-row.ts";
import { delivered, deliverKey, failed, key, relayed } from "../contracts/samples.ts";

const id = "example-com-emails/1";
const [alice, carol] = [key("alice@example.com"), key("carol@example.com")];

test("X20 waitingHash() depends on the mail, so that no sender can make two addresses with equal hashes", () => {
  expect(waitingHash(id, alice)).toMatch(/^[0-9a-f]{12}$/);
  expect(waitingHash(id, alice)).toBe(waitingHash(id, alice));
  expect(new Set([waitingHash(id, alice), waitingHash(id, carol), waitingHash("example-com-emails/2", alice)]).size).toBe(3);
  expect(waitingHash("a", key('"b\\",\\"c"@d.test'))).not.toBe(waitingHash("a,b", key("c@d.test")));
});

test("decodeMailRow() lets the recipients in an earlier version's finals wait, unless it had closed the mail", () => {
  const finals = [{ key: "deliver Alice@Example.com", action: "delivered" }];
  const waiting = new Set([waitingHash(id, carol)]);
  expect(decodeMailRow({ id, finals })?.waiting).toEqual(new Set([waitingHash(id, alice)]));
  expect(decodeMailRow({ id, finals, waiting })?.waiting).toEqual(new Set([waitingHash(id, carol), waitingHash(id, alice)]));
  expect(decodeMailRow({ id, finals, waiting, reopened: true })?.waiting).toEqual(waiting);
  expect(decodeMailRow({ id, done: ['["d alice@example.com","D",""]'] })?.waiting).toEqual(new Set());
});

test("decodeMailRow() takes the first final of an effect: an earlier version's before this one's, and each name of a row once", () => {
  const row = decodeMailRow({
    ...{ id, more: ["a", "b", "a"], finals: [{ key: "deliver alice@example.com", action: "delivered", detail: "first" }] },
    done: ['["d alice@example.com","D","second"]', '["f alice@example.com x@other.test","N","0101"]'],
  });
  expect(row?.more).toEqual(["a", "b"]);
  expect([...(row?.finals ?? [])]).toEqual([
    [deliverKey("alice@example.com"), { action: "delivered", detail: "first" }],
    ["forward alice@example.com x@other.test" as EffectKey, { action: "relayed", detail: "0101", standIn: true }],
  ]);
});

for (const done of [
  "",
  "null",
  "{}",
  "[]",
  '["d a@x.test"]',
  '["d a@x.test","E","of a later version"]',
  '["d a@x.test","D"]',
  '[1,"D",""]',
]) {
  test(`decodeFinals() throws on ${JSON.stringify(done)}: to read it as absent would repeat what was done`, () => {
    expect(() => decodeFinals([], [done])).toThrow("a row of the ledger is invalid: done");
  });
}

test("X19 encodeFinals() makes parts of at most 60 KB, and loses none", () => {
  const many = new Map<EffectKey, Final>([
    ...Array.from(
      { length: 2000 },
      (_, n) => [`deliver user${n}@example.com` as EffectKey, { action: "delivered", detail: "ü".repeat(300) }] as const,
    ),
    [deliverKey("alice@example.com"), failed],
    [deliverKey("carol@example.com"), relayed],
  ]);
  const parts = encodeFinals(many);
  expect(parts.length).toBeGreaterThan(10);
  for (const part of parts) expect(octetsOf(part)).toBeLessThan(70_000);
  const back = decodeFinals([], parts.flat());
  expect([back.size, back.get(deliverKey("alice@example.com"))]).toEqual([2002, failed]);
  expect(encodeFinals(new Map())).toEqual([]);
});

test("X19 octetsOf() is at least what DynamoDB charges", () => {
  // DynamoDB Developer Guide, "DynamoDB item sizes and formats": names and values in UTF-8, 3 octets for a list or map, 1 for an element.
  const row = {
    id,
    crashes: 12,
    closed: true,
    none: null,
    set: new Set(["ü", "b"]),
    list: ["abc", { a: "b" }],
    octets: new Uint8Array(10),
  };
  const least = 2 + id.length + (7 + 2) + (6 + 1) + (4 + 1) + (3 + 3) + (4 + 3 + 2 + 3 + 3 + 2) + (6 + 10);
  expect(octetsOf(row)).toBeGreaterThanOrEqual(least);
  expect(octetsOf({ id, done: encodeFinals(new Map([[deliverKey("a@example.com"), delivered]])).flat() })).toBeLessThan(100);
});
