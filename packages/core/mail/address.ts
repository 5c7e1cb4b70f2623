/// <reference path="./punycode.d.ts" />
// Address: an addr-spec in the spelling of the wire (RFC 5321 §4.1.2, §4.5.3.1, RFC 6531 §3.3). Only the parsers here make an
// address, a domain or a reverse-path. Addresses are compared by their key. This file does not check that a domain exists.
// mailbox.ts reads the address lists of header fields.

import { toASCII, toUnicode } from "punycode/punycode.es6.js";
import { utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import { unquote } from "./token.ts";

declare const addressBrand: unique symbol;
declare const addressKeyBrand: unique symbol;
declare const domainBrand: unique symbol;

/** A mailbox address `local@domain` as it arrived. It is safe to put in an SMTP command. */
export type Address = string & { readonly [addressBrand]: true };
/** The normal form of an address: lower case, local part without quotes, domain as A-labels. Equal addresses have equal keys. */
export type AddressKey = string & { readonly [addressKeyBrand]: true };
/** A domain name in lower case, as A-labels, without a final dot; or an address literal. */
export type Domain = string & { readonly [domainBrand]: true };
/** The address to which delivery failures are reported. `null` is the null reverse-path `<>` (RFC 5321 §4.5.5). */
export type ReversePath = Address | null;

// The length limit of a path (RFC 5321 §4.5.3.1.3, without the angle brackets). The 64 octets of §4.5.3.1.1 are what every host
// must accept, not a maximum: SRS and VERP make longer local parts.
const maxPath = 254;
const maxDomain = 255; // RFC 5321 §4.5.3.1.2
const normalDomain = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
/** Most addresses: lower case, no quotes, a domain in its normal form. Such an address is its own key, and is parsed at one look. */
const plainAddress = /^[a-z0-9.+_=-]+@[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
// RFC 5322 §3.2.3 atext and the non-ASCII characters of RFC 6531 §3.3. Dots are allowed anywhere, because some existing mailboxes
// have them at the ends or in a row.
const dotAtom = /^[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f-\u009f]+$/;
const quotedLocal = /^"(?:[^"\\\u0000-\u001f\u007f-\u009f\u2028\u2029]|\\[\u0020-\u007e])*"$/;
const loneSurrogate = /[\ud800-\udfff]/u; // has no UTF-8 form: U+FFFD would replace it, and the mail would go to another address

/**
 * Parses an addr-spec, with or without angle brackets. An obsolete source route is removed and not followed (RFC 5321 §4.1.1.3).
 * Characters that could end an SMTP command are an error.
 */
export function parseAddress(text: string): Result<Address> {
  const read = readAddress(text);
  return read.kind === "address" ? ok(read.address) : err(`Cannot read an address: ${read.rule}, is ${quote(text)}`);
}

/** The same without an error text, which costs more than the rest: a hostile list has a hundred thousand items. */
export function addressOf(text: string): Address | null {
  const read = readAddress(text);
  return read.kind === "address" ? read.address : null;
}

type ReadAddress = { readonly kind: "address"; readonly address: Address } | { readonly kind: "refused"; readonly rule: string };

