// S3 rest: the octets of a mail behind its head. They come from the answer that brought the head if it is still open,
// otherwise from a new request for the same version of the object (If-Match) from the next octet on. An answer that stalls
// or breaks off is closed, and a new request continues; the mail is never cut.

import { performance } from "node:perf_hooks";
import { asPortError } from "./call.ts";
import type { S3Body } from "./s3-body.ts";
import { afterUnlessExit } from "./timers.ts";
import { type TroubleKind, troubleOf } from "./trouble.ts";

export type RestOptions = Readonly<{
  /** Milliseconds to wait for one piece. */
  stallMs: number;
  /** Milliseconds of all waits for pieces. The time that the reader needs does not count. */
  restMs: number;
}>;

/** Access to the octets. */
export type RestSource = Readonly<{
  /** The object, for error texts. */
  about: string;
  /** The first octet to read, and the size of the mail. */
  from: number;
  size: number;
  /** The answer that brought the head; it can be taken once. */
  take(): S3Body | null;
  /** A new answer that begins at octet `at`. */
  reopen(at: number): Promise<S3Body>;
}>;

const maxReopens = 2;
const retryable: ReadonlySet<TroubleKind> = new Set(["deadline", "unreachable", "unavailable", "throttled", "garbled"]);

/** Yields all octets from `from` on, or throws. A piece is valid until the next one is read: then its memory is free. */
export async function* restOf(source: RestSource, options: RestOptions): AsyncGenerator<Uint8Array> {
  if (source.from >= source.size) return;
  const reader = new Reader(source, options);
  try {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
      if (piece.length === 0) continue;
      yield piece;
      free(piece);
    }
  } finally {
    reader.drop();
  }
}

/**
 * Gives the memory of a piece back at once. The engine does not count it as its own and would collect it late: large mails in
 * work would take as much again. A piece that is a part of a larger buffer stays.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && "transfer" in buffer) (buffer as Transferable).transfer(0);
}

type Transferable = ArrayBuffer & { transfer(byteLength: number): ArrayBuffer };

class Reader {
  readonly #source: RestSource;
  readonly #options: RestOptions;
  #body: S3Body | null;
  #at: number;
  #waitedMs = 0;
  #reopens = 0;

  constructor(source: RestSource, options: RestOptions) {
    this.#source = source;
    this.#options = options;
    this.#at = source.from;
    this.#body = source.take();
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      try {
        this.#body ??= await this.#source.reopen(this.#at);
        const piece = await this.#wait(this.#body);
        this.#at += piece?.length ?? 0;
        return piece;
      } catch (error) {
        this.drop();
        if (!this.#mayReopen(error)) throw asPortError({ port: "MailStore", operation: "rest", about: this.#source.about }, error);
      }
    }
  }

  drop(): void {
    this.#body?.drop();
    this.#body = null;
  }

  async #wait(body: S3Body): Promise<Uint8Array | null> {
    const { stallMs, restMs } = this.#options;
    const began = performance.now();
    try {
      return await body.next(Math.min(stallMs, restMs - this.#waitedMs));
    } finally {
      this.#waitedMs += Math.ceil(performance.now() - began); // a timer may fire up to a millisecond early
    }
  }

  #mayReopen(error: unknown): boolean {
    if (this.#waitedMs >= this.#options.restMs) return false;
    return this.#reopens++ < maxReopens && retryable.has(troubleOf(error).kind);
  }
}

/** Keeps an answer open for a later read, and closes it after `holdMs` milliseconds. */
export class HeldBody {
  #body: S3Body | null;

  constructor(body: S3Body, holdMs: number) {
    this.#body = body;
    if (holdMs > 0) afterUnlessExit(holdMs, () => this.take()?.drop());
    else this.take()?.drop();
  }

  take(): S3Body | null {
    const body = this.#body;
    this.#body = null;
    return body;
  }
}
