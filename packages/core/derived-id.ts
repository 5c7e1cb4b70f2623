// Derived id: a short name made from what it names. Message-IDs, MIME boundaries and jitter come from it, so every attempt
// at a mail builds the same octets. It never uses the clock or chance.

import { sha256 } from "@noble/hashes/sha2.js";
import { hex, utf8 } from "./octets.ts";

/** 32 hexadecimal digits: the start of the SHA-256 of the parts, equal in every attempt. */
export function derivedId(...parts: readonly string[]): string {
  return hex(sha256(utf8(JSON.stringify(parts)))).slice(0, 32);
}
