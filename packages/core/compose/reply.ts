// Reply: the out-of-office answer to one mail, composed so that every attempt builds the same octets. It goes to the
// reverse-path and nobody else (RFC 3834 §4, RFC 5230 §4.5), says that it is automatic (RFC 3834 §5) and quotes at most
// 2 KB of the original, as text. The one file that knows mimetext, which here only puts encoded parts side by side; the
// header is written by header.ts. Whether to reply is decided in reply-decision.ts.

import { createMimeMessage } from "mimetext/browser";
import { derivedId } from "../derived-id.ts";
import { type Address, domainOf } from "../mail/address.ts";
import { withoutControls } from "../mail/body-text.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { safeText, writeBlock } from "../mail/header-write.ts";
import { endsInside, textOfHtml } from "../mail/html-text.ts";
import { type Mail, messageIdOf, subjectOf } from "../mail/mail.ts";
import { quotedPrintable } from "../mail/quoted-printable.ts";
import { truncateLine } from "../mail/truncate.ts";
import { utf8 } from "../octets.ts";
import type { ReplyRule } from "../rules/rule-row.ts";
import type { MailId } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";
import type { Draft } from "./content.ts";
import { mailDate, type NewField, ownFields, references, structured } from "./generated-header.ts";
import { htmlQuotation, plainQuotation, type Quotation } from "./quotation.ts";

/** Everything that a reply is made of. */
export type ReplyInput = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  recipient: Address;
  sender: Address;
  rule: ReplyRule;
  loopKey: Uint8Array;
  /** What is quoted of the mail, read once for all recipients: `quotationOf(mail, sender)`. */
  quotation: Quotation | null;
}>;

const maxSubject = 256; // characters; what Pigeonhole allows

/** Composes the reply. */
export function composeReply(input: ReplyInput): Draft {
  const { mail, mailId, recipient, sender, rule, quotation } = input;
  const body = rule.contentType === "html" ? htmlBody(input, quotation) : plainBody(rule.text, quotation);
  const original = messageIdOf(mail);
  const thread = references(mail, original);
  const fields: readonly NewField[] = [
    structured("From", recipient), // RFC 5230 §5.4; a name would have to be asked of somebody
    structured("To", sender), // RFC 5230 §5.5; the sender's own names for it stay his
    { name: "Subject", value: { kind: "text", text: replySubject(rule, mail) } },
    structured("Date", mailDate(input.receivedAt)),
    structured("Message-ID", `<${derivedId("reply", mailId, recipient)}@${domainOf(recipient)}>`),
    ...(original === null ? [] : [structured("In-Reply-To", original)]), // RFC 5230 §5.8
    ...(thread === "" ? [] : [structured("References", thread)]),
    structured("Auto-Submitted", "auto-replied (vacation)"), // RFC 3834 §5
    structured("X-Auto-Response-Suppress", "All"),
    structured("Precedence", "bulk"),
    ...ownFields(input.loopKey, recipient, mailId),
    structured("MIME-Version", "1.0"),
    ...body.fields,
  ];
  return { head: writeBlock(fields), body: body.octets };
}

type Body = Readonly<{ fields: readonly NewField[]; octets: Uint8Array }>;

/**
 * The rule's subject, else `Auto: ` and the original's, else a plain one (RFC 5230 §5.3). An `Auto: ` that stands in front
 * already is not repeated. Encoded words in a rule, as a Sieve script may hold them, are read.
 */
function replySubject(rule: ReplyRule, mail: Mail): string {
  const own = truncateLine(decodeWords(rule.subject ?? ""), maxSubject);
  if (own !== "") return own;
  const original = safeText(subjectOf(mail) ?? "", Number.MAX_SAFE_INTEGER).replace(/^(?:auto: ?)+/i, "");
  return original === "" ? "Automated reply" : truncateLine(`Auto: ${original}`, maxSubject);
}

function plainBody(text: string, quotation: Quotation | null): Body {
  return {
    fields: [structured("Content-Type", "text/plain; charset=utf-8"), structured("Content-Transfer-Encoding", "quoted-printable")],
    octets: utf8(quotedPrintable(plainText(withoutControls(text), quotation))),
  };
}

function plainText(text: string, quotation: Quotation | null): string {
  return `${text.trimEnd()}\n${quotation === null ? "" : `\n${plainQuotation(quotation)}\n`}`;
}

/** The user's HTML as it is, and a text that says the same (RFC 2046 §5.1.4). */
function htmlBody({ rule, mailId, recipient }: ReplyInput, quotation: Quotation | null): Body {
  const html = withoutControls(rule.text);
  // Quoted-printable never holds "=_", so no line of a part can be taken for this boundary (RFC 2045 §6.7, RFC 2046 §5.1.1).
  const boundary = `=_sesame_${derivedId("boundary", mailId, recipient)}`;
  const parts = [
    ["text/plain", plainText(textOfHtml(html, { keepLinks: true }), quotation).trimEnd()],
    ["text/html", withQuotation(html, quotation)],
  ] as const;
  const tree = createMimeMessage();
  for (const [contentType, text] of parts) {
    tree.addMessage({ contentType, encoding: "quoted-printable", data: quotedPrintable(text) });
  }
  const joined = tree.dumpTextContent(tree.getMessageByType("text/plain"), tree.getMessageByType("text/html"), boundary);
  return {
    fields: [structured("Content-Type", `multipart/alternative; boundary="${boundary}"`)],
    octets: utf8(`${joined}\r\n--${boundary}--\r\n`),
  };
}

/** The quotation stands within the body, where there is one, and is left to the plain part where it could not be text. */
function withQuotation(html: string, quotation: Quotation | null): string {
  if (quotation === null || endsInside(html)) return html;
  const [end] = [...html.matchAll(/<\/(?:body|html)\s*>/gi)].map((match) => match.index);
  return `${html.slice(0, end)}\n${htmlQuotation(quotation)}${end === undefined ? "" : `\n${html.slice(end)}`}`;
}
