// Open multiparts: the multiparts of a mail that are open at some line of it, and what a delimiter line does to them (RFC 2046
// §5.1.1). A line costs the same however deep the mail is nested, and makes no text: a hostile mail has millions of lines
// that start with two dashes.

const maxDepth = 1000; // what is nested deeper is taken for text
const maxBoundary = 250; // RFC 2046 §5.1.1 allows 70; senders err

const [tab, space, dash] = [9, 32, 45];

/** An open multipart. `shadowed`: the level that the same boundary hides while this one is open. */
type Level = Readonly<{ boundary: Uint8Array; hash: number; shadowed: number | undefined; isDigest: boolean }>;

/** The open multiparts, the innermost last. */
export class OpenMultiparts {
  readonly #levels: Level[] = [];
  /** Boundary hash → index of its level. */
  readonly #levelOf = new Map<number, number>();

  /** Whether the innermost is a digest, whose parts are mails if they do not say otherwise (RFC 2046 §5.1.5). */
  get isDigest(): boolean {
    return this.#levels.at(-1)?.isDigest ?? false;
  }

  /** Opens one within the others. `text`, its boundary, holds one character for each octet. */
  open(text: string, isDigest: boolean): void {
    const boundary = Uint8Array.from(text.trimEnd(), (char) => char.charCodeAt(0));
    if (boundary.length === 0 || boundary.length > maxBoundary || this.#levels.length >= maxDepth) return;
    const hash = hashOf(boundary, 0, boundary.length);
    this.#levels.push({ boundary, hash, shadowed: this.#levelOf.get(hash), isDigest });
    this.#levelOf.set(hash, this.#levels.length - 1);
  }

  /** What a line says behind its two dashes: whether a part begins, of whatever open multipart, or one ends. Inner ones end with it. */
  pass(octets: Uint8Array, from: number, lineEnd: number): "begins" | "ends" | null {
    let to = lineEnd;
    while (to > from && (octets[to - 1] === space || octets[to - 1] === tab)) to--;
    if (this.#levels.length === 0 || to - from > maxBoundary + 2) return null;
    const opened = this.#find(octets, from, to);
    const closes = opened < 0 && to - from > 2 && octets[to - 1] === dash && octets[to - 2] === dash;
    const level = closes ? this.#find(octets, from, to - 2) : opened;
    if (level < 0) return null;
    this.#closeTo(closes ? level : level + 1);
    return closes ? "ends" : "begins";
  }

  #find(octets: Uint8Array, from: number, to: number): number {
    const index = this.#levelOf.get(hashOf(octets, from, to)) ?? -1;
    const boundary = this.#levels[index]?.boundary;
    return boundary?.length === to - from && boundary.every((octet, i) => octet === octets[from + i]) ? index : -1;
  }

  #closeTo(depth: number): void {
    while (this.#levels.length > depth) {
      const level = this.#levels.pop();
      if (level?.shadowed !== undefined) this.#levelOf.set(level.hash, level.shadowed);
      else if (level) this.#levelOf.delete(level.hash);
    }
  }
}

/** FNV-1a. */
function hashOf(octets: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (octets[i] ?? 0), 0x01000193);
  return hash;
}
