// Lines: a stream of octets as lines that end in LF, for NDJSON. Not node:readline, which also ends a line at U+2028 and
// U+2029: inside a JSON text they are data (RFC 8259 §7), and a mail or a rule may hold them.

import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";

/** The lines without their ends; the last one need not have an end. */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  let held: Buffer[] = [];
  for await (const chunk of input) {
    const octets = Buffer.from(chunk);
    let at = 0;
    for (let end = octets.indexOf(10); end >= 0; end = octets.indexOf(10, at)) {
      yield Buffer.concat([...held, octets.subarray(at, end)]).toString();
      held = [];
      at = end + 1;
    }
    held.push(octets.subarray(at));
  }
  yield Buffer.concat(held).toString();
}
