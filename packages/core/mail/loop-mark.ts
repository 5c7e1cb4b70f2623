// Loop mark: the keyed value in `X-Loop` that identifies mail sent by Sesame when it comes back (RFC 5321 §6.3 on loop
// detection). Anybody can write an `X-Loop` field, so a mark counts only if its MAC was made with the loop key: a forged mark
// must not disable a user's rules. A mark names the address for which it was made.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { derivedId } from "../derived-id.ts";
import { hex, utf8 } from "../octets.ts";
import { type HeaderBlock, valuesOf } from "./header.ts";

/** What the X-Loop fields of a mail contain: no mark, a valid mark, or only marks with a wrong MAC. */
export type LoopMark = "none" | "ours" | "forged";

/** Returns the value of the X-Loop field of a forward or reply sent by `address`. */
export function loopMark(key: Uint8Array, address: string, mailId: string): string {
  const id = derivedId("mark", mailId, address);
  return `${address}; id=${id}; hop=1; mac=${macOf(key, address, id, "1")}`;
}

function macOf(key: Uint8Array, address: string, id: string, hop: string): string {
  // Other hosts may fold and unfold the field, and a quoted local part may contain spaces.
  const folded = address.toLowerCase().replace(/\s+/g, " ");
  return hex(hmac(sha256, key, utf8(JSON.stringify(["sesame loop mark", folded, id, hop])))).slice(0, 32);
}

const maxMarks = 30; // a mail with more hops is not forwarded
const maxAddress = 400; // characters

/** `address; id=…; hop=…; mac=…`, with any white space. `null`: the value has another form. */
function markParts(value: string): Readonly<{ address: string; id: string; hop: string; mac: string }> | null {
  const parts = value.split(";").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const [mac = "", hop = "", id = ""] = parts.splice(-3).reverse();
  const address = parts.join("; ");
  const isMark = /^id=[0-9a-f]{32}$/i.test(id) && /^hop=\d{1,3}$/i.test(hop) && /^mac=[0-9a-f]{32}$/i.test(mac);
  if (!isMark || address === "" || address.length > maxAddress) return null;
  return { address, id: id.slice("id=".length), hop: hop.slice("hop=".length), mac: mac.slice("mac=".length) };
}

/**
 * Reads all X-Loop fields. It accepts white space that other hosts changed. One valid mark is enough, whatever other fields
 * contain. Fields of other programs are ignored.
 */
export function readLoopMark(key: Uint8Array, block: HeaderBlock): LoopMark {
  let found: LoopMark = "none";
  for (const value of valuesOf(block, "X-Loop")) {
    const mark = markParts(value);
    if (mark === null) {
      if (/\bmac\s*=/i.test(value)) found = "forged";
      continue;
    }
    const { address, id, hop, mac } = mark;
    if (constantTimeEqual(mac.toLowerCase(), macOf(key, address, id.toLowerCase(), hop))) return "ours";
    found = "forged";
  }
  return found;
}

/**
 * Returns the values of X-Loop fields that have the form of a mark, whoever made them, each once. A forward keeps them: otherwise
 * another installation could not recognise its own mail, and two installations that forward to each other would loop until the
 * hop limit.
 */
export function loopMarksIn(block: HeaderBlock): readonly string[] {
  const marks = valuesOf(block, "X-Loop").flatMap((value) => {
    const mark = markParts(value);
    return mark !== null && /^[ -~]+$/.test(mark.address) ? [`${mark.address}; id=${mark.id}; hop=${mark.hop}; mac=${mark.mac}`] : [];
  });
  return [...new Set(marks)].slice(0, maxMarks);
}

/** Compares two texts in constant time, so that the duration does not reveal how much of a MAC is right. */
function constantTimeEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
