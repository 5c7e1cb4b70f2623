// Content transfer: writes the octets of one mail to the wire, between the 354 of the server and the final dot. It fills
// one buffer at a time and waits until the wire has taken it, so memory holds a few slices of a large mail.
// dot-stuffing.ts says what the octets become; session.ts has the deadlines.

import { Buffer } from "node:buffer";
import type { Content } from "@sesame/core";
import { DotStuffing } from "./dot-stuffing.ts";
import type { LoopShare } from "./loop-share.ts";
import type { Wire } from "./wire.ts";
import type { WriteBuffer, WriteBuffers } from "./write-buffers.ts";

const slice = 64 * 1024; // octets: the unit of work between two looks at the clock
const longestEnd = 5; // octets of a line end and the final dot
const slowMs = 1000;

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

/** What the transfers of one courier share, and their clock. */
export type TransferMeans = Readonly<{ share: LoopShare; buffers: WriteBuffers; now: () => number }>;

/** Sends one mail. */
export class ContentTransfer {
  readonly #content: Content;
  readonly #means: TransferMeans;
  readonly #observer: TransferObserver;
  readonly #stuffing = new DotStuffing();
  #octets = 0;
  #rest: AsyncIterator<Uint8Array> | null = null;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(content: Content, means: TransferMeans, observer: TransferObserver) {
    this.#content = content;
    this.#means = means;
    this.#observer = observer;
  }

  /** Sends the mail with its final dot. Does not throw. */
  async send(wire: Wire): Promise<void> {
    const buffer = this.#means.buffers.take();
    try {
      if (!this.#addShort(buffer)) await this.#addAll(wire, buffer);
      if (this.#isOver) return;
      if (!this.#sendLast(wire, buffer)) await this.#drained(wire);
      if (wire.isDrained) this.#means.buffers.giveBack(buffer);
    } catch (error) {
      if (!this.#isOver) this.#observer.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Ends the transfer, and lets go of the content. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#letGo();
    this.#wake();
  }

  /** Whether the mail is in memory and short, as most are: then it is in the buffer now, and nothing needs to wait for it. */
  #addShort(buffer: WriteBuffer): boolean {
    const { pieces, rest, size } = this.#content;
    if (rest !== null || size > slice || !buffer.hasRoom(2 * size + longestEnd)) return false;
    for (const piece of pieces) buffer.add(this.#encoded(piece, 0, piece.length));
    return true;
  }

  async #addAll(wire: Wire, buffer: WriteBuffer): Promise<void> {
    const { pieces, rest } = this.#content;
    for (const piece of pieces) if (!this.#addAtOnce(buffer, piece)) await this.#addSlices(wire, buffer, piece);
    if (rest !== null && !this.#isOver) await this.#addRest(wire, buffer, rest());
  }

  /** The last octets of the mail and the final dot are one write. Returns whether the wire has taken it. */
  #sendLast(wire: Wire, buffer: WriteBuffer): boolean {
    const { size } = this.#content;
    // If the store ends early, the server must not accept the part as the whole mail.
    if (this.#octets < size) throw new Error(`the mail ended after ${this.#octets} of ${size} octets`);
    buffer.add(this.#stuffing.end());
    this.#observer.waitsFor("server");
    this.#observer.ended();
    const isTaken = wire.write(buffer.empty());
    this.#observer.sent();
    return isTaken;
  }

  async #addRest(wire: Wire, buffer: WriteBuffer, rest: AsyncIterable<Uint8Array>): Promise<void> {
    this.#rest = rest[Symbol.asyncIterator]();
    while (!this.#isOver) {
      const since = this.#means.now();
      this.#observer.waitsFor("store");
      const next = await this.#rest.next();
      if (next.done) return;
      if (!this.#addAtOnce(buffer, next.value)) await this.#addSlices(wire, buffer, next.value);
      // The server waits with us for a slow store, so it gets at once what there is: its patience has a limit too.
      if (this.#means.now() - since > slowMs) await this.#flush(wire, buffer);
    }
  }

  /** Whether the piece is in the buffer now, because neither the buffer nor the turn of the event loop was in the way. */
  #addAtOnce(buffer: WriteBuffer, piece: Uint8Array): boolean {
    if (piece.length > slice || !buffer.hasRoom(2 * piece.length + longestEnd) || this.#means.share.isUsedUp()) return false;
    buffer.add(this.#encoded(piece, 0, piece.length));
    return true;
  }

  /** A piece is valid until the next one is read. */
  async #addSlices(wire: Wire, buffer: WriteBuffer, piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length && !this.#isOver; at += slice) {
      if (this.#means.share.isUsedUp()) await this.#means.share.wait();
      const encoded = this.#encoded(piece, at, Math.min(slice, piece.length - at));
      if (!buffer.hasRoom(encoded.length + longestEnd)) await this.#flush(wire, buffer);
      buffer.add(encoded);
    }
  }

  #encoded(piece: Uint8Array, at: number, length: number): Buffer {
    this.#octets += length;
    if (this.#octets > this.#content.size) throw this.#tooLong();
    return this.#stuffing.encode(Buffer.from(piece.buffer, piece.byteOffset + at, length));
  }

  /** The buffer is filled again when the wire has taken what was in it. */
  async #flush(wire: Wire, buffer: WriteBuffer): Promise<void> {
    const octets = buffer.empty();
    if (this.#isOver || octets.length === 0) return;
    this.#observer.waitsFor("server");
    if (!wire.write(octets)) await this.#drained(wire);
  }

  /** The content must be closed by us: what is not read to its end may hold a connection to the store. */
  #tooLong(): Error {
    this.#letGo();
    return new Error(`the mail has more than its ${this.#content.size} octets`);
  }

  /** The content may still fail, or never answer; nobody waits for it. */
  #letGo(): void {
    void this.#rest?.return?.(undefined).catch(() => {});
  }

  /** Resolves when the wire has taken the octets, or when the transfer is cancelled. */
  #drained(wire: Wire): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      wire.drained(resolve);
    });
  }
}
