// Content transfer: writes the octets of one mail to the wire, between the 354 of the server and the final dot. It writes one
// slice at a time and waits until the wire has taken it, so memory holds a few slices of a large mail.
// dot-stuffing.ts says what the octets become; session.ts has the deadlines.

import { Buffer } from "node:buffer";
import type { Content } from "@sesame/core";
import { DotStuffing } from "./dot-stuffing.ts";
import type { LoopShare } from "./loop-share.ts";
import type { Wire } from "./wire.ts";

const slice = 64 * 1024; // octets: the unit of back-pressure and of the chunk deadline

/** Callbacks to the session while it sends one mail. */
export type TransferObserver = Readonly<{
  /** A wait begins: for the store to provide octets, or for the server to accept them. */
  waitsFor(side: "store" | "server"): void;
  /** All octets are read. The next write contains the final dot. */
  ended(): void;
  /** The final dot was handed to the wire. */
  sent(): void;
  /** The content could not be read to its end. The final dot was not sent. */
  failed(error: Error): void;
}>;

/** Sends one mail. */
export class ContentTransfer {
  readonly #content: Content;
  readonly #share: LoopShare;
  readonly #observer: TransferObserver;
  readonly #stuffing = new DotStuffing();
  #rest: AsyncIterator<Uint8Array> | null = null;
  #octets = 0;
  #last: Buffer | null = null;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(content: Content, share: LoopShare, observer: TransferObserver) {
    this.#content = content;
    this.#share = share;
    this.#observer = observer;
  }

  /** Sends the mail with its final dot. Does not throw. */
  async send(wire: Wire): Promise<void> {
    try {
      const last = this.#shortMail() ?? (await this.#sendAllButLast(wire));
      if (this.#isOver) return;
      this.#observer.waitsFor("server");
      this.#observer.ended();
      const isTaken = wire.write(last);
      this.#observer.sent();
      if (!isTaken) await this.#drained(wire);
    } catch (error) {
      if (!this.#isOver) this.#observer.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Ends the transfer, and lets go of the content. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // The content may still fail, or never answer; the session has its ending already.
    void this.#rest?.return?.(undefined).catch(() => {});
    this.#wake();
  }

  /** The whole mail with its final dot, if it is in memory and not longer than a slice: it leaves in one write. */
  #shortMail(): Buffer | null {
    const { pieces, rest, size } = this.#content;
    if (rest !== null || size > slice) return null;
    let octets = 0;
    for (const piece of pieces) octets += piece.length;
    if (octets !== size) return null;
    const [first] = pieces;
    return this.#lastSlice(first && pieces.length === 1 ? bufferOf(first, 0, size) : Buffer.concat(pieces));
  }

  #lastSlice(part: Buffer): Buffer {
    return Buffer.concat([this.#stuffing.encode(part), this.#stuffing.end()]);
  }

  /** Returns the last slice with the final dot, so that both are one write. It is sent when the content has ended as it should. */
  async #sendAllButLast(wire: Wire): Promise<Buffer> {
    const { pieces, rest, size } = this.#content;
    for (const piece of pieces) await this.#sendPiece(wire, piece);
    if (rest !== null && !this.#isOver) await this.#sendRest(wire, rest());
    // If the store ends early, the server must not accept the part as the whole mail.
    if (this.#octets < size) throw new Error(`the mail ended after ${this.#octets} of ${size} octets`);
    return this.#last ?? this.#stuffing.end();
  }

  async #sendRest(wire: Wire, rest: AsyncIterable<Uint8Array>): Promise<void> {
    this.#rest = rest[Symbol.asyncIterator]();
    while (!this.#isOver) {
      this.#observer.waitsFor("store");
      const next = await this.#rest.next();
      if (next.done) return;
      await this.#sendPiece(wire, next.value);
    }
  }

  /** A piece is valid until the next one is read. */
  async #sendPiece(wire: Wire, piece: Uint8Array): Promise<void> {
    const { size } = this.#content;
    this.#octets += piece.length;
    if (this.#octets > size) throw this.#tooLong();
    for (let at = 0; at < piece.length && !this.#isOver; at += slice) {
      const part = bufferOf(piece, at, Math.min(slice, piece.length - at));
      if (this.#octets === size && at + slice >= piece.length) this.#last = this.#lastSlice(part);
      else await this.#sendSlice(wire, part);
    }
  }

  async #sendSlice(wire: Wire, part: Buffer): Promise<void> {
    this.#observer.waitsFor("server");
    if (this.#share.isUsedUp()) await this.#share.wait();
    if (!this.#isOver && !wire.write(this.#stuffing.encode(part))) await this.#drained(wire);
  }

  /** The content must be closed by us: what is not read to its end may hold a connection to the store. */
  #tooLong(): Error {
    void this.#rest?.return?.(undefined).catch(() => {});
    return new Error(`the mail has more than its ${this.#content.size} octets`);
  }

  /** Resolves when the wire has taken the octets, or when the transfer is cancelled. */
  #drained(wire: Wire): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      wire.drained(resolve);
    });
  }
}

function bufferOf(piece: Uint8Array, at: number, length: number): Buffer {
  return Buffer.from(piece.buffer, piece.byteOffset + at, length);
}