function readAddress(text: string): ReadAddress {
  if (text.length <= maxPath && plainAddress.test(text)) return { kind: "address", address: text as Address };
  const refuse = (rule: string) => ({ kind: "refused", rule }) as const;
  const path = withoutBrackets(text.trim());
  const bare = path.startsWith("@") ? path.replace(/^@[^\s":<>]*:/, "") : path;
  const at = bare.lastIndexOf("@");
  if (at < 1) return refuse("must have a local part, an @ and a domain");
  if (bare.length > maxPath || utf8(bare).length > maxPath) return refuse(`must have at most ${maxPath} octets`);
  const local = bare.slice(0, at);
  const domain = bare.slice(at + 1);
  if ((!dotAtom.test(local) && !quotedLocal.test(local)) || loneSurrogate.test(bare))
    return refuse("its local part must be an atom or a quoted string");
  if (/\s/.test(domain) || domainIn(domain) === null) return refuse("its domain must be a host name or a literal");
  return { kind: "address", address: bare as Address };
}

function withoutBrackets(text: string): string {
  return text.length > 1 && text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text;
}

/** Parses a domain: a host name, also with U-labels, or an address literal. An error if a label is not valid. */
export function parseDomain(text: string): Result<Domain> {
  const domain = domainIn(text);
  if (domain !== null) return ok(domain);
  return err(`Cannot read a domain: its labels must be letters, digits and hyphens, is ${quote(text)}`);
}

function domainIn(text: string): Domain | null {
  if (isNormalDomain(text)) return text as Domain; // as most are
  const folded = text.trim().normalize("NFC").toLowerCase().replace(/\.$/, "");
  if (/^\[[0-9a-z.:]{1,60}\]$/.test(folded)) return folded as Domain;
  if (folded.length > maxDomain || /[\s\p{Cc}]/u.test(folded)) return null; // no U-label has them, and Punycode would hide them
  const ascii = toASCII(folded); // RFC 3492, RFC 5890 §2.3.2.1
  return isNormalDomain(ascii) ? (ascii as Domain) : null;
}

function isNormalDomain(text: string): boolean {
  return text.length <= maxDomain && normalDomain.test(text);
}

/**
 * Parses a reverse-path. Notices write the null path in several ways: absent, empty, `<>`, `< >`. Returns `undefined` if the text
 * is no path.
 */
export function parseReversePath(text: string | null | undefined): ReversePath | undefined {
  const bare = (text ?? "").trim();
  if (/^(?:<\s*>)?$/.test(bare)) return null;
  const parsed = parseAddress(bare);
  return parsed.ok ? parsed.value : undefined;
}

/** Returns the domain of an address in its normal form. */
export function domainOf(address: Address): Domain {
  const domain = parseDomain(address.slice(address.lastIndexOf("@") + 1));
  if (!domain.ok) throw new TypeError(domain.error); // a bug: `parseAddress` has checked the domain
  return domain.value;
}

/** Returns the local part without quotes, which are not part of its value (RFC 5321 §4.1.2). */
export function localPartOf(address: Address): string {
  const local = address.slice(0, address.lastIndexOf("@"));
  return local.startsWith('"') ? unquote(local) : local;
}

/**
 * Returns the form in which addresses are compared. RFC 5321 §2.4 says that local parts are case-sensitive. In practice, and in
 * Dovecot, they are not.
 */
export function addressKey(address: Address): AddressKey {
  if (plainAddress.test(address)) return address as string as AddressKey;
  return `${localPartOf(address).normalize("NFC").toLowerCase()}@${domainOf(address)}` as AddressKey;
}

/** Returns the key with its domain as U-labels (RFC 5890 §2.3.2.1), or the key itself if the domain has none. */
export function unicodeKey(address: Address): string {
  const key = addressKey(address);
  try {
    return key.includes("xn--") ? `${key.slice(0, key.lastIndexOf("@"))}@${toUnicode(domainOf(address)).normalize("NFC")}` : key;
  } catch {
    return key; // RangeError: the label starts with `xn--` and is not a valid A-label
  }
}

/** Returns the key without its `+tag` (RFC 5233), or the key itself if it has none. */
export function withoutTag(key: AddressKey): AddressKey {
  const at = key.lastIndexOf("@");
  const plus = key.indexOf("+");
  return plus > 0 && plus < at ? (`${key.slice(0, plus)}${key.slice(at)}` as AddressKey) : key;
}

/**
 * Returns the address in the strict 7-bit form that header fields and SES need: the domain as A-labels without a final dot, the
 * local part in quotes if its dots are not those of a dot-atom (RFC 5322 §3.4.1). Returns `null` if the local part is not ASCII.
 */
export function asciiAddress(address: Address): Address | null {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1).replace(/\.$/, "")];
  if (!isAscii(local)) return null;
  const isDotAtom = local.startsWith('"') || !/^\.|\.\.|\.$/.test(local);
  return `${isDotAtom ? local : `"${local}"`}@${isAscii(domain) ? domain : domainOf(address)}` as Address;
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** Whether two addresses are equal. */
export function sameAddress(a: Address, b: Address): boolean {
  return addressKey(a) === addressKey(b);
}

/** Whether two addresses belong to one mailbox: they are equal, or equal without their tags (RFC 5233). */
export function sameMailbox(a: Address, b: Address): boolean {
  return withoutTag(addressKey(a)) === withoutTag(addressKey(b));
}

/**
 * Returns the table keys of the rows for an address, the nearest first: the address, the address without its tag, the catch-all
 * of the domain.
 */
export function tableKeys(address: Address): readonly string[] {
  const key = addressKey(address);
  const keys: string[] = [key];
  for (const other of [withoutTag(key), `*${key.slice(key.lastIndexOf("@"))}`]) if (!keys.includes(other)) keys.push(other);
  return keys;
}
