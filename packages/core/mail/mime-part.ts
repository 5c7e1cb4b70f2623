// MIME part: a leaf of a multipart as octets, with its own header block (RFC 2045 §6, RFC 2046 §5.1). MIME libraries merge or
// drop the parts of a report, so Sesame splits them itself: in one pass over the lines, without a string of the whole body, and
// with limits on all that a sender can make large. dsn.ts interprets the parts.

import { fromBase64, latin1, utf8 } from "../octets.ts";
import { firstValue, type HeaderBlock, maxHeader, splitHeader } from "./header.ts";
import type { Mail } from "./mail.ts";
import { parseParameters } from "./mime-parameter.ts";

/** A part without inner parts, or one that is nested too deep to split. The type is in lower case, "" if the part names none. */
export type MimePart = Readonly<{ type: string; block: HeaderBlock; body: Uint8Array }>;

const maxBody = 1024 * 1024; // octets of a body that are read: a report stands before the mail that it is about
const maxParts = 50; // a report has three
const maxDepth = 4;
const [cr, lf, dash, space, tab] = [13, 10, 45, 32, 9];

/** Returns the leaves of a mail in order. A mail that is not a multipart is its own only part. */
export function partsOf(mail: Mail): readonly MimePart[] {
  const found: MimePart[] = [];
  collect(mail.block, mail.head.subarray(mail.bodyStart, mail.bodyStart + maxBody), 0, found);
  return found;
}

function collect(block: HeaderBlock, body: Uint8Array, depth: number, found: MimePart[]): void {
  const { main, parameters } = parseParameters(firstValue(block, "Content-Type") ?? "");
  const type = main.toLowerCase();
  const boundary = parameters.find(({ name }) => name === "boundary")?.value.trimEnd();
  if (!type.startsWith("multipart/") || !boundary || depth === maxDepth) {
    found.push({ type, block, body });
    return;
  }
  for (const piece of piecesOf(body, boundary)) {
    if (found.length >= maxParts) return;
    const { block: inner, bodyStart } = splitHeader(piece, true);
    collect(inner, piece.subarray(bodyStart), depth + 1, found);
  }
}

/** The octets between the delimiter lines. The last piece may lack its delimiter. */
function piecesOf(body: Uint8Array, boundary: string): readonly Uint8Array[] {
  const delimiter = utf8(`--${boundary}`);
  const pieces: Uint8Array[] = [];
  let start = -1;
  const nextLine = lineFinder(body);
  for (let at = 0; at < body.length && pieces.length < maxParts; ) {
    const end = nextLine(at);
    const line = body[at] === dash ? lineKind(body.subarray(at, end), delimiter) : "text";
    if (line !== "text" && start >= 0) pieces.push(body.subarray(start, at));
    if (line === "close-delimiter") return pieces; // the epilogue follows (RFC 2046 §5.1.1)
    if (line === "delimiter") start = end;
    at = end;
  }
  return start >= 0 && pieces.length < maxParts ? [...pieces, body.subarray(start)] : pieces;
}

/**
 * Finds where the next line starts, for positions that only grow. A bare CR ends a line too: most hosts convert it to CRLF (RFC
 * 5321 §2.3.8). Each octet is looked at once, also where one of the two line ends does not occur.
 */
function lineFinder(octets: Uint8Array): (at: number) => number {
  let [nextCr, nextLf] = [-1, -1];
  const find = (octet: number, at: number) => {
    const found = octets.indexOf(octet, at);
    return found < 0 ? octets.length : found;
  };
  return (at) => {
    if (nextCr < at) nextCr = find(cr, at);
    if (nextLf < at) nextLf = find(lf, at);
    const end = Math.min(nextCr, nextLf);
    return Math.min(octets.length, end + (end === nextCr && nextLf === end + 1 ? 2 : 1));
  };
}

/**
 * Only white space may follow the delimiter on its line. Otherwise the line is the delimiter of another multipart with a longer
 * boundary.
 */
function lineKind(line: Uint8Array, delimiter: Uint8Array): "text" | "delimiter" | "close-delimiter" {
  if (line.length < delimiter.length || delimiter.some((octet, index) => line[index] !== octet)) return "text";
  const rest = line.subarray(delimiter.length);
  const closes = rest[0] === dash && rest[1] === dash;
  return rest.subarray(closes ? 2 : 0).every(isBlank) ? (closes ? "close-delimiter" : "delimiter") : "text";
}

function isBlank(octet: number): boolean {
  return octet === space || octet === tab || octet === cr || octet === lf;
}

/**
 * Returns the first octets of a part, decoded from their transfer encoding, at most `maxHeader` before decoding. It never throws.
 */
export function contentOf({ block, body }: MimePart): Uint8Array {
  const start = body.subarray(0, maxHeader);
  const encoding = parseParameters(firstValue(block, "Content-Transfer-Encoding") ?? "").main.toLowerCase();
  if (encoding === "quoted-printable") return fromQuotedPrintable(start);
  return encoding === "base64" ? fromBase64Lines(start) : start;
}

/**
 * Decodes Base64 (RFC 2045 §6.8): other characters are ignored, and a `=` is the end. An incomplete last group loses its last
 * character.
 */
function fromBase64Lines(octets: Uint8Array): Uint8Array {
  const [text = ""] = latin1(octets)
    .replace(/[^A-Za-z0-9+/=]+/g, "")
    .split("=", 1);
  return fromBase64(text.length % 4 === 1 ? text.slice(0, -1) : text) ?? octets;
}

/**
 * Decodes quoted-printable (RFC 2045 §6.7). White space after a soft line break is dropped. A `=` without two digits or a line
 * end stays.
 */
function fromQuotedPrintable(octets: Uint8Array): Uint8Array {
  const text = latin1(octets)
    .replace(/=[ \t]*(?:\r\n?|\n)/g, "")
    .replace(/=([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
