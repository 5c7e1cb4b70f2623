// Body: the readable text of a mail, for the few lines that a reply quotes. The one file that knows postal-mime, which
// is for reading only: it merges lines and decodes, so nothing of it may be relayed. Works on the head of the mail; a
// text that starts later than that is not quoted. It opens no attachment and follows no reference.

import PostalMime from "postal-mime";
import type { Mail } from "./mail.ts";

/** What is read of a mail at the most; a text part stands at the start of a mail. */
const readLimit = 64 * 1024;
// Nesting costs recursion and a large header costs memory; a mail beyond these is not quoted.
const limits = { maxNestingDepth: 32, maxHeadersSize: 256 * 1024 };

/** The plain text of a mail, or its HTML as text; "" where there is none or it cannot be parsed. Never rejects. */
export async function readableText(mail: Mail): Promise<string> {
  try {
    const end = Math.max(mail.bodyStart + readLimit / 2, readLimit);
    const parsed = await PostalMime.parse(mail.head.slice(0, end), limits);
    return tidy(parsed.text ?? textOfHtml(parsed.html ?? ""));
  } catch {
    return "";
  }
}

function tidy(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{C}\n\t]/gu, "")
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** A rough reading: tags away, breaks as lines. It is shown as text and never as HTML, so it need not be exact. */
export function textOfHtml(html: string): string {
  const parts = html.slice(0, readLimit).split("<");
  let text = parts[0] ?? "";
  let hidden = "";
  for (const part of parts.slice(1)) {
    const close = part.indexOf(">");
    const tag = /^\/?[a-z]+/i.exec(part)?.[0].toLowerCase() ?? "";
    if (hidden !== "" && tag === `/${hidden}`) hidden = "";
    else if (hidden === "" && (tag === "style" || tag === "script")) hidden = tag;
    if (hidden !== "" || close < 0) continue;
    if (/^\/?(?:br|p|div|tr|li|h\d)$/.test(tag)) text += "\n";
    text += part.slice(close + 1);
  }
  return text.replace(/&(nbsp|lt|gt|quot|#39|amp);/g, (_, name: string) => entities[name] ?? " ");
}

const entities: Readonly<Record<string, string>> = { nbsp: " ", lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
