// Dot-stuffing: the octets of a mail as they go over the wire (RFC 5321 §4.5.2). A dot at the start of a line is doubled, and
// every bare CR or LF becomes CRLF, so no octet of a mail can end the DATA phase early (RFC 5321 §2.3.8). NUL is replaced,
// because neither 7bit nor 8bit data may contain it (RFC 2045 §2.7, §2.8). It knows no socket; content-transfer.ts does.

import { Buffer } from "node:buffer";

const [nul, lf, cr, dot] = [0x00, 0x0a, 0x0d, 0x2e];
// Dovecot stores the same octet in place of NUL, because IMAP cannot carry NUL either (RFC 3501 §4.3.1). One octet replaces
// one octet: the SIZE that MAIL declares stays right, and no dot moves to the start of a line.
const nulSubstitute = 0x80;

/** Encodes one mail, piece by piece. */
export class DotStuffing {
  #last: number | null = null;

  /** Returns the same buffer if nothing changes in it, otherwise a copy: another transaction may be sending the same octets. */
  encode(octets: Buffer): Buffer {
    const before = this.#last ?? lf;
    if (octets.length === 0) return octets;
    this.#last = octets[octets.length - 1] as number;
    return isUnchanged(octets, before) ? octets : rewritten(octets, before);
  }

  /** The end of the last line, if it has none, and the final dot. */
  end(): Buffer {
    const lineEnd = this.#last === lf ? [] : this.#last === cr ? [lf] : [cr, lf];
    return Buffer.of(...lineEnd, dot, cr, lf);
  }
}

/**
 * Whether each line ends with CRLF and begins without a dot, and there is no NUL. It looks at four octets at once, and at
 * single ones only where a control character is among them: for ordinary lines this takes less than half of the time.
 */
function isUnchanged(octets: Buffer, before: number): boolean {
  if (before === cr ? octets[0] !== lf : before === lf && octets[0] === dot) return false;
  const from = Math.min(octets.length, (4 - (octets.byteOffset % 4)) % 4);
  const words = new Int32Array(octets.buffer, octets.byteOffset + (octets.length > from ? from : 0), (octets.length - from) >> 2);
  if (!hasNoEdge(octets, 0, from, before)) return false;
  for (let index = 0; index < words.length; index++) {
    const at = from + 4 * index;
    if (hasControl(words[index] as number) && !hasNoEdge(octets, at, at + 4, before)) return false;
  }
  return hasNoEdge(octets, from + 4 * words.length, octets.length, before);
}

/** Whether one of the four octets is below 14, as NUL, LF and CR are. */
function hasControl(word: number): boolean {
  return ((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0;
}

/** The same question about a part of the octets. The octet before a part and the one behind it count too. */
function hasNoEdge(octets: Buffer, from: number, to: number, before: number): boolean {
  for (let at = from; at < to; at++) {
    const octet = octets[at];
    if (octet === nul) return false;
    if (octet === cr && at + 1 < octets.length && octets[at + 1] !== lf) return false;
    if (octet === lf && ((at === 0 ? before : octets[at - 1]) !== cr || octets[at + 1] === dot)) return false;
  }
  return true;
}

/** One pass, and one allocation, whatever the octets are: a mail may consist of line ends and dots only. */
function rewritten(octets: Buffer, before: number): Buffer {
  const out = Buffer.allocUnsafe(2 * octets.length + 1); // the worst: LF only, or a CR before and a dot
  let size = 0;
  let previous = before;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] as number;
    const endsLine = previous === cr && octet !== lf;
    if (endsLine) out[size++] = lf;
    if (octet === lf && previous !== cr) out[size++] = cr;
    if (octet === dot && (previous === lf || endsLine)) out[size++] = dot;
    out[size++] = octet === nul ? nulSubstitute : octet;
    previous = octet;
  }
  return out.subarray(0, size);
}
