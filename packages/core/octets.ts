// Octets: helpers that read and build octets. The core works on octets, so that a mail is never converted to a string and back.
// Nothing here does I/O.

const encoder = new TextEncoder();

/** Returns the UTF-8 octets of a text. A lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Joins arrays into one new array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Returns one character for each octet (ISO 8859-1), so that no octet is lost and positions stay equal. */
export function latin1(octets: Uint8Array): string {
  let text = "";
  // In slices: the number of arguments of a call is limited.
  for (let at = 0; at < octets.length; at += 8192) text += Reflect.apply(String.fromCharCode, null, octets.subarray(at, at + 8192));
  return text;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 (RFC 6532 §3.2). Where the octets are not valid UTF-8, reads each octet as Latin-1. */
export function textOf(octets: Uint8Array): string {
  try {
    return strict.decode(octets);
  } catch {
    return latin1(octets);
  }
}

/** Whether an octet is NUL or above 127, which 7-bit text may not hold (RFC 6152). Reads four octets at a time. */
export function hasEightBit(octets: Uint8Array): boolean {
  if (octets.length < 8) return octets.some(isEightBit);
  const start = (4 - (octets.byteOffset % 4)) % 4;
  const words = new Uint32Array(octets.buffer, octets.byteOffset + start, Math.floor((octets.length - start) / 4));
  if (octets.subarray(0, start).some(isEightBit)) return true;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    // The first term finds octets above 127, the second one zero octets.
    if (((word | ((word - 0x01010101) & ~word)) & 0x80808080) !== 0) return true;
  }
  return octets.subarray(start + words.length * 4).some(isEightBit);
}

const isEightBit = (octet: number) => octet > 127 || octet === 0;

/** One octet as two upper-case hexadecimal digits, as quoted-printable, `Q` and percent encoding write it. */
export function upperHex(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, "0");
}

/** Octets as lower-case hexadecimal digits. */
export function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64Values = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) base64Values[base64Alphabet.charCodeAt(i)] = i;

/** Encodes octets as Base64 on one line (RFC 4648 §4). `btoa` is not part of ECMAScript, so the core cannot use it. */
export function base64(octets: Uint8Array): string {
  let text = "";
  for (let at = 0; at < octets.length; at += 3) {
    const [a = 0, b = 0, c = 0] = octets.subarray(at, at + 3);
    const left = octets.length - at;
    text += base64Alphabet.charAt(a >> 2) + base64Alphabet.charAt(((a & 3) << 4) | (b >> 4));
    text += left > 1 ? base64Alphabet.charAt(((b & 15) << 2) | (c >> 6)) : "=";
    text += left > 2 ? base64Alphabet.charAt(c & 63) : "=";
  }
  return text;
}

/** Decodes Base64 and ignores white space (RFC 4648 §4, RFC 2045 §6.8). Returns `null` for text that is not Base64. */
export function fromBase64(text: string): Uint8Array | null {
  const dense = text.replace(/\s+/g, "").replace(/={1,2}$/, "");
  if (dense.length % 4 === 1) return null;
  const octets = new Uint8Array(Math.floor((dense.length * 3) / 4));
  let [bits, held, out] = [0, 0, 0];
  for (let i = 0; i < dense.length; i++) {
    const value = base64Values[dense.charCodeAt(i)] ?? -1;
    if (value < 0) return null;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      octets[out++] = (held >> bits) & 255;
    }
  }
  return octets;
}
