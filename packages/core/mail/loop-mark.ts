// Trace: the keyed mark in `X-Loop` by which Sesame knows its own mail when it comes back. Anybody can write an
// `X-Loop` or `X-SES-Worker-Processed` field; only a mark whose MAC was made with the loop key is believed, so a forged
// one cannot switch off a user's rules. A mark names the address it was made for (RFC 5321 §6.3 on loop detection).

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { derivedId } from "../derived-id.ts";
import { hex, utf8 } from "../octets.ts";
import { type HeaderBlock, valuesOf } from "./header.ts";

/** What a mail's X-Loop fields amount to. */
export type LoopMark = "none" | "ours" | "forged";

/** The value of the X-Loop field on a forward or reply of `address`. */
export function loopMark(key: Uint8Array, address: string, mailId: string): string {
  const id = derivedId("mark", mailId, address);
  return `${address}; id=${id}; hop=1; mac=${macOf(key, address, id, "1")}`;
}

function macOf(key: Uint8Array, address: string, id: string, hop: string): string {
  // Hosts on the way fold and unfold, and a quoted local part may hold spaces.
  const folded = address.toLowerCase().replace(/\s+/g, " ");
  return hex(hmac(sha256, key, utf8(JSON.stringify(["sesame loop mark", folded, id, hop])))).slice(0, 32);
}

const maxMarks = 30; // a mail that comes from more hosts is forwarded no more
const mark = /^(\S.{0,400}?)\s*;\s*id=([0-9a-f]{32})\s*;\s*hop=(\d{1,3})\s*;\s*mac=([0-9a-f]{32})\s*;?$/i;

/**
 * Reads all X-Loop fields, white space as other hosts may have left it. One true mark is enough, whatever stands beside
 * it. Fields of other programs have no mark and mean nothing here.
 */
export function readLoopMark(key: Uint8Array, block: HeaderBlock): LoopMark {
  let found: LoopMark = "none";
  for (const value of valuesOf(block, "X-Loop")) {
    const match = mark.exec(value);
    if (match === null) {
      if (/\bmac\s*=/i.test(value)) found = "forged";
      continue;
    }
    const [, address = "", id = "", hop = "", mac = ""] = match;
    if (equal(mac.toLowerCase(), macOf(key, address, id.toLowerCase(), hop))) return "ours";
    found = "forged";
  }
  return found;
}

/**
 * Values of X-Loop fields that have the form of a mark, whoever made them. A forward takes them along: the installation that
 * made one would else not know its own mail again, and two that forward to each other would go on until the hops are counted.
 */
export function marksIn(block: HeaderBlock): readonly string[] {
  const marks = valuesOf(block, "X-Loop").flatMap((value) => {
    const [, address = "", id, hop, mac] = mark.exec(value) ?? [];
    return /^[ -~]+$/.test(address) ? [`${address}; id=${id}; hop=${hop}; mac=${mac}`] : [];
  });
  return [...new Set(marks)].slice(0, maxMarks);
}

/** Compares without telling by its duration where two texts differ. */
function equal(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
