// Derived id: an identifier computed from its input parts. Message-IDs, MIME boundaries and jitter use it, so every attempt at a
// mail builds the same octets. It uses no clock and no random numbers.

import { sha256 } from "@noble/hashes/sha2.js";
import { hex, utf8 } from "./octets.ts";

/**
 * Returns 32 hexadecimal digits: the start of the SHA-256 of the parts. Equal parts give an equal id in every attempt and
 * version.
 */
export function derivedId(...parts: readonly string[]): string {
  return hex(sha256(utf8(JSON.stringify(parts)))).slice(0, 32);
}
