// Quoted-printable encoder: writes text as ASCII lines of at most 76 characters that no host needs to change (RFC 2045 §6.7, with
// the advice of RFC 2049 §3). It writes UTF-8 and CRLF line ends. It does not decode (see mime-part.ts).

import { upperHex, utf8 } from "../octets.ts";

const maxLine = 76; // RFC 2045 §6.7 (5), including the final "="
const [tab, space, dot, equals] = [9, 32, 46, 61];

/** Encodes a text. Its line ends may be CRLF, LF or CR. */
export function quotedPrintable(text: string): string {
  return text.replace(/\r\n?/g, "\n").split("\n").map(encodeLine).join("\r\n");
}

function encodeLine(text: string): string {
  const octets = utf8(text);
  let lines = "";
  let line = "";
  for (let at = 0; at < octets.length; ) {
    const end = endOfCharacter(octets, at);
    let part = "";
    for (let i = at; i < end; i++) part += encodeOctet(octets, i, line === "" && part === "");
    // A character is not split between lines, because some mail programs decode each line alone. 75 leave room for the "=".
    if (line.length + part.length > maxLine - 1) {
      lines += `${line}=\r\n`;
      line = "";
      continue;
    }
    line += part;
    at = end;
  }
  return lines + line;
}

function endOfCharacter(octets: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < octets.length && ((octets[end] ?? 0) & 0xc0) === 0x80) end++;
  return end;
}

function encodeOctet(octets: Uint8Array, at: number, startsLine: boolean): string {
  const octet = octets[at] ?? 0;
  const isBlank = octet === space || octet === tab;
  const isPlain = isBlank ? at < octets.length - 1 : octet > space && octet < 127 && octet !== equals;
  // Some hosts change a leading dot and a leading "From " (RFC 2049 §3 (4), RFC 5321 §4.5.2).
  const isAlteredInTransit = startsLine && (octet === dot || startsWithFrom(octets, at));
  return isPlain && !isAlteredInTransit ? String.fromCharCode(octet) : `=${upperHex(octet)}`;
}

function startsWithFrom(octets: Uint8Array, at: number): boolean {
  return [70, 114, 111, 109, 32].every((octet, i) => octets[at + i] === octet);
}
