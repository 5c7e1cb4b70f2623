// Trace hashes: equal for equal mails, of no use without the key, and so few that a row has room for them.

import { expect, test } from "bun:test";
import type { AddressKey } from "@sesame/core";
import { messageHash, recipientHash, traceHashes } from "@sesame/core/journey";

const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const addresses = (...texts: string[]) => texts as AddressKey[];
const [alice, tagged, carol] = addresses("alice@example.com", "alice+shop@example.com", "carol@example.com") as [
  AddressKey,
  AddressKey,
  AddressKey,
];

test("traceHashes() begins with the mailbox of the first recipient, without its tag", () => {
  const { message, recipients } = traceHashes(key, "<1@remote.test>", [tagged, carol]);
  expect(message).toBe(messageHash(key, "<1@remote.test>"));
  expect(recipients).toEqual([alice, tagged, carol].map((each) => recipientHash(key, each)));
});

test("traceHashes() names each mailbox once, and no message where there is no Message-ID", () => {
  const { message, recipients } = traceHashes(key, null, [alice, tagged, alice]);
  expect([message, recipients.length]).toEqual([null, 2]);
});

test("a hash has 16 letters, and differs by key and by purpose", () => {
  const all = [recipientHash(key, alice), recipientHash(other, alice), recipientHash(key, carol), messageHash(key, alice)];
  expect(new Set(all).size).toBe(all.length);
  for (const each of all) expect(each).toMatch(/^[A-Za-z0-9+/]{16}$/);
});

test("X19 traceHashes() keeps at most 200 hashes, those of the first recipients", () => {
  const many = Array.from({ length: 1000 }, (_, n) => `u${n}+t@example.com` as AddressKey);
  const { recipients } = traceHashes(key, null, many);
  expect(recipients.length).toBe(200);
  expect(recipients[0]).toBe(recipientHash(key, "u0@example.com" as AddressKey));
});
