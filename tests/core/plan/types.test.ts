import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import fc from "fast-check";
import { type Effect, type EffectKey, keyOf, parseEffectKey, withCanonicalKeys } from "../../../packages/core/plan/types.ts";

const addresses = [
  "alice@example.com",
  '"a b"@example.com',
  '"deliver x@y"@example.com',
  '"a\\" b"@example.com',
  "bob+t@xn--bcher-kva.example",
];

test("parseEffectKey() takes apart what keyOf() made, quoted local parts with spaces included", () => {
  const address = fc.constantFrom(...(addresses as Address[]));
  fc.assert(
    fc.property(fc.constantFrom<Effect["kind"]>("deliver", "reply"), address, (kind, recipient) => {
      expect(parseEffectKey(keyOf(kind, recipient))).toEqual({ kind, recipient, to: null }); // all are in lower case
    }),
  );
  fc.assert(
    fc.property(address, address, (recipient, to) => {
      expect(parseEffectKey(keyOf("forward", recipient, to))).toEqual({ kind: "forward", recipient, to });
    }),
  );
});

const bad = [
  "",
  "deliver",
  "deliver ",
  "deliver nobody",
  "bounce alice@example.com",
  "forward alice@example.com", // without its target
  "deliver alice@example.com x@other.test", // a delivery has no target
  "reply alice@example.com x@other.test",
  "forward alice@example.com nobody",
  'deliver "a b@example.com', // the quotation never ends
];
for (const key of bad) test(`parseEffectKey() refuses ${JSON.stringify(key)}`, () => expect(parseEffectKey(key)).toBeNull());

test("X20 keyOf() gives one key to all spellings of a mailbox, and another to each other mailbox", () => {
  const spellings = ["Alice@example.com", '"alice"@example.com', '"a\\lice"@EXAMPLE.com'] as Address[];
  for (const address of spellings) expect<string>(keyOf("deliver", address)).toBe("deliver alice@example.com");
  expect<string>(keyOf("forward", '"A b"@example.com' as Address, "X@Other.test" as Address)).toBe(
    'forward "a b"@example.com x@other.test',
  );
  expect(keyOf("deliver", "alice+t@example.com" as Address)).not.toBe(keyOf("deliver", "alice@example.com" as Address));
});

test("X20 withCanonicalKeys() finds the finals of rows that an earlier version wrote, and keeps the first of two", () => {
  const stored = new Map<EffectKey, number>([
    ["deliver Alice@Example.com" as EffectKey, 1],
    ["deliver alice@example.com" as EffectKey, 2],
    ["unknown key" as EffectKey, 3],
  ]);
  expect([...withCanonicalKeys(stored)] as unknown[]).toEqual([
    ["deliver alice@example.com", 1],
    ["unknown key", 3],
  ]);
});
