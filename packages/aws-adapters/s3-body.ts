// S3 body: the octets of one answer, read piece by piece on demand, so that unread octets stay in the socket. Each wait has
// a deadline. An answer that ends before its length is an error, never a shorter mail.
// A body that is not read to its end must be dropped; otherwise it keeps its socket.

import type { OctetStream } from "./hot-calls.ts";
import { withDeadline } from "./timers.ts";
import { GarbledError } from "./trouble.ts";

/** The body of one answer and its announced length in octets. */
export class S3Body {
  readonly #stream: OctetStream;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #length: number;
  #read = 0;
  /** Octets that were read behind the head, for the next call of `next`. */
  #surplus: Uint8Array | null = null;

  constructor(stream: OctetStream, length: number) {
    this.#stream = stream;
    this.#length = length;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** The next piece, or `null` after the last one. Throws at the deadline, or if the body has another length than announced. */
  async next(deadlineMs: number): Promise<Uint8Array | null> {
    const surplus = this.#surplus;
    this.#surplus = null;
    if (surplus) return surplus;
    const { value, done } = await withDeadline(this.#iterator.next(), deadlineMs);
    if (done === true) {
      if (this.#read < this.#length) throw new GarbledError(`the body ended after ${this.#read} of ${this.#length} octets`);
      return null;
    }
    this.#read += value.length;
    if (this.#read > this.#length) throw new GarbledError(`the body has more than its announced ${this.#length} octets`);
    return value;
  }

  /** The first `limit` octets, or all of a shorter body. Octets behind them stay for `next`. A piece that is the head is not copied. */
  async head(limit: number, deadlineMs: number): Promise<Uint8Array> {
    const size = Math.min(limit, this.#length);
    let head: Uint8Array | null = null;
    let filled = 0;
    // A body that fits into the head is read to its end, because a wrong checksum shows only there.
    while (filled < size || this.#read === this.#length) {
      const piece = await this.next(deadlineMs);
      if (piece === null) break;
      if (head === null && piece.length === size) head = piece;
      else {
        head ??= new Uint8Array(size);
        head.set(piece.subarray(0, size - filled), filled);
      }
      filled += piece.length;
      if (filled > size) {
        this.#surplus = piece.subarray(piece.length - (filled - size));
        break;
      }
    }
    return head ?? new Uint8Array(size);
  }

  /** Closes the body and its socket. */
  drop(): void {
    this.#stream.destroy();
  }
}
