// S3 rest: the octets of a mail behind its head. They come from the answer that brought the head while that is still
// there, else from an answer of their own, which asks for the very same object (If-Match) from where it is needed. An
// answer that stalls or breaks off is given up, and the reading goes on in another: a mail is cut by none of this.

import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers";
import { asPortError } from "./call.ts";
import type { S3Body } from "./s3-body.ts";
import { type TroubleKind, troubleOf } from "./trouble.ts";

export type RestOptions = Readonly<{
  /** Milliseconds to wait for one piece. */
  stallMs: number;
  /** Milliseconds of all waiting for pieces; the time that the reader takes does not count. */
  restMs: number;
}>;

/** Where the octets come from. */
export type RestSource = Readonly<{
  /** The object, for the text of an error. */
  about: string;
  /** The first octet that is asked for, and the one where the mail ends. */
  from: number;
  size: number;
  /** The answer that brought the head, once. */
  take(): S3Body | null;
  /** An answer that begins at octet `at`. */
  reopen(at: number): Promise<S3Body>;
}>;

const maxReopens = 2;
const passing: ReadonlySet<TroubleKind> = new Set(["deadline", "unreachable", "unavailable", "throttled", "garbled"]);

/** All octets from `from` on, or an error. */
export async function* restOf(source: RestSource, options: RestOptions): AsyncGenerator<Uint8Array> {
  if (source.from >= source.size) return;
  const reader = new Reader(source, options);
  try {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) if (piece.length > 0) yield piece;
  } finally {
    reader.drop();
  }
}

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
      this.#waitedMs += Math.ceil(performance.now() - began); // a timer may be early by less than a millisecond
    }
  }

  #mayReopen(error: unknown): boolean {
    if (this.#waitedMs >= this.#options.restMs) return false;
    return this.#reopens++ < maxReopens && passing.has(troubleOf(error).kind);
  }
}

/** Keeps an answer open for the one who may soon read on, and drops it when nobody does. */
export class HeldBody {
  #body: S3Body | null;

  constructor(body: S3Body, holdMs: number) {
    this.#body = body;
    if (holdMs > 0) setTimeout(() => this.take()?.drop(), holdMs).unref();
    else this.take()?.drop();
  }

  take(): S3Body | null {
    const body = this.#body;
    this.#body = null;
    return body;
  }
}
