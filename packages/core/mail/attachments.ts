// Attachments: the file names in a mail, found in one pass over a stream of its octets. It follows the delimiter lines of
// RFC 2046 §5.1 and reads the header of each part, those of enclosed mails included (§5.2.1); names are read in all their
// spellings (see parameter.ts). Nothing is decoded, opened or kept but names and open boundaries, so any mail of any size
// costs time in proportion to it and little memory. A mail past the limits below keeps the names found so far.

import { latin1 } from "../octets.ts";
import { fieldsOf } from "./header.ts";
import type { Mail } from "./mail.ts";
import { OpenMultiparts } from "./mime-boundaries.ts";
import { type ParameterList, parameterTexts, parseParameters } from "./mime-parameter.ts";

const maxNames = 10_000;
const maxNameLength = 255;
const maxParts = 100_000; // an attack on us; no mail program shows so many
const maxFieldOctets = 16 * 1024; // of one field of a part's header
const maxHeaderOctets = 2 * 1024 * 1024; // of all such fields together

const [tab, lf, cr, space, dash, colon] = [9, 10, 13, 32, 45, 58];

type WantedField = "content-type" | "content-disposition" | "content-transfer-encoding";
const wanted: readonly WantedField[] = ["content-type", "content-disposition", "content-transfer-encoding"];

/** Starts a scan with the octets at hand; `write` the others, in pieces of any size, before asking for the names. */
export function scanAttachments(mail: Mail): AttachmentScanner {
  const scanner = new AttachmentScanner();
  for (const name of wanted) for (const field of fieldsOf(mail.block, name)) scanner.write(withoutLineEnd(field.raw)).write(lineFeed);
  scanner.write(lineFeed);
  return scanner.write(mail.head.subarray(mail.bodyStart));
}

const lineFeed = Uint8Array.of(lf);

function withoutLineEnd(raw: Uint8Array): Uint8Array {
  let end = raw.length;
  while (raw[end - 1] === lf || raw[end - 1] === cr) end--;
  return raw.subarray(0, end);
}

/** The file names in a mail. `rest`: the octets behind its head, or `null` where the head is all of it. */
export async function attachmentsIn(mail: Mail, rest: AsyncIterable<Uint8Array> | null): Promise<readonly string[]> {
  const scanner = scanAttachments(mail);
  if (rest !== null) for await (const octets of rest) scanner.write(octets);
  return scanner.names();
}

/** Reads a mail's octets from its header on. */
export class AttachmentScanner {
  readonly #names = new Set<string>();
  readonly #multiparts = new OpenMultiparts();
  readonly #line = new Uint8Array(maxFieldOctets);
  #held = 0;
  #afterCr = false;
  #inHeader = true;
  /** This part of a digest is a mail if it does not say otherwise (RFC 2046 §5.1.5). */
  #isInDigest = false;
  #field: WantedField | null = null;
  #fields: Partial<Record<WantedField, string>> = {};
  #parts = 0;
  #headerOctets = 0;

