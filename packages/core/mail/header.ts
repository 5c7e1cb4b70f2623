// Header: the header block of a mail, kept as the octets that arrived: split and read. RFC 5322 §2.2, §3.6.
// Reading forgives: any octets are a header block with a list of defects, and what is not edited leaves as it came.
// Values are not decoded here beyond unfolding (see encoded-word.ts). Edits are in header-edit.ts, and the one function
// that writes a field is in header-write.ts; both are exported from here, so that there is one door to headers.

import { latin1, textOf } from "../octets.ts";

/** One field with its name and all octets, folds and line end included. The name of a line without one is "". */
export type HeaderField = Readonly<{ name: string; key: string; raw: Uint8Array }>;

/** The fields in order, and the empty line that ends them (no octets where the mail ends with its header). */
export type HeaderBlock = Readonly<{ fields: readonly HeaderField[]; separator: Uint8Array }>;

/** What is odd about a header block. None of it stops a delivery. */
export type HeaderDefect =
  | "no-header-block" // the first line is no header field: nothing is edited, no rule applies
  | "mbox-line" // an mbox `From ` line stands on top: read past it, edit nothing
  | "header-too-long" // the block does not end within `maxHeader`: nothing but the delivery
  | "too-many-fields" // more than `maxFields`, of which the first are read: nothing but the delivery
  | "field-too-long" // longer than `maxValue`: decisions go by its start
  | "bare-cr" // read as a line end, since it leaves as one
  | "nul" // in what was read: SMTP cannot carry it, and it leaves as another octet (packages/smtp/source.ts)
  | "field-without-colon"; // or without a name: kept, passed over, and the fields below it count

/** The first octets of a mail, taken apart. */
export type HeaderSplit = Readonly<{
  block: HeaderBlock;
  /** Where the body starts; where the block was not read to its end, what was not read. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
}>;

// Each limit stops a mail that costs its reader more than its sender: time and memory by the octet, objects by the field,
// and one value that every question reads again. No person's mail comes near them.
/** Octets of a header block that are read: as much as the stores hand over at once. */
export const maxHeader: number = 256 * 1024;
/** Fields that are read. */
export const maxFields = 1000;
/** Octets of a field's value that are read. */
export const maxValue: number = 64 * 1024;

const [tab, lf, cr, space, colon] = [9, 10, 13, 32, 58];
const nothing = new Uint8Array(0);

/**
 * Splits the first octets of a mail. A line ends in CRLF or LF, or in a bare CR: on its way to the mail server each of
 * them becomes CRLF (RFC 5321 §2.3.8), so what is decided on is what the mailbox will show. `complete`: these are all octets.
 */
export function splitHeader(head: Uint8Array, complete: boolean): HeaderSplit {
  const isCut = !complete || head.length > maxHeader;
  const octets = isCut ? withoutHalfLineEnd(head.subarray(0, maxHeader)) : head;
  const defects = new Set<HeaderDefect>();
  const fields: HeaderField[] = [];
  let separator: Uint8Array = nothing;
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
  if (fields.length === 0) return { block: { fields, separator: nothing }, bodyStart: 0, defects: ["no-header-block"] };
  if (separator.length === 0 && at < octets.length) defects.add("too-many-fields");
  else if (separator.length === 0 && isCut) defects.add("header-too-long");
  const bodyStart = at + separator.length;
  noteOctets(octets.subarray(0, bodyStart), defects);
  return { block: { fields, separator }, bodyStart, defects: [...defects] };
}

/** A CR at the cut may be half of a CRLF, and nobody can tell. */
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

/** A field ends before the next line that does not start with white space (RFC 5322 §2.2.3). */
function fieldAt(head: Uint8Array, at: number): HeaderField {
  let end = lineEnd(head, at);
  while (isBlank(head[end])) end = lineEnd(head, end);
  const raw = head.subarray(at, end);
  const name = nameOf(raw);
  return { name, key: name.toLowerCase(), raw };
}

/** The name before the colon, without white space that stands between them against RFC 5322 §2.2; "" if there is none. */
function nameOf(raw: Uint8Array): string {
  let stop = 0;
  while (isNameOctet(raw[stop])) stop++;
  let after = stop;
  while (isBlank(raw[after])) after++;
  return raw[after] === colon ? latin1(raw.subarray(0, Math.min(stop, 1000))) : "";
}

function isNameOctet(octet: number = 0): boolean {
  return octet > space && octet < 127 && octet !== colon;
}

function noteOctets(block: Uint8Array, defects: Set<HeaderDefect>): void {
  if (block.includes(0)) defects.add("nul");
  for (let at = block.indexOf(cr); at >= 0; at = block.indexOf(cr, at + 1)) {
    if (block[at + 1] === lf) continue;
    defects.add("bare-cr");
    return;
  }
}

/** All fields of a name, in order. */
export function fieldsOf(block: HeaderBlock, name: string): readonly HeaderField[] {
  const key = name.toLowerCase();
  return block.fields.filter((field) => field.key === key);
}

/** The value of a field, as far as it is read: unfolded, other line ends as spaces, trimmed; encoded words as they stand. */
export function fieldValue({ raw }: HeaderField): string {
  return textOf(startOf(raw.subarray(raw.indexOf(colon) + 1), maxValue))
    .replace(/(?:\r\n|[\r\n])(?=[ \t])/g, "")
    .replace(/[\r\n]+/g, " ")
    .trim();
}

/** At most `limit` octets, not ending inside a UTF-8 character: one broken one would make all of them Latin-1. */
function startOf(octets: Uint8Array, limit: number): Uint8Array {
  if (octets.length <= limit) return octets;
  let end = limit;
  while (end > limit - 3 && ((octets[end] ?? 0) & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

/** The values of all fields of a name. */
export function valuesOf(block: HeaderBlock, name: string): readonly string[] {
  return fieldsOf(block, name).map(fieldValue);
}

/** The value of the first field of a name, or `null`. */
export function firstValue(block: HeaderBlock, name: string): string | null {
  const [field] = fieldsOf(block, name);
  return field ? fieldValue(field) : null;
}
