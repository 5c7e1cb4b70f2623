// Content transfer: writes the octets of one mail to the socket, between the 354 of the server and the final dot. It writes one
// slice at a time and waits until the socket has taken it, so memory holds a few slices of a large mail.
// dot-stuffing.ts says what the octets become; session.ts has the deadlines.

import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import type { Content } from "@sesame/core";
import { DotStuffing } from "./dot-stuffing.ts";
import type { LoopShare } from "./loop-share.ts";

const slice = 64 * 1024; // octets: the unit of back-pressure and of the chunk deadline

/** Callbacks to the session while it sends one mail. */
export type TransferObserver = Readonly<{
  /** A wait begins: for the store to provide octets, or for the server to accept them. */
  waitsFor(side: "store" | "server"): void;
  /** All octets are read. The next write contains the final dot. */
  ended(): void;
  /** The final dot was handed to the socket. */
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
  #pieces: AsyncGenerator<Uint8Array> | null = null;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(content: Content, share: LoopShare, observer: TransferObserver) {
    this.#content = content;
    this.#share = share;
    this.#observer = observer;
  }

  /** Sends the mail with its final dot. Does not throw. */
  async send(socket: Writable): Promise<void> {
    try {
      const last = this.#shortMail() ?? (await this.#sendAllButLast(socket));
      if (this.#isOver) return;
      this.#observer.waitsFor("server");
      this.#observer.ended();
      const sent = this.#write(socket, last);
      this.#observer.sent();
      await sent;
    } catch (error) {
      if (!this.#isOver) this.#observer.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Ends the transfer, and lets go of the content. */
  cancel(): void {
    this.#isOver = true;
    // The content may still fail, or never answer; the session has its ending already.
    void this.#pieces?.return(undefined).catch(() => {});
    this.#wake();
  }

  /** The whole mail with its final dot, if it is one piece and one slice. */
  #shortMail(): Buffer | null {
    const { pieces, rest, size } = this.#content;
    const [piece] = pieces;
    if (rest !== null || pieces.length !== 1 || piece?.length !== size || size > slice) return null;
    return this.#lastSlice(Buffer.from(piece.buffer, piece.byteOffset, size));
  }

  #lastSlice(part: Buffer): Buffer {
    return Buffer.concat([this.#stuffing.encode(part), this.#stuffing.end()]);
  }

  /** Returns the last slice with the final dot, so that a short mail is one packet. It is sent when the content has ended as it should. */
  async #sendAllButLast(socket: Writable): Promise<Buffer> {
    const { size } = this.#content;
    let octets = 0;
    let last: Buffer | null = null;
    this.#pieces = piecesOf(this.#content, () => this.#observer.waitsFor("store"));
    for await (const piece of this.#pieces) {
      octets += piece.length;
      if (octets > size) throw new Error(`the mail has more than its ${size} octets`);
      for (let at = 0; at < piece.length && !this.#isOver; at += slice) {
        const part = Buffer.from(piece.buffer, piece.byteOffset + at, Math.min(slice, piece.length - at));
        if (octets === size && at + slice >= piece.length)
          last = this.#lastSlice(part); // a piece is valid until the next one is read
        else await this.#sendSlice(socket, part);
      }
      if (this.#isOver) break;
      this.#observer.waitsFor("store");
    }
    // If the store ends early, the server must not accept the part as the whole mail.
    if (octets < size) throw new Error(`the mail ended after ${octets} of ${size} octets`);
    return last ?? this.#stuffing.end();
  }

  async #sendSlice(socket: Writable, part: Buffer): Promise<void> {
    this.#observer.waitsFor("server");
    await this.#share.wait();
    await this.#write(socket, this.#stuffing.encode(part));
  }

  /** Resolves when the socket has taken the octets, or when the transfer is cancelled. */
  #write(socket: Writable, octets: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      socket.write(octets, () => resolve()); // if it failed, the session ends and cancels this transfer
    });
  }
}

async function* piecesOf(content: Content, waitsForStore: () => void): AsyncGenerator<Uint8Array> {
  yield* content.pieces;
  if (content.rest === null) return;
  waitsForStore();
  yield* content.rest();
}
