// Excerpt: the start of a text that is too long, cut where a reader would. Never inside a code point, and not inside
// what is shown as one character: a letter with its accents, a joined emoji (Unicode UAX #29, its common rules only).

import { safeText } from "./header-write.ts";

const maxCharacter = 40; // UTF-16 units; the longest emoji in use has 35
const joiner = "\u200d";
const joins = /^[\p{M}\p{EMod}\u200d]$/u;

/** A text of at most `limit` characters on one line, safe to be a header field; an ellipsis stands for the rest. */
export function truncateLine(text: string, limit: number): string {
  const clean = safeText(text, Number.MAX_SAFE_INTEGER);
  if ([...clean.slice(0, 2 * limit + 2)].length <= limit) return clean;
  return `${startOf(clean, limit - 1, () => 1).trimEnd()}…`;
}

/** A text of at most `octets` octets in UTF-8; a line of its own says where it was cut. */
export function truncateText(text: string, octets: number): string {
  const start = startOf(text, octets, octetsOf);
  return start === text ? text : `${start.trimEnd()}\n[…]`;
}

/** The longest start whose characters weigh no more than `limit`. */
function startOf(text: string, limit: number, weigh: (char: string) => number): string {
  let [weight, end, whole, previous] = [0, 0, 0, ""];
  for (const char of text) {
    if (!joins.test(char) && previous !== joiner) whole = end;
    weight += weigh(char);
    // One letter under a thousand accents is cut all the same.
    if (weight > limit) return text.slice(0, end - whole > maxCharacter ? end : whole);
    end += char.length;
    previous = char;
  }
  return text;
}

function octetsOf(char: string): number {
  const point = char.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
