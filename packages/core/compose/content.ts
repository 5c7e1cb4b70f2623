// OpenedMail: the octets of one mail on their way out. A delivery is the header with its edits over the untouched body, a forward
// a new header over the same body, a reply or notice a body of its own. What did not fit into the head stays a stream that
// the courier opens, so that no large mail is held in memory. RFC 6152 for the question whether 8-bit octets occur.

import { type HeaderEdit, renderBlock } from "../mail/header-edit.ts";
import type { Mail } from "../mail/mail.ts";

/** The octets of an outgoing mail: what is in memory, then a stream that can be opened again. */
export type Content = Readonly<{
  pieces: readonly Uint8Array[];
  rest: (() => AsyncIterable<Uint8Array>) | null;
  size: number;
  /** Whether octets above 127 occur; "unknown" when the rest was not read (RFC 6152). */
  eightBit: boolean | "unknown";
}>;

/** How a generated mail leaves: through our own mail server past its transport maps, or through Amazon SES. */
export type OutgoingRoute = "internal" | "ses";

/** A generated mail: a new header block over the stored body, or over a body of its own. */
export type Draft = Readonly<{ head: Uint8Array; body: "original" | Uint8Array }>;

/** The octets at hand: the parsed head, and the rest where it did not fit. */
export type OpenedMail = Readonly<{ mail: Mail; rest: Content["rest"] }>;

/** What a delivery sends. Above an mbox line, and without a header block, the octets go out exactly as they are stored. */
export function deliveryContent({ mail, rest }: OpenedMail, edits: readonly HeaderEdit[]): Content {
  return contentOf(edits.length > 0 ? [renderBlock(mail.block, edits), mail.head.subarray(mail.bodyStart)] : [mail.head], rest, mail);
}

/** What a forward or reply sends. */
export function draftContent({ mail, rest }: OpenedMail, { head, body }: Draft): Content {
  return body === "original" ? contentOf([head, mail.head.subarray(mail.bodyStart)], rest, mail) : contentOf([head, body], null, mail);
}

function contentOf(pieces: readonly Uint8Array[], rest: Content["rest"], mail: Mail): Content {
  const held = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const size = rest === null ? held : held + mail.size - mail.head.length;
  // NUL counts: it leaves as an octet above 127 (packages/smtp/source.ts).
  const eightBit = rest === null ? pieces.some((piece) => piece.some((octet) => octet > 127 || octet === 0)) : "unknown";
  return { pieces, rest, size, eightBit };
}
