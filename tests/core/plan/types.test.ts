import { expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import fc from "fast-check";
import { type Effect, keyOf, parseEffectKey } from "../../../packages/core/plan/types.ts";

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
      expect(parseEffectKey(keyOf(kind, recipient))).toEqual({ kind, recipient, to: null });
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
