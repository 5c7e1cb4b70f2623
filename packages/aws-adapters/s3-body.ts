// S3 body: the octets of one answer, read piece by piece and only when asked, so that the socket holds back what nobody
// wants yet. Each wait has a deadline; an answer that ends before its length is an error, never a shorter mail.
// A body that is not read to its end must be dropped, or it would keep its socket for ever.

import type { Readable } from "node:stream";
import { DeadlineError, GarbledError } from "./trouble.ts";

/** The body of one answer, with the octets that it promised. */
export class S3Body {
  readonly #stream: Readable;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #length: number;
  #read = 0;
  /** Octets that were read and not wanted yet. */
  #surplus: Uint8Array | null = null;

  constructor(stream: Readable, length: number) {
    this.#stream = stream;
    this.#length = length;
    stream.on("error", () => {}); // it may break while nobody reads; the next read says so
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** The next piece, or `null` after the last one. Throws when none comes in time, or what comes is not what was promised. */
  async next(deadlineMs: number): Promise<Uint8Array | null> {
    const surplus = this.#surplus;
    this.#surplus = null;
    if (surplus) return surplus;
    const { value, done } = await inTime(this.#iterator.next(), deadlineMs);
    if (done === true) {
      if (this.#read < this.#length) throw new GarbledError(`the body ended after ${this.#read} of ${this.#length} octets`);
      return null;
    }
    this.#read += value.length;
    if (this.#read > this.#length) throw new GarbledError(`the body has more than the ${this.#length} octets that it was said to have`);
    return value;
  }

  /** The first octets, as many as asked for or as there are. The rest of the piece that they end in stays for `next`. */
  async head(limit: number, deadlineMs: number): Promise<Uint8Array> {
    const head = new Uint8Array(Math.min(limit, this.#length));
    let filled = 0;
    // Of a short body the end is read too: only there a wrong checksum shows.
    while (filled < head.length || this.#read === this.#length) {
      const piece = await this.next(deadlineMs);
      if (piece === null) break;
      const wanted = piece.subarray(0, head.length - filled);
      head.set(wanted, filled);
      filled += wanted.length;
      if (wanted.length < piece.length) {
        this.#surplus = piece.subarray(wanted.length);
        break;
      }
    }
    return head;
  }

  /** Gives up what is left of it, and its socket. */
  drop(): void {
    this.#stream.destroy();
  }
}

async function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(deadlineMs)), Math.max(deadlineMs, 0));
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
