// Attachment scanner: finds the file names in a mail in one pass over a stream of its octets. It follows the delimiter lines of
// RFC 2046 §5.1 and reads the header of each part, also in enclosed mails (§5.2.1). mime-parameter.ts reads the spellings of a
// name. The scanner decodes and opens no attachment. It keeps only names and open boundaries, so time is proportional to the size
// of the mail and memory is bounded. Beyond the limits below it stops and keeps the names found so far.

import { latin1 } from "../octets.ts";
import type { Pause } from "../pause.ts";
import { fieldsOf } from "./header.ts";
import type { Mail } from "./mail.ts";
import { MimeBoundaries } from "./mime-boundaries.ts";
import { type ParameterList, parameterTexts, parseParameters } from "./mime-parameter.ts";

const maxNames = 10_000;
const maxNameLength = 255;
const maxParts = 100_000; // no mail program shows so many; a mail with more is an attack
const maxFieldOctets = 16 * 1024; // octets of one header field of a part
const maxHeaderOctets = 2 * 1024 * 1024; // octets of all these fields together

const [tab, lf, cr, space, dash, colon] = [9, 10, 13, 32, 45, 58];

type MimeFieldName = "content-type" | "content-disposition" | "content-transfer-encoding";
const readFields: readonly MimeFieldName[] = ["content-type", "content-disposition", "content-transfer-encoding"];

/** Starts a scan with the octets in memory. Call `write` with the other octets, in pieces of any size, then call `names`. */
export function scanAttachments(mail: Mail): AttachmentScanner {
  return scanHeader(mail).write(mail.head.subarray(mail.bodyStart));
}

function scanHeader({ block }: Mail): AttachmentScanner {
  const scanner = new AttachmentScanner();
  for (const name of readFields) for (const field of fieldsOf(block, name)) scanner.write(withoutLineEnd(field.raw)).write(lineFeed);
  return scanner.write(lineFeed);
}

const lineFeed = Uint8Array.of(lf);

function withoutLineEnd(raw: Uint8Array): Uint8Array {
  let end = raw.length;
  while (raw[end - 1] === lf || raw[end - 1] === cr) end--;
  return raw.subarray(0, end);
}

const sliceOctets = 16 * 1024; // a few milliseconds for hostile octets

/**
 * Returns the file names in a mail. `rest`: the octets after its head, or `null` if the head is the whole mail. It pauses after
 * each slice.
 */
export async function attachmentsIn(mail: Mail, rest: AsyncIterable<Uint8Array> | null, pause: Pause): Promise<readonly string[]> {
  const scanner = scanHeader(mail);
  await scanInSlices(scanner, mail.head.subarray(mail.bodyStart), pause);
  if (rest !== null) for await (const octets of rest) await scanInSlices(scanner, octets, pause);
  return scanner.names();
}

async function scanInSlices(scanner: AttachmentScanner, octets: Uint8Array, pause: Pause): Promise<void> {
  for (let at = 0; at < octets.length; at += sliceOctets) {
    scanner.write(octets.subarray(at, at + sliceOctets));
    await pause();
  }
}

/** A scan in progress. Made by `scanAttachments`. */
export class AttachmentScanner {
  readonly #names = new Set<string>();
  readonly #multiparts = new MimeBoundaries();
  readonly #line = new Uint8Array(maxFieldOctets);
  #lineLength = 0;
  #afterCr = false;
  #inHeader = true;
  /** Whether the current part belongs to a digest: its default type is message/rfc822 (RFC 2046 §5.1.5). */
  #isInDigest = false;
  #field: MimeFieldName | null = null;
  #fields: Partial<Record<MimeFieldName, string>> = {};
  #parts = 0;
  #headerOctets = 0;

