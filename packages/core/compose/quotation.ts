// Quotation: the first lines of the mail that a reply answers, so that the sender knows which mail it was. At most 2 KB of text,
// never an attachment and never active HTML: the address of the sender may be forged, and a reply would send a stranger's content
// in our name. It contains no words of its own, because the language of the reply is unknown.

import type { Address } from "../mail/address.ts";
import { readableText } from "../mail/body-text.ts";
import { safeText } from "../mail/header-write.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { truncateText } from "../mail/truncate.ts";

/** The author and the start of the text. */
export type Quotation = Readonly<{ author: string; text: string }>;

const maxQuotation = 2048; // octets; more would help to amplify an attack

/** Returns the quotation of a mail, or `null` if it has no readable text. */
export async function quotationOf(mail: Mail, sender: Address): Promise<Quotation | null> {
  const text = truncateText(await readableText(mail), maxQuotation);
  // A sending service may have made the reverse-path for this mail only. People know the address in From.
  return text === "" ? null : { author: safeText(mailboxesOf(mail, "From")[0]?.address ?? sender), text };
}

/** Returns the quotation as plain text, each line marked with `>` (RFC 3676 §4.5). */
export function plainQuotation({ author, text }: Quotation): string {
  const lines = text.split("\n").map((line) => (line === "" || line.startsWith(">") ? `>${line}` : `> ${line}`));
  return [`${author}:`, ...lines].join("\n");
}

/** Returns the quotation as HTML with all markup escaped. */
export function htmlQuotation({ author, text }: Quotation): string {
  const lines = text.split("\n").map(escapeHtml);
  return `<p>${escapeHtml(author)}:</p>\n<blockquote type="cite" dir="auto">${lines.join("<br>\n")}</blockquote>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
