// Reply: the out-of-office answer to one mail. Every attempt builds the same octets. It is sent to the reverse-path only (RFC
// 3834 §4, RFC 5230 §4.5), declares itself automatic (RFC 3834 §5) and quotes at most 2 KB of the original as text. This is the
// only file that uses mimetext, and only to join encoded parts; mail/header-write.ts writes the header. plan/plan-reply.ts
// decides whether to reply.

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
import { loopFields, mailDate, type NewField, referencesValue, structured } from "./generated-header.ts";
import { htmlQuotation, plainQuotation, type Quotation } from "./quotation.ts";

/** The input for one reply. */
export type ReplyInput = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  recipient: Address;
  sender: Address;
  rule: ReplyRule;
  loopKey: Uint8Array;
  /** Whether the subject of the mail may stand in the reply. Not, if the reverse-path may be forged. */
  repeatsOriginal: boolean;
  /** The quotation, read once for all recipients: `quotationOf(mail, sender)`. `null`: the reply has none. */
  quotation: Quotation | null;
}>;

const maxSubject = 256; // characters; the limit of Dovecot Pigeonhole

/** Composes the reply. */
export function composeReply(input: ReplyInput): Draft {
  const { mail, mailId, recipient, sender, rule, quotation } = input;
  const body = rule.contentType === "html" ? htmlBody(input, quotation) : plainBody(rule.text, quotation);
  const original = messageIdOf(mail);
  const thread = referencesValue(mail, original);
  const fields: readonly NewField[] = [
    structured("From", recipient), // RFC 5230 §5.4; without a name, because none is known
    structured("To", sender), // RFC 5230 §5.5; without a display name
    { name: "Subject", value: { kind: "text", text: replySubject(input) } },
    structured("Date", mailDate(input.receivedAt)),
    structured("Message-ID", `<${derivedId("reply", mailId, recipient)}@${domainOf(recipient)}>`),
    ...(original === null ? [] : [structured("In-Reply-To", original)]), // RFC 5230 §5.8
    ...(thread === "" ? [] : [structured("References", thread)]),
    structured("Auto-Submitted", "auto-replied (vacation)"), // RFC 3834 §5
    structured("X-Auto-Response-Suppress", "All"),
    structured("Precedence", "bulk"),
    ...loopFields(input.loopKey, { address: recipient, target: sender, mailId, receivedAt: input.receivedAt }),
    structured("MIME-Version", "1.0"),
    ...body.fields,
  ];
  return { head: writeBlock(fields), body: body.octets };
}

type Body = Readonly<{ fields: readonly NewField[]; octets: Uint8Array }>;

const neutralSubject = "Automated reply";

/**
 * The subject of the rule, else `Auto: ` and the original subject, else a fixed text (RFC 5230 §5.3). An existing `Auto: ` is not
 * repeated. Encoded words in a rule are decoded, because a migrated Sieve script may contain them.
 */
function replySubject({ rule, mail, repeatsOriginal }: ReplyInput): string {
  const own = truncateLine(decodeWords(rule.subject ?? ""), maxSubject);
  if (own !== "") return own;
  if (!repeatsOriginal) return neutralSubject;
  const original = safeText(subjectOf(mail) ?? "", Number.MAX_SAFE_INTEGER).replace(/^(?:auto: ?)+/i, "");
  return original === "" ? neutralSubject : truncateLine(`Auto: ${original}`, maxSubject);
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

/** The HTML of the user as it is, and a plain text of the same content (RFC 2046 §5.1.4). */
function htmlBody({ rule, mailId, recipient }: ReplyInput, quotation: Quotation | null): Body {
  const html = withoutControls(rule.text);
  // Quoted-printable text never contains "=_", so no line of a part can equal this boundary (RFC 2045 §6.7, RFC 2046 §5.1.1).
  const boundary = `=_sesame_${derivedId("boundary", mailId, recipient)}`;
  const parts = [
    ["text/plain", plainText(textOfHtml(html, { keepLinks: true }), quotation).trimEnd()],
    ["text/html", withQuotation(html, quotation)],
  ] as const;
  const mime = createMimeMessage();
  for (const [contentType, text] of parts) {
    mime.addMessage({ contentType, encoding: "quoted-printable", data: quotedPrintable(text) });
  }
  const joined = mime.dumpTextContent(mime.getMessageByType("text/plain"), mime.getMessageByType("text/html"), boundary);
  return {
    fields: [structured("Content-Type", `multipart/alternative; boundary="${boundary}"`)],
    octets: utf8(`${joined}\r\n--${boundary}--\r\n`),
  };
}

/**
 * Puts the quotation at the end of the HTML body. It is left out, and stays in the plain part, if the HTML would not show it as
 * text.
 */
function withQuotation(html: string, quotation: Quotation | null): string {
  if (quotation === null || endsInside(html)) return html;
  const [end] = [...html.matchAll(/<\/(?:body|html)\s*>/gi)].map((match) => match.index);
  return `${html.slice(0, end)}\n${htmlQuotation(quotation)}${end === undefined ? "" : `\n${html.slice(end)}`}`;
}
