// Body: the readable text of a mail, for the few lines that a reply quotes. The one file that knows postal-mime, which
// is for reading only: it merges lines and decodes, so nothing of it may be relayed. Works on the head of the mail; a
// text that starts later than that is not quoted. It opens no attachment, no mail within the mail, and follows no reference.

import PostalMime from "postal-mime";
import { concat, utf8 } from "../octets.ts";
import { textOfHtml, tidyLines } from "./html-text.ts";
import type { Mail } from "./mail.ts";

/** Octets of the body that are read at the most; a text part stands at the start of a mail. */
const readLimit = 64 * 1024;
// Nesting costs recursion; a mail beyond this is not quoted. A mail within the mail would be shown with dates in the zone
// and language of this machine, which differ from worker to worker.
const options = { maxNestingDepth: 32, forceRfc822Attachments: true };

/** The plain text of a mail, or its HTML as text; "" where there is none or it cannot be parsed. Never rejects. */
export async function readableText(mail: Mail): Promise<string> {
  try {
    const parsed = await PostalMime.parse(partOf(mail), options);
    return tidyLines(withoutControls(parsed.text ?? textOfHtml(parsed.html ?? "", { keepLinks: false })).replace(overrides, ""));
  } catch {
    return "";
  }
}

/** The start of the body under the fields that describe it, since lists of addresses are dear to parse and not asked for. */
function partOf({ block, head, bodyStart }: Mail): Uint8Array {
  const fields = block.fields.filter(({ key }) => key.startsWith("content-")).map(({ raw }) => raw);
  return concat([...fields, utf8("\r\n"), head.subarray(bodyStart, bodyStart + readLimit)]);
}

// They show letters in an order that is not theirs: `gpj.exe` for `exe.jpg`. The marks that right-to-left text needs stay.
const overrides = /[\u202d\u202e]/g;

/** A text with LF as its line end and without the control characters that no reader shows (RFC 2046 §4.1.2). */
export function withoutControls(text: string): string {
  return text.replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff]/g, "");
}
