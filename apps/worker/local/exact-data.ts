// Exact data: mends two manners of smtp-server on one connection, so that octets and answers are what they should be.
// It knows three names that smtp-server keeps to itself; the tests of the front door fail should they change.

/** What of smtp-server's connection is used here. */
export type Connection = {
  readonly id: string;
  readonly _parser: { _dataMode: boolean; _write(chunk: Buffer, encoding: BufferEncoding, next: (error?: Error | null) => void): void };
  send(code: number, text: string | readonly string[], context?: string | false): void;
};

const [lf, cr, dot] = [10, 13, 46];
type Seen = Readonly<{ position: number; beforeLast: number | undefined; last: number | undefined }>;
const dataStart: Seen = { position: 0, beforeLast: cr, last: lf }; // mail data begin after the CRLF of a command

/** Mends one connection, before its first command. */
export function makeExact(connection: Connection): void {
  keepDotsAfterBareLf(connection._parser);
  keepOwnStatus(connection);
}

/**
 * smtp-server takes a dot away after any LF but one that comes first; a line of mail data begins after CRLF only (RFC 5321
 * §2.3.8, §4.5.2). A second dot, which it then takes away, keeps `LF ..` as it was sent.
 */
function keepDotsAfterBareLf(parser: Connection["_parser"]): void {
  const write = parser._write.bind(parser);
  let seen = dataStart;
  parser._write = (chunk, encoding, next) => {
    if (!parser._dataMode) {
      seen = dataStart;
      return write(chunk, encoding, next);
    }
    const octetAt = (at: number) => (at >= 0 ? chunk[at] : at === -1 ? seen.last : seen.beforeLast);
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (let at = chunk.indexOf(dot); at >= 0; at = chunk.indexOf(dot, at + 1)) {
      const isBare = octetAt(at - 1) === lf && octetAt(at - 2) !== cr;
      if (!isBare || seen.position + at <= 1) continue;
      pieces.push(chunk.subarray(from, at), Uint8Array.of(dot));
      from = at;
    }
    const { length } = chunk;
    seen = { position: seen.position + length, beforeLast: octetAt(length - 2), last: octetAt(length - 1) };
    write(pieces.length === 0 ? chunk : Buffer.concat([...pieces, chunk.subarray(from)]), encoding, next);
  };
}

/** smtp-server derives the enhanced status from the code alone; a text that brings its own keeps it (RFC 2034 §4). */
function keepOwnStatus(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (code, text, context) => send(code, text, typeof text === "string" && /^[245]\.\d+\.\d+ /.test(text) ? false : context);
}
