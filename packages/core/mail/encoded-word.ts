// Encoded words: header text in other character sets, decoded for reading and encoded for writing (RFC 2047, with the language
// tag of RFC 2231 §5). The decoder accepts common violations: words that are too long, white space inside a word, characters
// split across words. Decoded text is unsafe until `safeText` in header-write.ts cleans it: it can contain line ends (`=0D=0A`).
// It decodes once; a word inside a decoded word stays as it is.

import { base64, concat, fromBase64, upperHex, utf8 } from "../octets.ts";

const maxWord = 75; // RFC 2047 §2
const frameLength = "=?UTF-8?Q??=".length;
// No part can contain a question mark, so matching takes linear time on hostile input.
const encodedWord = /=\?([!->@-~]{1,60})\?([bqBQ])\?([\t ->@-~]*)\?=/g;

/** Octets of adjacent encoded words in one charset. */
type CharsetRun = { readonly charset: string; readonly parts: Uint8Array[] };

/**
 * Decodes the encoded words of a header value and drops the white space between adjacent words (RFC 2047 §6.2). A word with
 * invalid Base64 stays as it is.
 */
export function decodeWords(value: string): string {
  if (!value.includes("=?")) return value;
  let text = "";
  let last = 0;
  let run: CharsetRun = { charset: "", parts: [] };
  for (const match of value.matchAll(encodedWord)) {
    const [whole, label = "", encoding = "", data = ""] = match;
    const octets = encoding.toLowerCase() === "b" ? fromBase64(data) : fromQ(data);
    if (octets === null) continue; // not valid Base64
    const charset = label.replace(/\*.*$/, "").toLowerCase();
    const between = value.slice(last, match.index);
    const isNeighbour = run.parts.length > 0 && between.trim() === "";
    // Some senders split a character across words, against RFC 2047 §5, so octets are joined before they are decoded.
    if (isNeighbour && run.charset === charset) run.parts.push(octets);
    else {
      text += decodeRun(run) + (isNeighbour ? "" : between);
      run = { charset, parts: [octets] };
    }
    last = match.index + whole.length;
  }
  return text + decodeRun(run) + value.slice(last);
}

function decodeRun({ charset, parts }: CharsetRun): string {
  return parts.length > 0 ? decodeCharset(charset, concat(parts)) : "";
}

/** Decodes octets in a named charset. An unknown charset is read as windows-1252, in which every octet is valid. */
export function decodeCharset(label: string, octets: Uint8Array): string {
  // The label type of some platforms is a union of known names. An unknown name throws at run time, which is caught below.
  for (const name of [label, "windows-1252"]) {
    try {
      const decoder = new TextDecoder(name as "utf-8");
      const text = decoder.decode(octets);
      return decoder.encoding === "windows-1252" ? text.replace(/[\u0080-\u009f]/g, fromC1) : text;
    } catch {
      // RangeError: the platform does not know this charset
    }
  }
  return new TextDecoder().decode(octets);
}

const windows1252C1 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

/**
 * Maps a C1 control to its windows-1252 character. Node before version 23 decodes windows-1252 as Latin-1, and every attempt must
 * build the same octets on every runtime.
 */
function fromC1(control: string): string {
  return windows1252C1.charAt(control.charCodeAt(0) - 0x80);
}

/**
 * Decodes the `Q` encoding (RFC 2047 §4.2): an underscore is a space. A `=` that is not followed by two hexadecimal digits stays
 * as it is.
 */
function fromQ(data: string): Uint8Array {
  const octets = new Uint8Array(data.length);
  let length = 0;
  for (let i = 0; i < data.length; i++) {
    const escaped = data[i] === "=" ? octetOfHex(data.slice(i + 1, i + 3)) : null;
    octets[length++] = escaped ?? (data[i] === "_" ? 32 : data.charCodeAt(i));
    if (escaped !== null) i += 2;
  }
  return octets.subarray(0, length);
}

function octetOfHex(digits: string): number | null {
  return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : null;
}

/**
 * Encodes a text as words of at most 75 octets, split between characters (RFC 2047 §2). `first`: the octets that are free on the
 * first line.
 */
export function encodeWords(text: string, first: number = maxWord): readonly string[] {
  const octets = utf8(text);
  const literals = octets.reduce((count, octet) => count + (isLiteralInQ(octet) ? 1 : 0), 0);
  const useQ = literals * 2 > octets.length; // Q writes three octets for one, Base64 four for three
  const words: string[] = [];
  let [word, weightSoFar, room] = ["", 0, Math.min(first, maxWord) - frameLength];
  for (const char of text) {
    const weight = useQ ? toQ(char).length : utf8(char).length;
    const length = useQ ? weightSoFar + weight : Math.ceil((weightSoFar + weight) / 3) * 4;
    if (word !== "" && length > room) {
      words.push(encodedWordOf(word, useQ));
      [word, weightSoFar, room] = ["", 0, maxWord - frameLength];
    }
    word += char;
    weightSoFar += weight;
  }
  if (word !== "") words.push(encodedWordOf(word, useQ));
  return words;
}

function encodedWordOf(part: string, useQ: boolean): string {
  return useQ ? `=?UTF-8?Q?${toQ(part)}?=` : `=?UTF-8?B?${base64(utf8(part))}?=`;
}

function toQ(part: string): string {
  let text = "";
  for (const octet of utf8(part)) {
    if (octet === 32) text += "_";
    else if (isLiteralInQ(octet)) text += String.fromCharCode(octet);
    else text += `=${upperHex(octet)}`;
  }
  return text;
}

/**
 * Whether an octet needs no encoding in `Q`: letters, digits, space and ! * + - /. This set is also safe in a display name (RFC
 * 2047 §5).
 */
function isLiteralInQ(octet: number): boolean {
  return octet < 128 && /[A-Za-z0-9!*+\-/ ]/.test(String.fromCharCode(octet));
}
