// Automatic: is this a mail that a machine sent, or one that was not meant for the recipient in person? Then no
// out-of-office reply may answer it. RFC 3834 §2, RFC 5230 §4.5 and §4.6, MS-OXCMAIL 2.1.3.2.20 (X-Auto-Response-Suppress).
// Each test has its own word, which the log and the metrics repeat. What a sender says of his mail is read in the widest
// sense: a reply too few is forgotten, a reply to a list is not. Verdicts, marks and SES's own bounces are for plan.ts.

import { type Address, localPartOf, type ReversePath, sameMailbox } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { firstValue, type HeaderBlock, valuesOf } from "../mail/header.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { type Mailbox, parseMailboxes } from "../mail/mailbox.ts";
import { plainForms } from "./sender.ts";

/** Why a mail gets no automatic reply, as far as its envelope and header tell. */
export type AutomaticReason =
  | "null-reverse-path" // RFC 3834 §2: MUST NOT
  | "auto-submitted" // RFC 3834 §5
  | "mailing-list" // RFC 2919, RFC 2369
  | "bulk-precedence"
  | "response-suppressed"
  | "report" // RFC 6522, and what looks like one
  | "system-sender" // daemons, list software, addresses that nobody reads
  | "from-self"
  | "not-addressed"; // RFC 5230 §4.5: the recipient must be named

// The second and third were used by auto-responders before RFC 3834, and some still write nothing else.
const automaticFields = ["Auto-Submitted", "X-Autoreply", "X-Autorespond"];
const listFields = ["list-id", "list-owner", "list-subscribe", "list-post", "list-unsubscribe", "list-help", "list-archive"];
const bulkWords = ["bulk", "junk", "list", "auto_reply"];
const addressFields = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/** The first reason that applies, or `null` for a mail from a person to this recipient. */
export function automaticReason(mail: Mail, reversePath: ReversePath, recipient: Address): AutomaticReason | null {
  const { block } = mail;
  if (reversePath === null || returnsNowhere(block)) return "null-reverse-path";
  if (automaticFields.some((name) => readings(block, name).some(saysAutomatic))) return "auto-submitted";
  if (block.fields.some((field) => listFields.includes(field.key))) return "mailing-list";
  if (hasWord(block, "Precedence", bulkWords)) return "bulk-precedence";
  if (hasWord(block, "X-Auto-Response-Suppress", ["all", "oof"])) return "response-suppressed";
  if (isReport(block)) return "report";
  const writers = mailboxesOf(mail, "From").map((box) => box.address);
  const agents = mailboxesOf(mail, "Sender").map((box) => box.address);
  if ([reversePath, ...plainForms(reversePath), ...writers, ...agents].some(isSystemAddress)) return "system-sender";
  // A mail of one's own may come back with a path that the sending service made for it, so From counts too.
  if ([reversePath, ...writers].some((address) => sameMailbox(address, recipient))) return "from-self";
  return isAddressed(mail, recipient) ? null : "not-addressed";
}

/** SES writes the path that it was given on top; where the notice lost it, this still tells (RFC 5321 §4.4). */
function returnsNowhere(block: HeaderBlock): boolean {
  return /^<\s*>$/.test(firstValue(block, "Return-Path")?.trim() ?? "");
}

/** `no` alone, apart from comments and parameters, is what a person's mail may say (RFC 3834 §5.2). */
function saysAutomatic(value: string): boolean {
  return withoutComments(value).split(";")[0]?.trim().toLowerCase() !== "no";
}

/** `AutoReply` in X-Auto-Response-Suppress speaks of automatic replies other than out-of-office: it is no word here. */
function hasWord(block: HeaderBlock, name: string, words: readonly string[]): boolean {
  return readings(block, name).some((value) =>
    withoutComments(value)
      .toLowerCase()
      .split(/[\s,;]+/)
      .some((word) => words.includes(word)),
  );
}

function isReport(block: HeaderBlock): boolean {
  if (valuesOf(block, "X-Failed-Recipients").length > 0) return true;
  const report =
    /^\s*(?:multipart\/report|message\/(?:global-)?(?:delivery-status|disposition-notification)|message\/feedback-report)(?![\w-])/i;
  return readings(block, "Content-Type").some((value) => report.test(withoutComments(value)));
}

const daemon = /^(?:mailer-daemon|listserv|majordomo)(?:\+|$)/;
const unread = /(?:^|[-._=])(?:no[-._]?reply|do[-._]?not[-._]?reply)(?:[-._+=\d]|$)/;
const returns = /(?:^|[-=])bounces?(?:[-_+=\d]|$)/;

/** RFC 5230 §4.6 and RFC 3834 §2. POSTMASTER is a person there, and so is everybody whose name only resembles these. */
function isSystemAddress(address: Address): boolean {
  const local = localPartOf(address).toLowerCase();
  return daemon.test(local) || local.startsWith("owner-") || local.includes("-request") || unread.test(local) || returns.test(local);
}

/**
 * Encoded words are no addresses (RFC 2047 §5), so what only they show is not read: a recipient who is named by nothing
 * else is not named.
 */
function isAddressed(mail: Mail, recipient: Address): boolean {
  const isRecipient = (box: Mailbox) => sameMailbox(box.address, recipient);
  if (!mailboxesOf(mail, ...addressFields).some(isRecipient)) return false;
  const values = addressFields.flatMap((name) => valuesOf(mail.block, name));
  return !values.some((value) => value.includes("=?")) || values.some((value) => parseMailboxes(value).some(isRecipient));
}

/** Each value as it stands and, where it holds encoded words, decoded: some programs encode what they should not. */
function readings(block: HeaderBlock, name: string): readonly string[] {
  return valuesOf(block, name).flatMap((value) => (value.includes("=?") ? [value, decodeWords(value)] : [value]));
}

/** A comment counts as a space, and may hold others (RFC 5322 §3.2.2). */
function withoutComments(value: string): string {
  let text = "";
  let depth = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    if (char === "\\") at++;
    else if (char === "(") depth++;
    else if (char === ")" && depth > 0) {
      depth--;
      text += " ";
    } else if (depth === 0) text += char;
  }
  return text;
}
