// Automatic: is this a mail that a machine sent, or one that was not meant for the recipient in person? Then no
// out-of-office reply may answer it. RFC 3834 §2, RFC 5230 §4.5 and §4.6, MS-OXCMAIL 2.2.3.2.14 (X-Auto-Response-Suppress).
// Each test has its own word, which the log and the metrics repeat.

import { type Address, localPartOf, type ReversePath, sameMailbox } from "./address.ts";
import { fieldsOf, firstValue, valuesOf } from "./header.ts";
import { type Mail, mailboxesOf } from "./mail.ts";

/** Why a mail gets no automatic reply, as far as its envelope and header tell. */
export type AutomaticReason =
  | "null-reverse-path" // RFC 3834 §2: MUST NOT
  | "system-sender" // mailer-daemon, list and request addresses
  | "auto-submitted" // RFC 3834 §5
  | "mailing-list" // RFC 2919, RFC 2369
  | "bulk-precedence"
  | "response-suppressed"
  | "report" // RFC 6522, and what looks like one
  | "from-self"
  | "not-addressed"; // RFC 5230 §4.5: the recipient must be named

const listFields = ["list-id", "list-owner", "list-subscribe", "list-post", "list-unsubscribe", "list-help", "list-archive"];
const addressFields = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/** The first reason that applies, or `null` for a mail from a person to this recipient. */
export function automaticReason(mail: Mail, reversePath: ReversePath, recipient: Address): AutomaticReason | null {
  if (reversePath === null) return "null-reverse-path";
  if (isSystemSender(reversePath)) return "system-sender";
  if (valuesOf(mail.block, "Auto-Submitted").some((value) => firstWord(value) !== "no")) return "auto-submitted";
  if (mail.block.fields.some((field) => listFields.includes(field.key))) return "mailing-list";
  if (valuesOf(mail.block, "Precedence").some((value) => ["bulk", "junk", "list"].includes(firstWord(value)))) return "bulk-precedence";
  if (valuesOf(mail.block, "X-Auto-Response-Suppress").some(suppresses)) return "response-suppressed";
  if (isReport(mail)) return "report";
  if (sameMailbox(reversePath, recipient)) return "from-self";
  return isAddressed(mail, recipient) ? null : "not-addressed";
}

/** POSTMASTER is a person by RFC 5230 §4.6; the others are machines and lists. */
function isSystemSender(address: Address): boolean {
  const local = localPartOf(address).toLowerCase();
  if (/^(?:mailer-daemon|listserv|majordomo)$/.test(local)) return true;
  if (local.startsWith("owner-") || local.includes("-request")) return true;
  return /^(?:no-?reply|do-?not-?reply|bounces?)(?:[+-]|$)|-bounces?(?:[+-]|$)/.test(local);
}

/** The value without comments and parameters: `auto-replied (vacation)` and `no; x=y`. */
function firstWord(value: string): string {
  return (
    value
      .replace(/\([^()]*\)/g, " ")
      .trim()
      .split(/[\s;]/)[0]
      ?.toLowerCase() ?? ""
  );
}

/** `All` and `OOF` are for us; `AutoReply` speaks of automatic replies other than out-of-office. */
function suppresses(value: string): boolean {
  return value.split(",").some((token) => ["all", "oof"].includes(token.trim().toLowerCase()));
}

function isReport(mail: Mail): boolean {
  if (fieldsOf(mail.block, "X-Failed-Recipients").length > 0) return true;
  const type = firstValue(mail.block, "Content-Type") ?? "";
  return /^\s*(?:multipart\/report|message\/(?:delivery-status|disposition-notification))\b/i.test(type);
}

function isAddressed(mail: Mail, recipient: Address): boolean {
  return mailboxesOf(mail, ...addressFields).some((box) => sameMailbox(box.address, recipient));
}
