// Encoded words of RFC 2047: header text in other alphabets, decoded for reading and encoded for writing.
// A decoded text is hostile until header.ts has written it again: it may hold line ends (an encoded `=0D=0A`).

import { base64, fromBase64, utf8 } from "./bytes.ts";

const maxWord = 75; // RFC 2047 §2
const encodedWord = /=\?([^?\s]{1,60})\?([bqBQ])\?([^?\s]*)\?=/g;

/** Decodes the encoded words of a header value; white space between two of them is dropped (RFC 2047 §6.2). */
export function decodeWords(value: string): string {
  if (!value.includes("=?")) return value;
  let text = "";
  let last = 0;
  let charset = "";
  let octets: number[] = [];
  const flush = () => {
    if (octets.length > 0) text += decodeCharset(charset, Uint8Array.from(octets));
    octets = [];
  };
  for (const match of value.matchAll(encodedWord)) {
    const [whole, label = "", encoding = "", data = ""] = match;
    const word = encoding.toLowerCase() === "b" ? fromBase64(data) : fromQ(data);
    if (word === null) continue;
    const between = value.slice(last, match.index);
    const next = label.replace(/\*.*$/, "").toLowerCase(); // RFC 2231 §5 allows a language behind the charset
    // Writers split characters across words, against the rule; the octets of equal charsets are joined before decoding.
    if (next !== charset || last === 0 || between.trim() !== "") flush();
    if (last === 0 || between.trim() !== "") text += between;
    charset = next;
    for (const octet of word) octets.push(octet);
    last = match.index + whole.length;
  }
  flush();
  return text + value.slice(last);
}

/** Decodes octets of a named charset; an unknown name is read as windows-1252, which never fails. */
export function decodeCharset(label: string, octets: Uint8Array): string {
  // Some platforms type the label as a union of those they know; any other is refused at run time, which is caught.
  for (const name of [label, "windows-1252"]) {
    try {
      return new TextDecoder(name as "utf-8").decode(octets);
    } catch {
      // RangeError: no such charset here
    }
  }
  return new TextDecoder().decode(octets);
}

/** The `Q` encoding (RFC 2047 §4.2): an underscore is a space. A `=` without two hexadecimal digits stays itself. */
function fromQ(data: string): Uint8Array {
  const octets: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const char = data.charAt(i);
    const code = char === "=" ? Number.parseInt(data.slice(i + 1, i + 3), 16) : Number.NaN;
    if (/^[0-9a-f]{2}/i.test(data.slice(i + 1)) && !Number.isNaN(code)) {
      octets.push(code);
      i += 2;
    } else if (char === "_") octets.push(32);
    else octets.push(...utf8(char));
  }
  return Uint8Array.from(octets);
}

/**
 * Encodes a text as words of at most 75 octets, split between characters. `first` is the room on the first line.
 * `phrase`: for a display name, where fewer characters may stand for themselves (RFC 2047 §5 (3)).
 */
export function encodeWords(text: string, first: number = maxWord): readonly string[] {
  const octets = utf8(text);
  const plain = octets.reduce((count, octet) => count + (standsForItself(octet) ? 1 : 0), 0);
  const useQ = plain * 2 > octets.length; // Q takes three for one, Base64 four for three
  const words: string[] = [];
  let word = "";
  let room = Math.min(first, maxWord) - 12; // =?UTF-8?B? and ?=
  const length = (part: string) => (useQ ? toQ(part).length : Math.ceil(utf8(part).length / 3) * 4);
  for (const char of text) {
    if (word !== "" && length(word + char) > room) {
      words.push(wrap(word, useQ));
      word = "";
      room = maxWord - 12;
    }
    word += char;
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

/** Letters, digits and ! * + - / only: the set that is safe in a phrase too (RFC 2047 §5 (3)). */
function standsForItself(octet: number): boolean {
  return octet < 128 && /[A-Za-z0-9!*+\-/ ]/.test(String.fromCharCode(octet));
}