  /** Takes the next octets. */
  write(octets: Uint8Array): this {
    let at = 0;
    while (at < octets.length && this.#parts <= maxParts && this.#headerOctets <= maxHeaderOctets) {
      // A bare CR ends a line, too: most hosts make CRLF of it (RFC 5321 §2.3.8).
      if (this.#afterCr && octets[at] === lf) at++;
      let end = at;
      while (end < octets.length && octets[end] !== lf && octets[end] !== cr) end++;
      this.#afterCr = octets[end] === cr;
      if (this.#held === 0 && end < octets.length) this.#readLine(octets, at, end);
      else this.#holdLine(octets, at, end);
      at = end + 1;
    }
    return this;
  }

  /** The distinct names found, in order. The scan ends with this. */
  names(): readonly string[] {
    this.#readLine(this.#line, 0, this.#held);
    this.#held = 0;
    if (this.#inHeader) this.#noteNames(this.#lists());
    return [...this.#names];
  }

  /** A line may come in pieces; of an endless one only the start is kept. */
  #holdLine(octets: Uint8Array, from: number, end: number): void {
    const room = Math.min(end, from + this.#line.length - this.#held);
    this.#line.set(octets.subarray(from, room), this.#held);
    this.#held += room - from;
    if (end === octets.length) return;
    const held = this.#held;
    this.#held = 0;
    this.#readLine(this.#line, 0, held);
  }

  #readLine(octets: Uint8Array, from: number, to: number): void {
    const dashes = octets[from] === dash && octets[from + 1] === dash && to - from > 2;
    const delimiter = dashes ? this.#multiparts.pass(octets, from + 2, to) : null;
    if (delimiter !== null) this.#passDelimiter(delimiter === "begins");
    else if (this.#inHeader && from === to) this.#startBody();
    else if (this.#inHeader) this.#readHeaderLine(octets, from, to);
  }

  #passDelimiter(begins: boolean): void {
    if (this.#inHeader) this.#noteNames(this.#lists()); // a part that is nothing but header
    this.#startHeader(begins);
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
    if (!continues) this.#field = wantedField(octets, from, to);
    const field = this.#field;
    if (field === null || (!continues && this.#fields[field] !== undefined)) {
      this.#field = null; // the first of several stands
      return;
    }
    const known = this.#fields[field] ?? "";
    const start = continues ? from : octets.indexOf(colon, from) + 1;
    const end = Math.min(to, start + maxFieldOctets - known.length);
    this.#fields[field] = known + latin1(octets.subarray(start, Math.max(start, end)));
    this.#headerOctets += Math.max(1, end - start);
  }

  #lists(): { type: ParameterList | null; disposition: ParameterList | null } {
    const { "content-type": type, "content-disposition": disposition } = this.#fields;
    return {
      type: type === undefined ? null : parseParameters(type),
      disposition: disposition === undefined ? null : parseParameters(disposition),
    };
  }

  /** The header of a part is complete: what follows is its body, its parts, or another header. */
  #startBody(): void {
    const lists = this.#lists();
    this.#noteNames(lists);
    const type = lists.type?.main.toLowerCase() ?? (this.#isInDigest ? "message/rfc822" : "text/plain");
    const isEncoded = /^\s*(?:base64|quoted-printable)/i.test(this.#fields["content-transfer-encoding"] ?? "");
    const boundary = lists.type?.parameters.find(({ name }) => name === "boundary")?.value;
    if (type.startsWith("multipart/") && boundary !== undefined) this.#multiparts.open(boundary, type === "multipart/digest");
    this.#isInDigest = false;
    this.#startHeader((type === "message/rfc822" || type === "message/global") && !isEncoded);
  }

  #noteNames({ type, disposition }: Readonly<{ type: ParameterList | null; disposition: ParameterList | null }>): void {
    for (const list of [disposition, type]) {
      for (const text of list === null ? [] : [...parameterTexts(list, "filename"), ...parameterTexts(list, "name")]) {
        const name = text.trim();
        // The end tells what a file is, so a long name loses its start.
        if (name !== "" && this.#names.size < maxNames) this.#names.add(name.slice(-maxNameLength));
      }
    }
  }
}

/** The field of a header line if it is one of those that matter here. Compares octets: a hostile mail has millions of lines. */
function wantedField(octets: Uint8Array, from: number, to: number): WantedField | null {
  for (const name of wanted) {
    let at = 0;
    while (at < name.length && from + at < to && ((octets[from + at] ?? 0) | 32) === (name.charCodeAt(at) | 32)) at++;
    if (at < name.length) continue;
    let colonAt = from + at;
    while (octets[colonAt] === space || octets[colonAt] === tab) colonAt++;
    if (colonAt < to && octets[colonAt] === colon) return name;
  }
  return null;
}
