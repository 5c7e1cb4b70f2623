// smtp-server fixes: corrects two faults of smtp-server on one connection, so that mails keep their octets and replies keep
// their enhanced status. It uses three private names of smtp-server. The tests of the front door fail if these change.

/** The parts of a smtp-server connection that are used here. */
export type Connection = {
  readonly id: string;
  readonly _parser: { _dataMode: boolean; _write(chunk: Buffer, encoding: BufferEncoding, next: (error?: Error | null) => void): void };
  send(code: number, text: string | readonly string[], context?: string | false): void;
};

const [lf, cr, dot] = [10, 13, 46];
type Seen = Readonly<{ position: number; beforeLast: number | undefined; last: number | undefined }>;
const dataStart: Seen = { position: 0, beforeLast: cr, last: lf }; // mail data start after the CRLF of a command

/** Fixes one connection, before its first command. */
export function fixConnection(connection: Connection): void {
  keepDotsAfterBareLf(connection._parser);
  keepOwnStatus(connection);
}

/**
 * smtp-server removes a dot after a bare LF, but a line of mail data starts only after CRLF (RFC 5321 §2.3.8, §4.5.2). This
 * inserts a second dot after a bare LF; smtp-server removes it, and the octets stay as they were sent.
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

/** smtp-server derives the enhanced status from the reply code. A text that starts with one keeps its own (RFC 2034 §4). */
function keepOwnStatus(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (code, text, context) => send(code, text, typeof text === "string" && /^[245]\.\d+\.\d+ /.test(text) ? false : context);
}
