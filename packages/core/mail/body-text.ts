// Body text: the readable text of a mail, of which a reply quotes the first lines. This is the only file that uses postal-mime,
// and only for reading: postal-mime decodes and joins lines, so its output is never relayed. It reads the head of the mail; a
// text part that starts later is not quoted. It opens no attachment and no enclosed mail, and follows no external reference.

import PostalMime from "postal-mime";
import { concat, utf8 } from "../octets.ts";
import { textOfHtml, tidyLines } from "./html-text.ts";
import type { Mail } from "./mail.ts";

/** Octets of the body that are read. A text part is near the start of a mail. */
const maxBodyOctets = 64 * 1024;
// Lines of these octets that are read, and those among them that may be a delimiter of parts. The parser takes long for each.
const maxLines = 8000;
const maxDashLines = 300;
const [lf, dash] = [10, 45];
// Parsing is recursive, so a mail with deeper nesting is not quoted. An enclosed mail would be shown with dates in the time zone
// and language of this host, which can differ between workers; it stays an attachment.
const options = { maxNestingDepth: 32, forceRfc822Attachments: true };

/** Returns the plain text of a mail, or its HTML as text; "" if it has none or cannot be parsed. It never rejects. */
export async function readableText(mail: Mail): Promise<string> {
  try {
    const parsed = await PostalMime.parse(startOfBody(mail), options);
    return tidyLines(withoutControls(parsed.text ?? textOfHtml(parsed.html ?? "", { keepLinks: false })).replace(directionOverrides, ""));
  } catch {
    return "";
  }
}

/**
 * The MIME fields of the header and the start of the body. Address fields are left out: they take long to parse and are not
 * needed.
 */
function startOfBody({ block, head, bodyStart }: Mail): Uint8Array {
  const fields = block.fields.filter(({ key }) => key.startsWith("content-")).map(({ raw }) => raw);
  const body = head.subarray(bodyStart, bodyStart + maxBodyOctets);
  return concat([...fields, utf8("\r\n"), body.subarray(0, endOfLines(body))]);
}

/** Where the lines end that are read. */
function endOfLines(body: Uint8Array): number {
  let dashLines = 0;
  let at = 0;
  for (let lines = 0; at < body.length && lines < maxLines; lines++) {
    if (body[at] === dash && body[at + 1] === dash && ++dashLines > maxDashLines) return at;
    const end = body.indexOf(lf, at);
    at = end < 0 ? body.length : end + 1;
  }
  return at;
}

// Unicode overrides show letters in another order: `gpj.exe` looks like `exe.jpg`. The marks that right-to-left text needs stay.
const directionOverrides = /[\u202d\u202e]/g;

/** Returns the text with LF line ends and without control characters (RFC 2046 §4.1.2). */
export function withoutControls(text: string): string {
  return text.replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff]/g, "");
}
