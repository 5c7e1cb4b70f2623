/// <reference path="./punycode.d.ts" />
// Address: an addr-spec in its wire spelling, made only by its parsers, compared by its key (RFC 5321 §4.1.2, §4.5.3.1,
// RFC 6531 §3.3). It does not check that a domain exists. Address lists of header fields are read by mailbox.ts, which is
// exported from here.

import { toASCII, toUnicode } from "punycode/punycode.es6.js";
import { err, ok, quote, type Result } from "../result.ts";

declare const addressBrand: unique symbol;
declare const addressKeyBrand: unique symbol;
declare const domainBrand: unique symbol;

/** A mailbox address `local@domain`, spelled as it arrived and safe to stand in an SMTP command. */
export type Address = string & { readonly [addressBrand]: true };
/** The one spelling under which equal addresses are equal: lower case, unquoted local part, domain as A-label. */
export type AddressKey = string & { readonly [addressKeyBrand]: true };
/** A domain name in lower case and A-label form, without a final dot. */
export type Domain = string & { readonly [domainBrand]: true };
/** Who gets the notices of failure; `null` is the null reverse-path `<>` (RFC 5321 §4.5.5). */
export type ReversePath = Address | null;

// The only limit of length that counts: what a command must be able to carry (RFC 5321 §4.5.3.1.3, less the brackets). The
// 64 octets of a local part are what every host must take, not what it may refuse, and SRS and VERP make longer ones.
const maxPath = 254;
const maxDomain = 255; // RFC 5321 §4.5.3.1.2
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// RFC 5322 §3.2.3 atext, and the non-ASCII of RFC 6531 §3.3. Dots may stand anywhere: some mailboxes have them so.
const dotAtom = /^[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f-\u009f]+$/;
const quotedLocal = /^"(?:[^"\\\u0000-\u001f\u007f-\u009f\u2028\u2029]|\\[\u0020-\u007e])*"$/;
const loneSurrogate = /[\ud800-\udfff]/u; // has no UTF-8 of its own, so another address would leave

/**
 * Parses an addr-spec, with or without its angle brackets and the obsolete source route, which is not followed (RFC 5321
 * §4.1.1.3). Refuses what could break out of an SMTP command.
 */
export function parseAddress(text: string): Result<Address> {
  const refuse = (rule: string) => err(`Cannot read an address: ${rule}, is ${quote(text)}`);
  const path = text.trim().replace(/^<(.*)>$/s, "$1");
  const bare = path.startsWith("@") ? path.replace(/^@[^\s":<>]*:/, "") : path;
  const at = bare.lastIndexOf("@");
  if (at < 1) return refuse("it needs a local part, an @ and a domain");
  if (utf8Length(bare) > maxPath) return refuse(`it may have ${maxPath} octets`);
  const local = bare.slice(0, at);
  const domain = bare.slice(at + 1);
  if ((!dotAtom.test(local) && !quotedLocal.test(local)) || loneSurrogate.test(bare))
    return refuse("its local part must be an atom or a quoted string");
  if (/\s/.test(domain) || !parseDomain(domain).ok) return refuse("its domain must be a host name or a literal");
  return ok(bare as Address);
}

/** Parses a domain: host name, U-label or address literal. */
export function parseDomain(text: string): Result<Domain> {
  const folded = text.trim().normalize("NFC").toLowerCase().replace(/\.$/, "");
  if (/^\[[0-9a-z.:]{1,60}\]$/.test(folded)) return ok(folded as Domain);
  const ascii = folded.length > maxDomain ? "" : toASCII(folded); // RFC 3492, RFC 5890 §2.3.2.1
  const good = ascii.length <= maxDomain && ascii.split(".").every((part) => label.test(part));
  if (good) return ok(ascii as Domain);
  return err(`Cannot read a domain: its labels must be letters, digits and hyphens, is ${quote(text)}`);
}

/** The null reverse-path has several spellings in notices: absent, empty, `<>`, `< >`. `undefined` where it is no path at all. */
export function parseReversePath(text: string | null | undefined): ReversePath | undefined {
  const bare = (text ?? "").trim();
  if (/^(?:<\s*>)?$/.test(bare)) return null;
  const parsed = parseAddress(bare);
  return parsed.ok ? parsed.value : undefined;
}

/** Whose domain it is, in the form that compares. */
export function domainOf(address: Address): Domain {
  const domain = parseDomain(address.slice(address.lastIndexOf("@") + 1));
  if (!domain.ok) throw new TypeError(domain.error); // an Address was parsed, so this is a bug
  return domain.value;
}

/** The local part without its quotes: they are no part of the value (RFC 5321 §4.1.2). */
export function localPartOf(address: Address): string {
  const local = address.slice(0, address.lastIndexOf("@"));
  return local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/g, "$1") : local;
}

/**
 * The spelling that compares. Local parts are case-sensitive by RFC 5321 §2.4; in practice, and in Dovecot, they are not.
 */
export function addressKey(address: Address): AddressKey {
  return `${localPartOf(address).normalize("NFC").toLowerCase()}@${domainOf(address)}` as AddressKey;
}

/** The key with its domain as people read it; the key itself where that is the same. */
export function unicodeKey(address: Address): string {
  const key = addressKey(address);
  try {
    return key.includes("xn--") ? `${key.slice(0, key.lastIndexOf("@"))}@${toUnicode(domainOf(address)).normalize("NFC")}` : key;
  } catch {
    return key; // RangeError: a label that only looks like an A-label
  }
}

/** The key without its `+tag`; the key itself where there is none (RFC 5233). */
export function withoutTag(key: AddressKey): AddressKey {
  const at = key.lastIndexOf("@");
  const plus = key.indexOf("+");
  return plus > 0 && plus < at ? (`${key.slice(0, plus)}${key.slice(at)}` as AddressKey) : key;
}

/**
 * The spelling for a header or for SES, which parse strictly and take 7-bit only: the domain as A-labels without a final dot,
 * the local part in quotes where its dots make it no dot-atom (RFC 5322 §3.4.1). `null` where the local part is not ASCII.
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

/** Whether two addresses are one. */
export function sameAddress(a: Address, b: Address): boolean {
  return addressKey(a) === addressKey(b);
}

/** Whether two addresses lead to one mailbox: equal, or equal without their tags (RFC 5233). */
export function sameMailbox(a: Address, b: Address): boolean {
  return withoutTag(addressKey(a)) === withoutTag(addressKey(b));
}

/** The table keys under which rows for an address stand, nearest first: itself, without its tag, the domain's catch-all. */
export function tableKeys(address: Address): readonly string[] {
  const key = addressKey(address);
  return [...new Set<string>([key, withoutTag(key), `*@${domainOf(address)}`])];
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
