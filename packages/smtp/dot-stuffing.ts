// Dot-stuffing: the octets of a mail as they go over the wire (RFC 5321 §4.5.2). A dot at the start of a line is doubled, and
// every bare CR or LF becomes CRLF, so no octet of a mail can end the DATA phase early (RFC 5321 §2.3.8). NUL is replaced,
// because neither 7bit nor 8bit data may contain it (RFC 2045 §2.7, §2.8). It knows no socket; content-transfer.ts does.

import { Buffer } from "node:buffer";

const [nul, lf, cr, dot] = [0x00, 0x0a, 0x0d, 0x2e];
// Dovecot stores the same octet in place of NUL, because IMAP cannot carry NUL either (RFC 3501 §4.3.1). One octet replaces
// one octet: the SIZE that MAIL declares stays right, and no dot moves to the start of a line.
const nulSubstitute = 0x80;
const shortLine = 16; // octets: the length from which two searches are faster than one pass

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
 * Whether each line ends with CRLF and begins without a dot, and there is no NUL. It searches instead of looking at each
 * octet: for ordinary lines this takes a third of the time. False if most lines are so short that it would take longer.
 */
function isUnchanged(octets: Buffer, before: number): boolean {
  if (octets.includes(nul) || (before === cr && octets[0] !== lf)) return false;
  let at = before === cr ? 1 : 0;
  let isLineStart = before === cr || before === lf;
  for (let lines = 1; lines * shortLine < at + 2048; lines++) {
    if (isLineStart && octets[at] === dot) return false;
    const [nextCr, nextLf] = [octets.indexOf(cr, at), octets.indexOf(lf, at)];
    if (nextLf < 0) return nextCr < 0 || nextCr === octets.length - 1;
    if (nextCr < 0 || nextCr !== nextLf - 1) return false;
    at = nextLf + 1;
    isLineStart = true;
  }
  return false;
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
