// NDJSON: reads a stream as lines that end in LF. node:readline also ends a line at U+2028 and U+2029, which are data inside
// a JSON text (RFC 8259 §7).

import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";

/** The lines without their line ends. The last line may lack one. */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  for await (const chunk of input) {
    const octets = Buffer.from(chunk);
    let at = 0;
    for (let end = octets.indexOf(10); end >= 0; end = octets.indexOf(10, at)) {
      yield Buffer.concat([...pending, octets.subarray(at, end)]).toString();
      pending = [];
      at = end + 1;
    }
    pending.push(octets.subarray(at));
  }
  yield Buffer.concat(pending).toString();
}
