// Quotation: the first lines of the mail that a reply answers, so that its writer knows which one is meant. At most 2 KB of
// its text, never an attachment and never live HTML: a reply may go to somebody whose address was forged, and carries what
// a stranger wrote under our name. It is in no language; "wrote:" would be English under any text.

import type { Address } from "../mail/address.ts";
import { readableText } from "../mail/body-text.ts";
import { safeText } from "../mail/header-write.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { truncateText } from "../mail/truncate.ts";

/** Who wrote, and how it began. */
export type Quotation = Readonly<{ author: string; text: string }>;

const maxQuotation = 2048; // octets; more would make the answerer an amplifier

/** The quotation of a mail, or `null` where it has no readable text. */
export async function quotationOf(mail: Mail, sender: Address): Promise<Quotation | null> {
  const text = truncateText(await readableText(mail), maxQuotation);
  // The path may be one that a service made up for this mail; people know each other by From.
  return text === "" ? null : { author: safeText(mailboxesOf(mail, "From")[0]?.address ?? sender), text };
}

/** As plain text, each line marked (RFC 3676 §4.5). */
export function plainQuotation({ author, text }: Quotation): string {
  const lines = text.split("\n").map((line) => (line === "" || line.startsWith(">") ? `>${line}` : `> ${line}`));
  return [`${author}:`, ...lines].join("\n");
}

/** As HTML that shows text and does nothing. */
export function htmlQuotation({ author, text }: Quotation): string {
  const lines = text.split("\n").map(escapeHtml);
  return `<p>${escapeHtml(author)}:</p>\n<blockquote type="cite" dir="auto">${lines.join("<br>\n")}</blockquote>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
