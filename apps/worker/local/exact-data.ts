// Exact data: mends two manners of smtp-server on one connection, so that octets and answers are what they should be.
// It knows three names that smtp-server keeps to itself; the tests of the front door fail should they change.

/** What of smtp-server's connection is used here. */
export type Connection = {
  readonly id: string;
  readonly _parser: { _dataMode: boolean; _write(chunk: Buffer, encoding: BufferEncoding, next: (error?: Error | null) => void): void };
  send(code: number, text: string | readonly string[], context?: string | false): void;
};

const [lf, cr, dot] = [10, 13, 46];

/** Mends one connection, before its first command. */
export function makeExact(connection: Connection): void {
  keepDotsAfterBareLf(connection._parser);
  keepOwnStatus(connection);
}

/**
 * smtp-server takes a dot away after any LF; a line of mail data begins after CRLF only (RFC 5321 §2.3.8, §4.5.2). A
 * second dot, which it then takes away, keeps `LF ..` as it was sent.
 */
function keepDotsAfterBareLf(parser: Connection["_parser"]): void {
  const write = parser._write.bind(parser);
  let [last, beforeLast] = [lf, cr]; // mail data begin after the CRLF of a command
  parser._write = (chunk, encoding, next) => {
    if (!parser._dataMode) {
      [last, beforeLast] = [lf, cr];
      return write(chunk, encoding, next);
    }
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const [at, octet] of chunk.entries()) {
      if (octet === dot && last === lf && beforeLast !== cr) {
        pieces.push(chunk.subarray(from, at), Uint8Array.of(dot));
        from = at;
      }
      [beforeLast, last] = [last, octet];
    }
    write(pieces.length === 0 ? chunk : Buffer.concat([...pieces, chunk.subarray(from)]), encoding, next);
  };
}

/** smtp-server derives the enhanced status from the code alone; a text that brings its own keeps it (RFC 2034 §4). */
function keepOwnStatus(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (code, text, context) => send(code, text, typeof text === "string" && /^[245]\.\d+\.\d+ /.test(text) ? false : context);
}
