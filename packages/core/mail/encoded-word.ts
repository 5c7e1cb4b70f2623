// Encoded words: header text in other character sets, decoded for reading and encoded for writing (RFC 2047, with the language
// tag of RFC 2231 §5). The decoder accepts common violations: words that are too long, white space inside a word, characters
// split across words. Decoded text is unsafe until `safeText` in header-write.ts cleans it: it can contain line ends (`=0D=0A`).
// It decodes once; a word inside a decoded word stays as it is.

import { base64, concat, fromBase64, latin1, textOf, upperHex, utf8 } from "../octets.ts";

const maxWord = 75; // RFC 2047 §2
const frameLength = "=?UTF-8?Q??=".length;

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
  for (const { start, end, charset, octets } of encodedWordsIn(value)) {
    const between = value.slice(last, start);
    const isNeighbour = run.parts.length > 0 && between.trim() === "";
    // Some senders split a character across words, against RFC 2047 §5, so octets are joined before they are decoded.
    if (isNeighbour && run.charset === charset && !isStateful(charset)) run.parts.push(octets);
    else {
      text += decodeRun(run) + (isNeighbour ? "" : between);
      run = { charset, parts: [octets] };
    }
    last = end;
  }
  return text + decodeRun(run) + value.slice(last);
}

/** Charsets that switch by escape sequences: each word begins and ends in ASCII, so words are decoded one by one (RFC 1468). */
function isStateful(charset: string): boolean {
  return /^(?:iso-2022-|hz-|utf-7)/.test(charset);
}

type EncodedWord = Readonly<{ start: number; end: number; charset: string; octets: Uint8Array }>;

const opening = /=\?([!->@-~]{1,60})\?([bqBQ])\?/y;

/**
 * The encoded words of a value, in order. A word ends at the next `?=`. Its data may hold a bare `?` or raw 8-bit text, as mail
 * programs accept, but no other word. Both searches only go forward, so the time is linear whatever a sender writes.
 */
function* encodedWordsIn(value: string): Generator<EncodedWord> {
  let close = -1;
  let start = value.indexOf("=?");
  while (start >= 0) {
    opening.lastIndex = start;
    const [head = "", label = "", encoding = ""] = opening.exec(value) ?? [];
    const from = start + head.length;
    const next = value.indexOf("=?", Math.max(from, start + 2));
    if (head !== "") {
      if (close < from) close = value.indexOf("?=", from);
      if (close < 0) return;
      const data = value.slice(from, close);
      const isWhole = (next < 0 || next >= close - 1) && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(data);
      // Characters beyond Latin-1 show that the header is UTF-8, whatever the word says.
      const charset = /[^\u0000-\u00ff]/.test(data) ? "utf-8" : (label.split("*", 1)[0] ?? "").toLowerCase();
      const octets = isWhole ? (encoding.toLowerCase() === "b" ? fromBase64(data) : fromQ(data, charset)) : null;
      if (octets !== null) {
        yield { start, end: close + 2, charset, octets };
        start = value.indexOf("=?", close + 2);
        continue;
      }
    }
    start = next; // not an encoded word, or not valid Base64
  }
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
function fromQ(data: string, charset: string): Uint8Array {
  const text = /^[\u0000-\u007f]*$/.test(data) ? data : asOctets(data, charset);
  const octets = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const escaped = text[i] === "=" ? octetOfHex(text.slice(i + 1, i + 3)) : null;
    octets[length++] = escaped ?? (text[i] === "_" ? 32 : text.charCodeAt(i));
    if (escaped !== null) i += 2;
  }
  return octets.subarray(0, length);
}

/**
 * One character for each octet of raw 8-bit text inside a word. A header that is no UTF-8 is read as Latin-1, where a character
 * is the octet that came. In a header that is UTF-8, a word of that charset gives the octets of its characters.
 */
function asOctets(data: string, charset: string): string {
  if (!/^utf-?8$/.test(charset)) return data;
  const isLatin1 = /^[\u0000-\u00ff]*$/.test(data);
  const asRead = isLatin1 ? textOf(Uint8Array.from(data, (char) => char.charCodeAt(0))) : data;
  return asRead === data ? latin1(utf8(data)) : data;
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
