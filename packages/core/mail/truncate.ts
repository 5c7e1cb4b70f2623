// Truncate: cuts text that is too long. It never cuts inside a code point, nor inside what is shown as one character: a letter
// with accents, a joined emoji (the common rules of Unicode UAX #29 only).

import { safeText } from "./header-write.ts";

const maxClusterLength = 40; // UTF-16 units; the longest emoji has 35
const zeroWidthJoiner = "\u200d";
const joinsPrevious = /^[\p{M}\p{Emoji_Modifier}\u200d]$/u;

/** Returns a text of at most `limit` characters on one line, safe for a header field. An ellipsis replaces the rest. */
export function truncateLine(text: string, limit: number): string {
  const clean = safeText(text, Number.MAX_SAFE_INTEGER);
  if ([...clean.slice(0, 2 * limit + 2)].length <= limit) return clean;
  return `${startOf(clean, limit - 1, () => 1).trimEnd()}…`;
}

/** Returns a text of at most `octets` octets in UTF-8, plus a line `[…]` where it was cut. */
export function truncateText(text: string, octets: number): string {
  const start = startOf(text, octets, utf8LengthOf);
  return start === text ? text : `${start.trimEnd()}\n[…]`;
}

/** The longest start of a text whose characters weigh at most `limit`. */
function startOf(text: string, limit: number, weigh: (char: string) => number): string {
  let [weight, end, clusterStart, previous] = [0, 0, 0, ""];
  for (const char of text) {
    if (!joinsPrevious.test(char) && previous !== zeroWidthJoiner) clusterStart = end;
    weight += weigh(char);
    // A base character with more accents than any script uses is cut between them.
    if (weight > limit) return text.slice(0, end - clusterStart > maxClusterLength ? end : clusterStart);
    end += char.length;
    previous = char;
  }
  return text;
}

function utf8LengthOf(char: string): number {
  const point = char.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