  /** Reads the next octets. */
  write(octets: Uint8Array): this {
    let at = 0;
    while (at < octets.length && this.#parts <= maxParts && this.#headerOctets <= maxHeaderOctets) {
      // A bare CR ends a line too: most hosts convert it to CRLF (RFC 5321 §2.3.8).
      if (this.#afterCr && octets[at] === lf) at++;
      let end = at;
      while (end < octets.length && octets[end] !== lf && octets[end] !== cr) end++;
      this.#afterCr = octets[end] === cr;
      if (this.#lineLength === 0 && end < octets.length) this.#readLine(octets, at, end);
      else this.#holdLine(octets, at, end);
      at = end + 1;
    }
    return this;
  }

  /** Ends the scan and returns the distinct names in the order in which they were found. */
  names(): readonly string[] {
    this.#readLine(this.#line, 0, this.#lineLength);
    this.#lineLength = 0;
    if (this.#inHeader) this.#addNames(this.#parameterLists());
    return [...this.#names];
  }

  /** Stores a piece of a line that is not complete. Of a line that is too long only the start is kept. */
  #holdLine(octets: Uint8Array, from: number, end: number): void {
    const room = Math.min(end, from + this.#line.length - this.#lineLength);
    this.#line.set(octets.subarray(from, room), this.#lineLength);
    this.#lineLength += room - from;
    if (end === octets.length) return;
    const length = this.#lineLength;
    this.#lineLength = 0;
    this.#readLine(this.#line, 0, length);
  }

  #readLine(octets: Uint8Array, from: number, to: number): void {
    const dashes = octets[from] === dash && octets[from + 1] === dash && to - from > 2;
    const delimiter = dashes ? this.#multiparts.readDelimiter(octets, from + 2, to) : null;
    if (delimiter !== null) this.#startPart(delimiter === "delimiter");
    else if (this.#inHeader && from === to) this.#startBody();
    else if (this.#inHeader) this.#readHeaderLine(octets, from, to);
  }

  #startPart(inHeader: boolean): void {
    if (this.#inHeader) this.#addNames(this.#parameterLists()); // a part without a body
    this.#startHeader(inHeader);
    this.#isInDigest = this.#multiparts.isDigest;
    this.#parts++;
  }

  #startHeader(inHeader: boolean): void {
    this.#inHeader = inHeader;
    this.#field = null;
    this.#fields = {};
  }

  #readHeaderLine(octets: Uint8Array, from: number, to: number): void {
    const continues = octets[from] === space || octets[from] === tab;
    if (!continues) this.#field = mimeFieldOf(octets, from, to);
    const field = this.#field;
    if (field === null || (!continues && this.#fields[field] !== undefined)) {
      this.#field = null; // of repeated fields the first counts
      return;
    }
    const known = this.#fields[field] ?? "";
    const start = continues ? from : octets.indexOf(colon, from) + 1;
    const end = Math.min(to, start + maxFieldOctets - known.length);
    this.#fields[field] = known + latin1(octets.subarray(start, Math.max(start, end)));
    this.#headerOctets += Math.max(1, end - start);
  }

  #parameterLists(): { type: ParameterList | null; disposition: ParameterList | null } {
    const { "content-type": type, "content-disposition": disposition } = this.#fields;
    return {
      type: type === undefined ? null : parseParameters(type),
      disposition: disposition === undefined ? null : parseParameters(disposition),
    };
  }

  /** Ends the header of a part. What follows is its body, its parts, or the header of an enclosed mail. */
  #startBody(): void {
    const parameterLists = this.#parameterLists();
    this.#addNames(parameterLists);
    const type = parameterLists.type?.main.toLowerCase() ?? (this.#isInDigest ? "message/rfc822" : "text/plain");
    const isEncoded = /^\s*(?:base64|quoted-printable)/i.test(this.#fields["content-transfer-encoding"] ?? "");
    const boundary = parameterLists.type?.parameters.find(({ name }) => name === "boundary")?.value;
    if (type.startsWith("multipart/") && boundary !== undefined) this.#multiparts.open(boundary, type === "multipart/digest");
    this.#isInDigest = false;
    this.#startHeader((type === "message/rfc822" || type === "message/global") && !isEncoded);
  }

  #addNames({ type, disposition }: Readonly<{ type: ParameterList | null; disposition: ParameterList | null }>): void {
    if (type === null && disposition === null) return;
    for (const list of [disposition, type]) {
      for (const text of list === null ? [] : [...parameterTexts(list, "filename"), ...parameterTexts(list, "name")]) {
        const name = text.trim();
        // Cut at the start: the extension at the end shows the type of the file.
        if (name !== "" && this.#names.size < maxNames) this.#names.add(name.slice(-maxNameLength));
      }
    }
  }
}

/**
 * Returns the field that a header line starts, or `null` if it is not one of those read here. Compares octets and makes no
 * string: a hostile mail has millions of lines.
 */
function mimeFieldOf(octets: Uint8Array, from: number, to: number): MimeFieldName | null {
  for (const name of readFields) {
    let at = 0;
    while (at < name.length && from + at < to && ((octets[from + at] ?? 0) | 32) === (name.charCodeAt(at) | 32)) at++;
    if (at < name.length) continue;
    let colonAt = from + at;
    while (octets[colonAt] === space || octets[colonAt] === tab) colonAt++;
    if (colonAt < to && octets[colonAt] === colon) return name;
  }
  return null;
}
