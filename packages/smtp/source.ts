// Source: the octets of a mail as the stream that nodemailer pipes into the session. Its end is the moment before the
// final dot goes out, which is how a session knows from when on the server may have the mail. nodemailer stuffs dots and
// makes every bare CR or LF a CRLF, so nothing in a mail can end it early (RFC 5321 §2.3.8, §4.5.2). NUL, which
// neither 7bit nor 8bit data may hold (RFC 2045 §2.7, §2.8), is replaced here.

import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { type Content } from "@sesame/core";

const slice = 64 * 1024; // octets: the unit of back-pressure, and of the deadline for each chunk
// What Dovecot stores in the place of NUL, which IMAP cannot carry either (RFC 3501 §4.3.1). One octet for one: the size
// that MAIL declares stays right, and no dot moves to the start of a line, as it would if NUL were taken out.
const nulSubstitute = 0x80;

/** What a session is told while a mail leaves it. */
export type SourceWatch = Readonly<{
  /** False: the server has not asked for the mail, and not one octet of it may leave. */
  mayStart(): boolean;
  /** The next chunk is waited for: "store" to give it, "server" to take it. */
  waits(side: "store" | "server"): void;
  /** The next chunk is the last one. */
  last(): void;
  /** All octets are read, and the final dot follows. */
  ended(): void;
}>;

/** Opens the stream of a mail. Nothing is read before the server answered 354. */
export function openSource(content: Content, watch: SourceWatch): Readable {
  const stream = Readable.from(chunks(content, watch), { objectMode: false, highWaterMark: slice });
  stream.once("end", () => watch.ended());
  // A stream that was given up may still fail; the session has its ending by then.
  stream.on("error", () => {});
  return stream;
}

async function* chunks(content: Content, watch: SourceWatch): AsyncGenerator<Buffer> {
  if (!watch.mayStart()) throw new Error("the server has not asked for the mail");
  let octets = 0;
  for await (const piece of piecesOf(content, watch)) {
    octets += piece.length;
    if (octets > content.size) throw new Error(`the mail has more than its ${content.size} octets`);
    for (let at = 0; at < piece.length; at += slice) {
      watch.waits("server");
      if (octets === content.size && at + slice >= piece.length) watch.last();
      yield withoutNul(Buffer.from(piece.buffer, piece.byteOffset + at, Math.min(slice, piece.length - at)));
    }
    watch.waits("store");
  }
  // A store that ends early must not pass for a mail that is short.
  if (octets < content.size) throw new Error(`the mail ended after ${octets} of ${content.size} octets`);
  watch.waits("server");
}

async function* piecesOf(content: Content, watch: SourceWatch): AsyncGenerator<Uint8Array> {
  yield* content.pieces;
  if (content.rest === null) return;
  watch.waits("store");
  yield* content.rest();
}

/** The octets themselves where there is no NUL in them, else a copy: others may be sending the same octets. */
function withoutNul(octets: Buffer): Buffer {
  return octets.includes(0) ? Buffer.from(octets.map((octet) => (octet === 0 ? nulSubstitute : octet))) : octets;
}
