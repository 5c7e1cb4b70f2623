// Content stream: the octets of one mail as a stream that nodemailer pipes into the session. The stream ends just before
// nodemailer sends the final dot; from then on the server may have the mail. nodemailer does dot-stuffing and turns every
// bare CR or LF into CRLF, so no octet of a mail can end the DATA phase early (RFC 5321 §2.3.8, §4.5.2). This file replaces
// NUL, which neither 7bit nor 8bit data may contain (RFC 2045 §2.7, §2.8).

import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import type { Content } from "@sesame/core";

const slice = 64 * 1024; // octets: the unit of back-pressure and of the chunk deadline
// Dovecot stores the same octet in place of NUL, because IMAP cannot carry NUL either (RFC 3501 §4.3.1). One octet replaces
// one octet: the SIZE that MAIL declares stays right, and no dot moves to the start of a line.
const nulSubstitute = 0x80;

/** Callbacks to the session while it sends one mail. */
export type ContentStreamObserver = Readonly<{
  /** False: the server has not answered DATA with 354, so no octet of the mail may leave. */
  mayStart(): boolean;
  /** A wait for the next chunk begins: for the store to provide it, or for the server to accept it. */
  waitsFor(side: "store" | "server"): void;
  /** The next chunk is the last one. */
  lastChunk(): void;
  /** All octets are read. The final dot follows. */
  ended(): void;
}>;

/** Opens the content of a mail as a stream. Reads nothing before the server has answered 354. */
export function openContentStream(content: Content, watch: ContentStreamObserver): Readable {
  const stream = Readable.from(chunks(content, watch), { objectMode: false, highWaterMark: slice });
  stream.once("end", () => watch.ended());
  // A stream may still fail after the session has ended; the session has its ending already.
  stream.on("error", () => {});
  return stream;
}

async function* chunks(content: Content, watch: ContentStreamObserver): AsyncGenerator<Buffer> {
  if (!watch.mayStart()) throw new Error("the server has not answered DATA with 354");
  let octets = 0;
  for await (const piece of piecesOf(content, watch)) {
    octets += piece.length;
    if (octets > content.size) throw new Error(`the mail has more than its ${content.size} octets`);
    for (let at = 0; at < piece.length; at += slice) {
      watch.waitsFor("server");
      if (octets === content.size && at + slice >= piece.length) watch.lastChunk();
      yield withoutNul(Buffer.from(piece.buffer, piece.byteOffset + at, Math.min(slice, piece.length - at)));
    }
    watch.waitsFor("store");
  }
  // If the store ends early, the server must not accept the part as the whole mail.
  if (octets < content.size) throw new Error(`the mail ended after ${octets} of ${content.size} octets`);
  watch.waitsFor("server");
}

async function* piecesOf(content: Content, watch: ContentStreamObserver): AsyncGenerator<Uint8Array> {
  yield* content.pieces;
  if (content.rest === null) return;
  watch.waitsFor("store");
  yield* content.rest();
}

/** Returns the same buffer if it has no NUL, otherwise a copy: another transaction may be sending the same octets. */
function withoutNul(octets: Buffer): Buffer {
  return octets.includes(0) ? Buffer.from(octets.map((octet) => (octet === 0 ? nulSubstitute : octet))) : octets;
}
