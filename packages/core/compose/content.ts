// Content: the octets of an outgoing mail. A delivery is the edited header over the unchanged body. A forward is a new header
// over the same body. A reply or a stand-in has its own body. The part of a large mail that is not in memory stays a stream that
// the courier opens. RFC 6152 (8BITMIME) needs to know whether octets above 127 occur.

import { type HeaderEdit, renderBlock } from "../mail/header-edit.ts";
import type { Mail } from "../mail/mail.ts";
import { hasEightBit } from "../octets.ts";

/**
 * The octets of an outgoing mail: `pieces` in memory, then `rest`, which opens the stream of the remaining octets. `size` in
 * octets.
 */
export type Content = Readonly<{
  pieces: readonly Uint8Array[];
  rest: (() => AsyncIterable<Uint8Array>) | null;
  size: number;
  /** Whether octets above 127 occur; "unknown" if `rest` was not read (RFC 6152). */
  eightBit: boolean | "unknown";
}>;

/** How a generated mail is sent: by the internal mail server without its transport_maps, or by Amazon SES. */
export type OutgoingRoute = "internal" | "ses";

/** A generated mail: a new header block, and the stored body or a new one. */
export type Draft = Readonly<{ head: Uint8Array; body: "original" | Uint8Array }>;

/** A stored mail: the parsed head, and the rest if it is longer. */
export type OpenedMail = Readonly<{ mail: Mail; rest: Content["rest"] }>;

/** Returns the content of a delivery. Without edits, the octets are exactly as stored. */
export function deliveryContent({ mail, rest }: OpenedMail, edits: readonly HeaderEdit[]): Content {
  return contentOf(edits.length > 0 ? [renderBlock(mail.block, edits), mail.head.subarray(mail.bodyStart)] : [mail.head], rest, mail);
}

/** Returns the content of a forward, stand-in or reply. */
export function draftContent({ mail, rest }: OpenedMail, { head, body }: Draft): Content {
  return body === "original" ? contentOf([head, mail.head.subarray(mail.bodyStart)], rest, mail) : contentOf([head, body], null, mail);
}

function contentOf(pieces: readonly Uint8Array[], rest: Content["rest"], mail: Mail): Content {
  const inMemory = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const size = rest === null ? inMemory : inMemory + mail.size - mail.head.length;
  // NUL counts: it is sent as an octet above 127 (packages/smtp/dot-stuffing.ts).
  const eightBit = rest === null ? pieces.some(hasEightBit) : "unknown";
  return { pieces, rest, size, eightBit };
}
