// Samples: the few values that contract cases are written with, parsed as the core parses them.

import { expect } from "bun:test";
import { type Address, type AddressKey, addressKey, type EffectKey, type Final, type MailId, parseAddress } from "@sesame/core";
import { keyOf } from "../../packages/core/plan/types.ts";

/** An address that is known to be one. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new TypeError(parsed.error);
  return parsed.value;
}

/** The spelling of an address that compares. */
export function key(text: string): AddressKey {
  return addressKey(address(text));
}

/** The key of the delivery to an address. */
export function deliverKey(text: string): EffectKey {
  return keyOf("deliver", address(text));
}

/** The key of the auto-reply of an address. */
export function replyEffect(text: string): EffectKey {
  return keyOf("reply", address(text));
}

/** A mail's id. */
export function mailId(text: string): MailId {
  return text as MailId;
}

/** Octets of a text, one for each character, so that any octet can be written. */
export function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** `size` octets that repeat with a prime period, so that a piece in the wrong place shows. */
export function pattern(size: number): Uint8Array {
  const whole = new Uint8Array(size);
  for (let at = 0; at < size; at++) whole[at] = at % 251;
  return whole;
}

/** Octets after one another. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...parts]));
}

/** Compares octets without printing megabytes of them. */
export function same(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual?.length).toBe(expected.length);
  expect(Buffer.compare(actual ?? new Uint8Array(), expected)).toBe(0);
}

/** All octets of a stream. */
export async function drain(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(new Uint8Array(piece)); // a piece is valid until the next one is read
  return joined(...pieces);
}

export const delivered: Final = { action: "delivered", detail: "250 2.0.0 Ok" };
export const relayed: Final = { action: "relayed", detail: "0100-000000" };
export const failed: Final = {
  action: "failed",
  status: "5.1.1",
  reason: "no-such-mailbox",
  scope: "recipient",
  detail: "550 5.1.1 unknown",
};
