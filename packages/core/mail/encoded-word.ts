// Encoded words: header text in other alphabets, decoded for reading and encoded for writing. RFC 2047, with the language
// tag of RFC 2231 §5. Reading takes what writers do against the rules: long words, white space inside a word, characters
// split across words. A decoded text is hostile until header-write.ts has made it safe: it may hold line ends (`=0D=0A`).
// It decodes once: a word inside a word stays text.

import { base64, concat, fromBase64, utf8 } from "../octets.ts";

const maxWord = 75; // RFC 2047 §2
const frame = "=?UTF-8?Q??=".length;
// Each part ends at the next question mark, so that the time is linear whatever a sender writes.
const encodedWord = /=\?([!->@-~]{1,60})\?([bqBQ])\?([\t ->@-~]*)\?=/g;

/** Octets of one charset, out of neighbouring words. */
type Run = { readonly charset: string; readonly parts: Uint8Array[] };

/** Decodes the encoded words of a header value; white space between two of them is dropped (RFC 2047 §6.2). */
export function decodeWords(value: string): string {
  if (!value.includes("=?")) return value;
  let text = "";
  let last = 0;
  let run: Run = { charset: "", parts: [] };
  for (const match of value.matchAll(encodedWord)) {
    const [whole, label = "", encoding = "", data = ""] = match;
    const octets = encoding.toLowerCase() === "b" ? fromBase64(data) : fromQ(data);
    if (octets === null) continue; // no Base64: the word stays as it stands
    const charset = label.replace(/\*.*$/, "").toLowerCase();
    const between = value.slice(last, match.index);
    const isNeighbour = run.parts.length > 0 && between.trim() === "";
    // Writers split a character across words, against RFC 2047 §5: octets are joined before they are decoded.
    if (isNeighbour && run.charset === charset) run.parts.push(octets);
    else {
      text += decodeRun(run) + (isNeighbour ? "" : between);
      run = { charset, parts: [octets] };
    }
    last = match.index + whole.length;
  }
  return text + decodeRun(run) + value.slice(last);
}

function decodeRun({ charset, parts }: Run): string {
  return parts.length > 0 ? decodeCharset(charset, concat(parts)) : "";
}

/** Decodes octets of a named charset; an unknown name is read as windows-1252, which never fails. */
export function decodeCharset(label: string, octets: Uint8Array): string {
  // Some platforms type the label as a union of those they know; any other is refused at run time, which is caught.
  for (const name of [label, "windows-1252"]) {
    try {
      const decoder = new TextDecoder(name as "utf-8");
      const text = decoder.decode(octets);
      return decoder.encoding === "windows-1252" ? text.replace(/[\u0080-\u009f]/g, fromGap) : text;
    } catch {
      // RangeError: no such charset here
    }
  }
  return new TextDecoder().decode(octets);
}

const gap = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

/** Node before version 23 reads windows-1252 as Latin-1, and an attempt must build the same octets everywhere. */
function fromGap(control: string): string {
  return gap.charAt(control.charCodeAt(0) - 0x80);
}

/** The `Q` encoding (RFC 2047 §4.2): an underscore is a space. A `=` without two hexadecimal digits stays itself. */
function fromQ(data: string): Uint8Array {
  const octets = new Uint8Array(data.length);
  let length = 0;
  for (let i = 0; i < data.length; i++) {
    const escaped = data[i] === "=" ? hexOctet(data.slice(i + 1, i + 3)) : null;
    octets[length++] = escaped ?? (data[i] === "_" ? 32 : data.charCodeAt(i));
    if (escaped !== null) i += 2;
  }
  return octets.subarray(0, length);
}

function hexOctet(digits: string): number | null {
  return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : null;
}

/** Encodes a text as words of at most 75 octets, split between characters. `first` is the room on the first line. */
export function encodeWords(text: string, first: number = maxWord): readonly string[] {
  const octets = utf8(text);
  const plain = octets.reduce((count, octet) => count + (standsForItself(octet) ? 1 : 0), 0);
  const useQ = plain * 2 > octets.length; // Q takes three for one, Base64 four for three
  const words: string[] = [];
  let [word, held, room] = ["", 0, Math.min(first, maxWord) - frame];
  for (const char of text) {
    const weight = useQ ? toQ(char).length : utf8(char).length;
    const length = useQ ? held + weight : Math.ceil((held + weight) / 3) * 4;
    if (word !== "" && length > room) {
      words.push(wrap(word, useQ));
      [word, held, room] = ["", 0, maxWord - frame];
    }
    word += char;
    held += weight;
  }
  if (word !== "") words.push(wrap(word, useQ));
  return words;
}

function wrap(part: string, useQ: boolean): string {
  return useQ ? `=?UTF-8?Q?${toQ(part)}?=` : `=?UTF-8?B?${base64(utf8(part))}?=`;
}

function toQ(part: string): string {
  let text = "";
  for (const octet of utf8(part)) {
    if (octet === 32) text += "_";
    else if (standsForItself(octet)) text += String.fromCharCode(octet);
    else text += `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/** Letters, digits and ! * + - / only: the set that is safe in a display name too (RFC 2047 §5 (3)). */
function standsForItself(octet: number): boolean {
  return octet < 128 && /[A-Za-z0-9!*+\-/ ]/.test(String.fromCharCode(octet));
}
