// Header: splits the header block of a mail and reads field values (RFC 5322 §2.2, §3.6). It keeps the octets as they arrived.
// Any octets are accepted: violations are listed as defects. It unfolds values but does not decode them (see encoded-word.ts).
// header-edit.ts changes a block, and header-write.ts writes fields.

import { latin1, textOf } from "../octets.ts";

/**
 * One field: its name, the name in lower case, and all its octets with folds and line end. The name is "" for a line without a
 * name.
 */
export type HeaderField = Readonly<{ name: string; key: string; raw: Uint8Array }>;

/** The fields in order, and the empty line after them (no octets if the mail ends with its header). */
export type HeaderBlock = Readonly<{ fields: readonly HeaderField[]; separator: Uint8Array }>;

/** What is wrong with a header block. No defect stops a delivery. */
export type HeaderDefect =
  | "no-header-block" // the first line is not a header field: no edit, no rules
  | "mbox-line" // an mbox `From ` line comes first: the fields after it are read, but not edited
  | "header-too-long" // the block is longer than `maxHeader`: deliver only
  | "too-many-fields" // more than `maxFields`: the first are read; deliver only
  | "field-too-long" // longer than `maxValue`: decisions use the start of its value
  | "bare-cr" // read as a line end, because it is sent as one
  | "nul" // in the octets read: SMTP cannot carry NUL, so another octet is sent (packages/smtp/dot-stuffing.ts)
  | "field-without-colon"; // or without a name: kept but not read; later fields count

/** The header and body positions in the first octets of a mail. */
export type HeaderSplit = Readonly<{
  block: HeaderBlock;
  /** Position of the body. If the block was not read to its end, position of the first octet that was not read. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
}>;

// The limits protect the reader from a mail that costs much more to read than to send. Ordinary mail is far below them.
/** Octets of a header block that are read: what a mail store returns in its first read. */
export const maxHeader: number = 256 * 1024;
/** Number of fields that are read. */
export const maxFields = 1000;
/** Octets of a field value that are read. */
export const maxValue: number = 64 * 1024;

const [tab, lf, cr, space, colon] = [9, 10, 13, 32, 58];
const noOctets = new Uint8Array(0);

/**
 * Splits the first octets of a mail. A line ends in CRLF, LF or a bare CR: the mail server will receive each as CRLF (RFC 5321
 * §2.3.8), so decisions use the same lines that the mailbox will show. `complete`: the octets are the whole mail. It never
 * throws.
 */
export function splitHeader(head: Uint8Array, complete: boolean): HeaderSplit {
  const isCut = !complete || head.length > maxHeader;
  const octets = isCut ? withoutHalfLineEnd(head.subarray(0, maxHeader)) : head;
  const defects = new Set<HeaderDefect>();
  const fields: HeaderField[] = [];
  let separator: Uint8Array = noOctets;
  let at = 0;
  if (startsWithMboxLine(octets)) {
    defects.add("mbox-line");
    at = lineEnd(octets, 0);
  }
  while (at < octets.length) {
    if (isLineEnd(octets[at])) {
      separator = octets.subarray(at, lineEnd(octets, at));
      break;
    }
    if (fields.length === maxFields) break;
    const field = fieldAt(octets, at);
    if (fields.length === 0 && field.name === "") break;
    if (field.name === "") defects.add("field-without-colon");
    if (field.raw.length > maxValue) defects.add("field-too-long");
    fields.push(field);
    at += field.raw.length;
  }
  if (fields.length === 0) return { block: { fields, separator: noOctets }, bodyStart: 0, defects: ["no-header-block"] };
  if (separator.length === 0 && at < octets.length) defects.add("too-many-fields");
  else if (separator.length === 0 && isCut) defects.add("header-too-long");
  const bodyStart = at + separator.length;
  addOctetDefects(octets.subarray(0, bodyStart), defects);
  return { block: { fields, separator }, bodyStart, defects: [...defects] };
}

/** Drops a CR at the cut: it may be the first half of a CRLF. */
function withoutHalfLineEnd(octets: Uint8Array): Uint8Array {
  return octets.at(-1) === cr ? octets.subarray(0, -1) : octets;
}

function startsWithMboxLine(head: Uint8Array): boolean {
  if (head.length < 6 || latin1(head.subarray(0, 5)) !== "From ") return false;
  let at = 5;
  while (isBlank(head[at])) at++;
  return head[at] !== colon;
}

function isLineEnd(octet: number | undefined): boolean {
  return octet === lf || octet === cr;
}

function isBlank(octet: number | undefined): boolean {
  return octet === space || octet === tab;
}

/** The start of the next line. */
function lineEnd(head: Uint8Array, at: number): number {
  for (let i = at; i < head.length; i++) {
    if (head[i] === lf) return i + 1;
    if (head[i] === cr) return head[i + 1] === lf ? i + 2 : i + 1;
  }
  return head.length;
}

/** The field at a position. It ends before the next line that does not start with white space (RFC 5322 §2.2.3). */
function fieldAt(head: Uint8Array, at: number): HeaderField {
  let end = lineEnd(head, at);
  while (isBlank(head[end])) end = lineEnd(head, end);
  const raw = head.subarray(at, end);
  const name = nameOf(raw);
  return { name, key: name.toLowerCase(), raw };
}

/** The name before the colon, or "". White space before the colon is accepted, although RFC 5322 §2.2 forbids it. */
function nameOf(raw: Uint8Array): string {
  let stop = 0;
  while (isNameOctet(raw[stop])) stop++;
  let after = stop;
  while (isBlank(raw[after])) after++;
  return raw[after] === colon ? textOf(raw.subarray(0, Math.min(stop, 1000))) : "";
}

function isNameOctet(octet: number = 0): boolean {
  return octet > space && octet < 127 && octet !== colon;
}

function addOctetDefects(block: Uint8Array, defects: Set<HeaderDefect>): void {
  if (block.includes(0)) defects.add("nul");
  for (let at = block.indexOf(cr); at >= 0; at = block.indexOf(cr, at + 1)) {
    if (block[at + 1] === lf) continue;
    defects.add("bare-cr");
    return;
  }
}

/** Returns all fields of a name, in order. Case does not matter. */
export function fieldsOf(block: HeaderBlock, name: string): readonly HeaderField[] {
  const key = name.toLowerCase();
  return block.fields.filter((field) => field.key === key);
}

/**
 * Returns the value of a field: unfolded, bare line ends as spaces, trimmed, at most `maxValue` octets. Encoded words are not
 * decoded.
 */
export function fieldValue({ raw }: HeaderField): string {
  return textOf(startOf(raw.subarray(raw.indexOf(colon) + 1), maxValue))
    .replace(/(?:\r\n|[\r\n])(?=[ \t])/g, "")
    .replace(/[\r\n]+/g, " ")
    .trim();
}

/**
 * At most `limit` octets, cut between UTF-8 characters: one broken character would make `textOf` read the whole value as Latin-1.
 */
function startOf(octets: Uint8Array, limit: number): Uint8Array {
  if (octets.length <= limit) return octets;
  let end = limit;
  while (end > limit - 3 && ((octets[end] ?? 0) & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

/** Returns the values of all fields of a name, in order. */
export function valuesOf(block: HeaderBlock, name: string): readonly string[] {
  return fieldsOf(block, name).map(fieldValue);
}

/** Returns the value of the first field of a name, or `null`. */
export function firstValue(block: HeaderBlock, name: string): string | null {
  const [field] = fieldsOf(block, name);
  return field ? fieldValue(field) : null;
}
