// Trace hashes: by what a mail is found again in the ledger, without its name: keyed hashes of its Message-ID and of its
// recipients. They are written by the claim. Without the key nobody can tell from a row which ids or addresses they stand for.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type AddressKey, withoutTag } from "../mail/address.ts";
import { base64, utf8 } from "../octets.ts";

/**
 * Hashes of one notice. `message`: of the Message-ID, `null` if the notice names none. `recipients`: of each recipient, and of its
 * mailbox without the tag where it has one; the first is that of the first mailbox. At most `maxTraceHashes`.
 */
export type TraceHashes = Readonly<{ message: string | null; recipients: readonly string[] }>;

/** A row has room for so many. A mail to more recipients is found by the first of them. */
export const maxTraceHashes = 200;

const hashOctets = 12;

/** The hashes of a mail that a notice announces. */
export function traceHashes(key: Uint8Array, messageId: string | null, recipients: readonly AddressKey[]): TraceHashes {
  const distinct = new Set<AddressKey>();
  for (const recipient of recipients) {
    if (distinct.size >= maxTraceHashes) break;
    distinct.add(withoutTag(recipient)).add(recipient);
  }
  const hashes = [...distinct].slice(0, maxTraceHashes).map((each) => recipientHash(key, each));
  return { message: messageId === null ? null : messageHash(key, messageId), recipients: hashes };
}

/** The hash of a Message-ID with its angle brackets. */
export function messageHash(key: Uint8Array, messageId: string): string {
  return keyedHash(key, "message-id", messageId);
}

/** The hash of a recipient. */
export function recipientHash(key: Uint8Array, recipient: AddressKey): string {
  return keyedHash(key, "recipient", recipient);
}

/** The purpose is a part of what is hashed: no hash of one purpose, and no loop mark, is a hash of another. */
function keyedHash(key: Uint8Array, purpose: string, text: string): string {
  return base64(hmac(sha256, key, utf8(JSON.stringify(["sesame trace", purpose, text]))).subarray(0, hashOctets));
}
