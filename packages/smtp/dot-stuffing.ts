// Dot-stuffing: the octets of a mail as they go over the wire (RFC 5321 §4.5.2). A dot at the start of a line is doubled, and
// every bare CR or LF becomes CRLF, so no octet of a mail can end the DATA phase early (RFC 5321 §2.3.8). NUL is replaced,
// because neither 7bit nor 8bit data may contain it (RFC 2045 §2.7, §2.8). It knows no socket; content-transfer.ts does.

import { Buffer } from "node:buffer";

const [nul, lf, cr, dot] = [0x00, 0x0a, 0x0d, 0x2e];
// Dovecot stores the same octet in place of NUL, because IMAP cannot carry NUL either (RFC 3501 §4.3.1). One octet replaces
// one octet: the SIZE that MAIL declares stays right, and no dot moves to the start of a line.
const nulSubstitute = 0x80;
const below = 0x0e0e0e0e; // 14 in each octet of a word
const highBits = 0x80808080 | 0;
const ends = {
  ofLine: Uint8Array.of(dot, cr, lf),
  insideLineEnd: Uint8Array.of(lf, dot, cr, lf),
  elsewhere: Uint8Array.of(cr, lf, dot, cr, lf),
};

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
  end(): Uint8Array {
    return this.#last === lf ? ends.ofLine : this.#last === cr ? ends.insideLineEnd : ends.elsewhere;
  }
}

/** Whether each line ends with CRLF and begins without a dot, and there is no NUL. */
function isUnchanged(octets: Buffer, before: number): boolean {
  const size = octets.length;
  if (before === cr ? octets[0] !== lf || octets[1] === dot : before === lf && octets[0] === dot) return false;
  const view = new DataView(octets.buffer, octets.byteOffset, size);
  for (let at = nextControl(view, before === cr ? 1 : 0); at < size; at = nextControl(view, at)) {
    const octet = octets[at];
    if (octet === nul || octet === lf) return false;
    if (octet === cr && at + 1 < size && (octets[at + 1] !== lf || octets[at + 2] === dot)) return false;
    at += octet === cr ? 2 : 1;
  }
  return true;
}

/**
 * The place of the next octet below 14, as NUL, LF and CR are, or the size. It looks at eight octets at once. The first test
 * costs least, and is enough for ASCII; octets above 127 need the other two.
 */
function nextControl(view: DataView, from: number): number {
  const last = view.byteLength - 8;
  let at = from;
  for (; at <= last; at += 8) {
    const one = view.getInt32(at, true);
    const two = view.getInt32(at + 4, true);
    if ((((one - below) | (two - below)) & highBits) === 0) continue;
    if (controlsIn(one) !== 0) return at + firstOf(controlsIn(one));
    if (controlsIn(two) !== 0) return at + 4 + firstOf(controlsIn(two));
  }
  while (at < view.byteLength && view.getUint8(at) > cr) at++;
  return at;
}

/** The high bit of each octet below 14. Only the first one is certain: it may borrow from those above it. */
function controlsIn(word: number): number {
  return (word - below) & ~word & highBits;
}

/** The place of the first octet whose high bit is set, 0 to 3. */
function firstOf(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3;
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
