// Reply: the out-of-office answer to one mail, composed so that every attempt builds the same octets. It goes to the
// reverse-path and nobody else (RFC 3834 §4, RFC 5230 §4.5), says that it is automatic (RFC 3834 §5) and quotes at most
// 2 KB of the original, as text. The one file that knows mimetext, which here only puts encoded parts side by side; the
// header is written by header.ts. Whether to reply is decided in plan.ts.

import { createMimeMessage } from "mimetext/browser";
import { type Address, domainOf } from "./address.ts";
import { readableText, textOfHtml } from "./body.ts";
import { utf8 } from "./bytes.ts";
import { mailDate, type NewField, ownFields, references, structured } from "./draft.ts";
import type { Draft } from "./effect.ts";
import { safeText, writeBlock } from "./header.ts";
import { type Mail, messageIdOf, subjectOf } from "./mail.ts";
import type { EpochMs, MailId } from "./notice.ts";
import type { ReplyRule } from "./rule.ts";
import { derivedId } from "./trace.ts";

/** Everything that a reply is made of. */
export type ReplyOccasion = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  recipient: Address;
  sender: Address;
  rule: ReplyRule;
  loopKey: Uint8Array;
}>;

const maxQuote = 2048; // octets; more would make the answerer an amplifier

/** Composes the reply. */
export async function composeReply(occasion: ReplyOccasion): Promise<Draft> {
  const { mail, mailId, recipient, sender, rule } = occasion;
  const quoted = cut(await readableText(mail), maxQuote);
  const body = rule.contentType === "html" ? htmlBody(occasion, quoted) : plainBody(rule.text, quoted, sender);
  const original = messageIdOf(mail);
  const fields: readonly NewField[] = [
    structured("From", recipient),
    structured("To", sender),
    { name: "Subject", value: { kind: "text", text: replySubject(rule, mail) } },
    structured("Date", mailDate(occasion.receivedAt)),
    structured("Message-ID", `<${derivedId("reply", mailId, recipient)}@${domainOf(recipient)}>`),
    ...(original === null ? [] : [structured("In-Reply-To", original)]), // RFC 5230 §5.8
    ...(original === null ? [] : [structured("References", references(mail, original))]),
    structured("Auto-Submitted", "auto-replied (vacation)"), // RFC 3834 §5
    structured("X-Auto-Response-Suppress", "All"),
    structured("Precedence", "bulk"),
    ...ownFields(occasion.loopKey, recipient, mailId),
    structured("MIME-Version", "1.0"),
    ...body.fields,
  ];
  return { head: writeBlock(fields), body: body.octets };
}

type Body = Readonly<{ fields: readonly NewField[]; octets: Uint8Array }>;

/** The rule's subject, else `Auto: ` and the original's, else a plain one (RFC 5230 §5.3). */
function replySubject(rule: ReplyRule, mail: Mail): string {
  const own = safeText(rule.subject ?? "");
  if (own !== "") return own;
  const original = safeText(subjectOf(mail) ?? "");
  return original === "" ? "Automated reply" : safeText(`Auto: ${original}`);
}

function plainBody(text: string, quoted: string, sender: Address): Body {
  const quote = quoted === "" ? "" : `\n\n${sender} wrote:\n${quoted.replace(/^/gm, "> ")}`;
  return {
    fields: [structured("Content-Type", "text/plain; charset=utf-8"), structured("Content-Transfer-Encoding", "quoted-printable")],
    octets: utf8(quotedPrintable(`${text.trimEnd()}${quote}\n`)),
  };
}

function htmlBody({ rule, sender, mailId, recipient }: ReplyOccasion, quoted: string): Body {
  const boundary = `sesame-${derivedId("boundary", mailId, recipient)}`;
  const quote = quoted === "" ? "" : `\n<p>${escapeHtml(sender)} wrote:</p>\n<blockquote><pre>${escapeHtml(quoted)}</pre></blockquote>\n`;
  const plain = `${textOfHtml(rule.text).trim()}${quoted === "" ? "" : `\n\n${sender} wrote:\n${quoted.replace(/^/gm, "> ")}`}\n`;
  const tree = createMimeMessage();
  for (const [contentType, data] of [
    ["text/plain", plain],
    ["text/html", `${rule.text}${quote}`],
  ] as const) {
    tree.addMessage({ contentType, encoding: "quoted-printable", data: quotedPrintable(data) });
  }
  const parts = tree.dumpTextContent(tree.getMessageByType("text/plain"), tree.getMessageByType("text/html"), boundary);
  return {
    fields: [structured("Content-Type", `multipart/alternative; boundary="${boundary}"`)],
    octets: utf8(`${parts.replace(/\r?\n/g, "\r\n")}\r\n--${boundary}--\r\n`),
  };
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Cuts a text at a number of octets, never inside a character, and says so. */
function cut(text: string, octets: number): string {
  const all = utf8(text);
  if (all.length <= octets) return text;
  return `${new TextDecoder()
    .decode(all.subarray(0, octets))
    .replace(/\ufffd+$/, "")
    .trimEnd()}\n[…]`;
}

/** Quoted-printable with lines of at most 76 characters and CRLF (RFC 2045 §6.7). */
export function quotedPrintable(text: string): string {
  return text.replace(/\r\n?/g, "\n").split("\n").map(encodeLine).join("\r\n");
}

function encodeLine(line: string): string {
  const octets = utf8(line);
  let output = "";
  let width = 0;
  octets.forEach((octet, index) => {
    const last = index === octets.length - 1;
    // A leading dot and "From " are altered by careless hosts on the way (RFC 2049 §3).
    const risky = (index === 0 && (octet === 46 || octet === 70)) || (last && (octet === 32 || octet === 9));
    const plain = ((octet > 32 && octet < 127 && octet !== 61) || octet === 32 || octet === 9) && !risky;
    const part = plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    if (width + part.length > 75) {
      output += "=\r\n";
      width = 0;
    }
    output += part;
    width += part.length;
  });
  return output;
}
