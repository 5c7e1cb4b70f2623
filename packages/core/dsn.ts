// DSN: what a delivery status notification says, read from its raw octets (RFC 3464, RFC 6522). Parsers merge or drop
// its parts, so the few fields that matter are read here: Final-Recipient, and the header of the mail that failed.
// It judges nothing; bounce.ts decides what to believe.

import { type Address, parseAddress } from "./address.ts";
import { latin1 } from "./bytes.ts";
import { fieldValue, firstValue, type HeaderBlock, splitHeader } from "./header.ts";
import type { Mail } from "./mail.ts";

/** The parts of a DSN that Sesame uses. */
export type Dsn = Readonly<{
  finalRecipients: readonly Address[];
  /** Header block of the mail that failed; `null` where the DSN does not include it. */
  original: HeaderBlock | null;
}>;

const maxParts = 20; // a DSN has three; a mail of ten thousand is none

/** Reads a DSN from the head of a mail. What is missing is empty. */
export function readDsn(mail: Mail): Dsn {
  let finalRecipients: readonly Address[] = [];
  let original: HeaderBlock | null = null;
  for (const part of partsOf(mail)) {
    const { block, bodyStart } = splitHeader(part, true);
    const type = (firstValue(block, "Content-Type") ?? "").toLowerCase();
    const body = part.subarray(bodyStart);
    if (type.startsWith("message/delivery-status")) finalRecipients = recipientsIn(body);
    if (/^(?:message\/rfc822|text\/rfc822-headers)/.test(type)) original ??= splitHeader(skipEmptyLines(body), true).block;
  }
  return { finalRecipients, original };
}

/** The octets of each top-level part, between the delimiter lines of RFC 2046 §5.1.1. */
function partsOf(mail: Mail): readonly Uint8Array[] {
  const type = firstValue(mail.block, "Content-Type") ?? "";
  const boundary = /boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;]{1,70}))/i.exec(type);
  const name = boundary?.[1] ?? boundary?.[2];
  if (!/^multipart\//i.test(type) || name === undefined) return [];
  const text = latin1(mail.head);
  const cuts: { at: number; after: number }[] = [];
  for (let at = text.indexOf(`--${name}`, mail.bodyStart); at >= 0 && cuts.length <= maxParts; at = text.indexOf(`--${name}`, at + 2)) {
    const atLineStart = at === mail.bodyStart || text[at - 1] === "\n";
    const after = text.indexOf("\n", at);
    if (atLineStart) cuts.push({ at, after: after < 0 ? text.length : after + 1 });
  }
  return cuts.map((cut, index) => mail.head.subarray(cut.after, cuts[index + 1]?.at ?? mail.head.length)).filter((part) => part.length > 0);
}

/** `Final-Recipient: rfc822; a@b` of each per-recipient block, whatever the order of the fields (RFC 3464 §2.3.2). */
function recipientsIn(body: Uint8Array): readonly Address[] {
  const found: Address[] = [];
  let rest = skipEmptyLines(body);
  while (rest.length > 0) {
    const { block, bodyStart } = splitHeader(rest, true);
    if (block.fields.length === 0) break;
    for (const field of block.fields.filter(({ key }) => key === "final-recipient")) {
      const parsed = parseAddress(fieldValue(field).replace(/^[^;]*;/, ""));
      if (parsed.ok) found.push(parsed.value);
    }
    rest = skipEmptyLines(rest.subarray(Math.max(bodyStart, 1)));
  }
  return found;
}

function skipEmptyLines(octets: Uint8Array): Uint8Array {
  let at = 0;
  while (octets[at] === 13 || octets[at] === 10) at++;
  return octets.subarray(at);
}
