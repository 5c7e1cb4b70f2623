// Original fields: what a forward or a stand-in says about the original: its author, the address for answers, its thread.
// Addresses are parsed before encoded words are decoded (RFC 2047 §5). SES parses every address field and refuses the whole mail
// for one bad address, so the fields are written in the form that SES accepts.

import { type Address, asciiAddress, domainOf, localPartOf } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { valuesOf } from "../mail/header.ts";
import { mailboxValue, safeText } from "../mail/header-write.ts";
import { idsOf, type Mail, mailboxesOf, messageIdOf } from "../mail/mail.ts";
import { type Mailbox, maxMailboxes, parseSomeMailboxes } from "../mail/mailbox.ts";
import { upperHex } from "../octets.ts";
import { sesAcceptsDomain } from "../ses/ses-limits.ts";
import { type NewField, referencesValue, structured } from "./generated-header.ts";

const maxReplyTo = 20; // mailboxes in Reply-To
const maxListLength = 16 * 1024; // characters in To or Cc; they are for information only
const maxDisplayName = 100; // characters
const maxEncodedName = 1000; // characters of an encoded name

/** The address fields that a forward reads. */
export const forwardedAddressFields: readonly string[] = ["From", "Reply-To", "To", "Cc"];

/** Returns the mailboxes of all fields of a name that a 7-bit header can contain, each address once. */
export function writableMailboxesOf(mail: Mail, name: string): readonly Mailbox[] {
  const found = new Map<string, Mailbox>();
  for (const mailbox of readMailboxes(mail, name)) {
    const address = sesAddress(mailbox.address);
    if (address !== null && !found.has(address)) found.set(address, { name: mailbox.name, address });
  }
  return [...found.values()];
}

/**
 * The mailboxes in all fields of a name. The value is decoded first only if it contains no address: some senders encode a whole
 * field.
 */
function readMailboxes(mail: Mail, name: string): readonly Mailbox[] {
  const cacheKey = `${name} to write`;
  const known = mail.mailboxes.get(cacheKey);
  if (known !== undefined) return known;
  const values = valuesOf(mail.block, name);
  const read = parseFieldValues(values);
  const mailboxes = read.length > 0 || !values.some((value) => value.includes("=?")) ? read : mailboxesOf(mail, name);
  mail.mailboxes.set(cacheKey, mailboxes);
  return mailboxes;
}

function parseFieldValues(values: readonly string[]): readonly Mailbox[] {
  const mailboxes: Mailbox[] = [];
  for (const value of values)
    if (mailboxes.length < maxMailboxes) mailboxes.push(...parseSomeMailboxes(reencodeWords(value), maxMailboxes - mailboxes.length));
  return mailboxes.map(({ name, address }) => ({ name: decodeWords(name.slice(0, maxEncodedName)), address }));
}

/**
 * Encodes special characters, such as colons and commas, inside encoded words. In a display name they must be encoded (RFC 2047
 * §5 (3)).
 */
function reencodeWords(value: string): string {
  let text = "";
  let copied = 0;
  for (let start = value.indexOf("=?"); start >= 0; start = value.indexOf("=?", Math.max(start + 1, copied))) {
    wordStart.lastIndex = start;
    const from = start + (wordStart.exec(value)?.[0].length ?? 0);
    const end = value.indexOf("?", from);
    if (from === start || end < 0 || value.charAt(end + 1) !== "=") continue;
    const data = value.slice(from, end);
    if (/[^\t -~]/.test(data)) continue;
    const safe = data.replace(/[ \t]/g, "_").replace(/[^A-Za-z0-9!*+\-/=_]/g, (char) => `=${upperHex(char.charCodeAt(0))}`);
    text += `${value.slice(copied, from)}${safe}?=`;
    copied = end + 2;
  }
  return text + value.slice(copied);
}

const wordStart = /=\?[!->@-~]{1,60}\?q\?/iy;

/** The address in the form that SES accepts in a header, or `null`. */
function sesAddress(address: Address): Address | null {
  return sesAcceptsDomain(domainOf(address)) ? asciiAddress(address) : null;
}

/** Writes mailboxes as a structured value, as many as fit. */
export function mailboxListValue(mailboxes: readonly Mailbox[]): string {
  let value = "";
  for (const { name, address } of mailboxes) {
    const next = mailboxValue(safeText(name, maxDisplayName), address);
    if (value.length + next.length > maxListLength) break;
    value += value === "" ? next : `, ${next}`;
  }
  return value;
}

/** Returns the Reply-To field for answers: the Reply-To of the original, else all authors (RFC 5322 §3.6.2). */
export function replyToFields(mail: Mail): readonly NewField[] {
  const replyTo = writableMailboxesOf(mail, "Reply-To");
  const mailboxes = replyTo.length > 0 ? replyTo : writableMailboxesOf(mail, "From");
  const named = mailboxes.slice(0, maxReplyTo).map(({ name, address }) => ({ name: safeDisplayName(name), address }));
  return named.length > 0 ? [structured("Reply-To", mailboxListValue(named))] : [];
}

/** Returns the fields of the thread (RFC 5322 §3.6.4), and the original Message-ID, because SES replaces that of the forward. */
export function threadFields(mail: Mail): readonly NewField[] {
  const original = messageIdOf(mail);
  const thread = referencesValue(mail, original);
  return [
    ...idField("In-Reply-To", idsOf(mail, "In-Reply-To").slice(0, 1)),
    ...idField("References", thread === "" ? [] : [thread]),
    ...idField("X-Original-Message-ID", original === null ? [] : [original]),
  ];
}

function idField(name: string, found: readonly string[]): readonly NewField[] {
  return found.length > 0 ? [structured(name, found.join(" "))] : [];
}

/** Returns X-Original-From: the mailboxes in From, or the text of From if it contains no valid address. */
export function originalFromFields(mail: Mail): readonly NewField[] {
  const name = "X-Original-From";
  const mailboxes = writableMailboxesOf(mail, "From").slice(0, maxReplyTo);
  if (mailboxes.length > 0) return [structured(name, mailboxListValue(mailboxes))];
  const text = safeText(decodeWords(valuesOf(mail.block, "From").join(", ").slice(0, maxEncodedName)));
  return text === "" ? [] : [{ name, value: { kind: "text", text } }];
}

/** Returns the name of the author for the From field. It must not look like another address. */
export function authorName(mail: Mail): string {
  const [author] = readMailboxes(mail, "From");
  if (!author) return "Unknown sender";
  const name = safeDisplayName(author.name);
  if (name !== "") return name;
  return withoutAddressSigns(`${localPartOf(author.address)} at ${domainOf(author.address)}`);
}

/** A display name without addresses: `"ceo@bank.test" <eve@evil.test>` must not look like mail from the bank. */
function safeDisplayName(name: string): string {
  const visible = safeText(name.replace(formatCharacters, ""), 300);
  const words = visible.split(" ").filter((word) => !looksLikeAddress(word));
  return withoutAddressSigns(words.join(" "));
}

/** A sign of an address with something before it, then a dot with something behind it. */
function looksLikeAddress(word: string): boolean {
  const sign = word.slice(1).search(/[@＠﹫]/);
  return sign >= 0 && word.slice(sign + 2, -1).includes(".");
}

const formatCharacters = /(?![\u200c\u200d])\p{Cf}/gu; // except the joiners, which some scripts and emoji need

/** Removes the signs of an address, also in other widths (Unicode NFKC). */
function withoutAddressSigns(text: string): string {
  return safeText(text.replace(/[@＠﹫<>＜＞﹤﹥‹›〈〉⟨⟩]/gu, " "), maxDisplayName);
}
