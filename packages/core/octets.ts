// Bytes: the few helpers with which the core reads octets without turning a mail into a string.

const encoder = new TextEncoder();

/** UTF-8 octets of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** One array from many, copied once. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One character for each octet, so that nothing is lost and positions agree. */
export function latin1(octets: Uint8Array): string {
  let text = "";
  // Slices, because an argument list has a limit.
  for (let at = 0; at < octets.length; at += 8192) text += String.fromCharCode(...octets.subarray(at, at + 8192));
  return text;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text of octets that should be UTF-8; where they are not, each octet is read as Latin-1 (RFC 6532 allows only UTF-8). */
export function textOf(octets: Uint8Array): string {
  try {
    return strict.decode(octets);
  } catch {
    return latin1(octets);
  }
}

/** Lower-case hexadecimal. */
export function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64Values = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) base64Values[base64Alphabet.charCodeAt(i)] = i;

/** Base64 of octets (RFC 4648 §4), on one line. The core has no `btoa`: it is no part of the language. */
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

/** Octets of a Base64 text, white space ignored (RFC 4648 §4, RFC 2045 §6.8); `null` where it is none. */
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
