// Automatic mail: whether a machine sent a mail, or whether it was not addressed to the recipient. Such a mail gets no
// out-of-office reply. RFC 3834 §2, RFC 5230 §4.5 and §4.6, MS-OXCMAIL 2.1.3.2.20 (X-Auto-Response-Suppress). Each test has its
// own reason, used in the log and in metrics. Fields are read in the widest sense: a missing reply does less harm than a reply to
// a mailing list. plan/findings.ts tests SES verdicts, loop marks and SES bounces.

import { type Address, type AddressKey, addressKey, localPartOf, type ReversePath, withoutTag } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { firstValue, type HeaderBlock, valuesOf } from "../mail/header.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { parseMailboxes } from "../mail/mailbox.ts";
import { embeddedAddresses } from "./sender.ts";

/** Why a mail gets no automatic reply, as far as envelope and header show. */
export type AutomaticReason =
  | "null-reverse-path" // RFC 3834 §2: MUST NOT
  | "auto-submitted" // RFC 3834 §5
  | "mailing-list" // RFC 2919, RFC 2369
  | "bulk-precedence"
  | "response-suppressed"
  | "report" // RFC 6522, and other mail with the fields of a report
  | "system-sender" // daemons, list software, no-reply addresses
  | "from-self"
  | "not-addressed"; // RFC 5230 §4.5: the recipient must be named

// The second and third are older than RFC 3834. Some auto-responders still write only these.
const automaticFields = ["Auto-Submitted", "X-Autoreply", "X-Autorespond"];
const listFields = ["list-id", "list-owner", "list-subscribe", "list-post", "list-unsubscribe", "list-help", "list-archive"];
const bulkWords = ["bulk", "junk", "list", "auto_reply"];
/** The fields that may name the recipient. */
export const addressFields: readonly string[] = ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/** What a mail says about itself, read once for all recipients. Keys are those of mailboxes, without tags. */
export type AutomaticSigns = Readonly<{
  /** The first reason that is the same for all recipients. */
  reason: AutomaticReason | null;
  /** The reverse-path and From. */
  writers: ReadonlySet<AddressKey>;
  /** The address fields. */
  named: ReadonlySet<AddressKey>;
}>;

/** Reads the signs of a mail. */
export function automaticSignsOf(mail: Mail, reversePath: ReversePath): AutomaticSigns {
  const reason = reasonForAll(mail, reversePath);
  if (reason !== null) return { reason, writers: new Set(), named: new Set() };
  const writers = mailboxesOf(mail, "From").map(({ address }) => address);
  return { reason, writers: keysOf(reversePath === null ? writers : [reversePath, ...writers]), named: namedInHeader(mail) };
}

/** Returns the first reason that applies to this recipient, or `null` for a mail from a person to this recipient. */
export function automaticReason({ reason, writers, named }: AutomaticSigns, recipient: Address): AutomaticReason | null {
  if (reason !== null) return reason;
  const key = mailboxKey(recipient);
  // The user's own mail may return with a reverse-path made by the sending service, so From is compared too.
  if (writers.has(key)) return "from-self";
  return named.has(key) ? null : "not-addressed";
}

function mailboxKey(address: Address): AddressKey {
  return withoutTag(addressKey(address));
}

function keysOf(addresses: readonly Address[]): ReadonlySet<AddressKey> {
  return new Set(addresses.map(mailboxKey));
}

function reasonForAll(mail: Mail, reversePath: ReversePath): AutomaticReason | null {
  const { block } = mail;
  if (reversePath === null || hasNullReturnPath(block)) return "null-reverse-path";
  if (automaticFields.some((name) => rawAndDecodedValues(block, name).some(isAutomaticValue))) return "auto-submitted";
  if (block.fields.some((field) => listFields.includes(field.key))) return "mailing-list";
  if (hasWord(block, "Precedence", bulkWords)) return "bulk-precedence";
  if (hasWord(block, "X-Auto-Response-Suppress", ["all", "oof"])) return "response-suppressed";
  if (isReport(block)) return "report";
  const authors = mailboxesOf(mail, "From", "Sender").map((box) => box.address);
  return [reversePath, ...embeddedAddresses(reversePath), ...authors].some(isSystemAddress) ? "system-sender" : null;
}

/** SES writes the reverse-path in a Return-Path field at the top (RFC 5321 §4.4). It counts if the notice lacks the path. */
function hasNullReturnPath(block: HeaderBlock): boolean {
  return /^<\s*>$/.test(firstValue(block, "Return-Path")?.trim() ?? "");
}

/** Any value except `no` means automatic, without comments and parameters (RFC 3834 §5.2). */
function isAutomaticValue(value: string): boolean {
  return withoutComments(value).split(";")[0]?.trim().toLowerCase() !== "no";
}

/**
 * Whether a field contains one of these words. `AutoReply` in X-Auto-Response-Suppress is not such a word: it excludes
 * out-of-office replies (MS-OXCMAIL 2.1.3.2.20).
 */
function hasWord(block: HeaderBlock, name: string, words: readonly string[]): boolean {
  return rawAndDecodedValues(block, name).some((value) =>
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
  return rawAndDecodedValues(block, "Content-Type").some((value) => report.test(withoutComments(value)));
}

const daemonName = /^(?:mailer-daemon|listserv|majordomo)(?:\+|$)/;
const noReplyName = /(?:^|[-._=])(?:no[-._]?reply|do[-._]?not[-._]?reply)(?:[-._+=\d]|$)/;
const bounceName = /(?:^|[-=])bounces?(?:[-_+=\d]|$)/;

/**
 * Addresses of RFC 5230 §4.6 and RFC 3834 §2. `postmaster` can be a person and is not among them, nor are names that only look
 * similar.
 */
function isSystemAddress(address: Address): boolean {
  const local = localPartOf(address).toLowerCase();
  return (
    daemonName.test(local) || local.startsWith("owner-") || local.includes("-request") || noReplyName.test(local) || bounceName.test(local)
  );
}

/**
 * The mailboxes that an address field names (RFC 5230 §4.5). An address that only an encoded word shows does not count (RFC 2047
 * §5).
 */
function namedInHeader(mail: Mail): ReadonlySet<AddressKey> {
  const named = keysOf(mailboxesOf(mail, ...addressFields).map(({ address }) => address));
  const values = addressFields.flatMap((name) => valuesOf(mail.block, name));
  if (!values.some((value) => value.includes("=?"))) return named;
  const asWritten = new Set<AddressKey>();
  for (const value of values) for (const { address } of parseMailboxes(value)) asWritten.add(mailboxKey(address));
  return new Set([...named].filter((key) => asWritten.has(key)));
}

/**
 * Each value as it stands and, if it contains encoded words, also decoded: some programs encode fields that must not be encoded.
 */
function rawAndDecodedValues(block: HeaderBlock, name: string): readonly string[] {
  return valuesOf(block, name).flatMap((value) => (value.includes("=?") ? [value, decodeWords(value)] : [value]));
}

/** Replaces comments, which can be nested, by spaces (RFC 5322 §3.2.2). */
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
