// MIME boundaries: the multiparts that are open at a line of a mail, and what a delimiter line does to them (RFC 2046 §5.1.1).
// The cost of a line does not depend on the nesting depth, and a line is not converted to a string: a hostile mail has millions
// of lines that start with two dashes.

const maxDepth = 1000; // parts at a deeper level are read as text
const maxBoundary = 250; // octets; RFC 2046 §5.1.1 allows 70, and some senders use more

const [tab, space, dash] = [9, 32, 45];

/** An open multipart. `shadowed`: the index of an outer multipart with the same boundary. */
type OpenMultipart = Readonly<{ boundary: Uint8Array; hash: number; shadowed: number | undefined; isDigest: boolean }>;

/** The stack of open multiparts, the innermost last. */
export class MimeBoundaries {
  readonly #stack: OpenMultipart[] = [];
  /** Boundary hash → index of its multipart. */
  readonly #indexOf = new Map<number, number>();

  /** Whether the innermost multipart is a digest, whose parts are mails by default (RFC 2046 §5.1.5). */
  get isDigest(): boolean {
    return this.#stack.at(-1)?.isDigest ?? false;
  }

  /** Opens a multipart inside the others. `text`: its boundary, one character for each octet. */
  open(text: string, isDigest: boolean): void {
    const boundary = Uint8Array.from(text.trimEnd(), (char) => char.charCodeAt(0));
    if (boundary.length === 0 || boundary.length > maxBoundary || this.#stack.length >= maxDepth) return;
    const hash = hashOf(boundary, 0, boundary.length);
    this.#stack.push({ boundary, hash, shadowed: this.#indexOf.get(hash), isDigest });
    this.#indexOf.set(hash, this.#stack.length - 1);
  }

  /**
   * Reads a line after its two dashes. Returns "delimiter" if a part of any open multipart starts, "close-delimiter" if a
   * multipart ends, `null` for other text. It closes the multiparts inside.
   */
  readDelimiter(octets: Uint8Array, from: number, lineEnd: number): "delimiter" | "close-delimiter" | null {
    let to = lineEnd;
    while (to > from && (octets[to - 1] === space || octets[to - 1] === tab)) to--;
    if (this.#stack.length === 0 || to - from > maxBoundary + 2) return null;
    const opened = this.#find(octets, from, to);
    const closes = opened < 0 && to - from > 2 && octets[to - 1] === dash && octets[to - 2] === dash;
    const level = closes ? this.#find(octets, from, to - 2) : opened;
    if (level < 0) return null;
    this.#closeTo(closes ? level : level + 1);
    return closes ? "close-delimiter" : "delimiter";
  }

  #find(octets: Uint8Array, from: number, to: number): number {
    const index = this.#indexOf.get(hashOf(octets, from, to)) ?? -1;
    const boundary = this.#stack[index]?.boundary;
    if (boundary?.length !== to - from) return -1;
    for (let i = 0; i < boundary.length; i++) if (boundary[i] !== octets[from + i]) return -1;
    return index;
  }

  #closeTo(depth: number): void {
    while (this.#stack.length > depth) {
      const closed = this.#stack.pop();
      if (closed?.shadowed !== undefined) this.#indexOf.set(closed.hash, closed.shadowed);
      else if (closed) this.#indexOf.delete(closed.hash);
    }
  }
}

/** FNV-1a hash, 32 bits. */
function hashOf(octets: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (octets[i] ?? 0), 0x01000193);
  return hash;
}
