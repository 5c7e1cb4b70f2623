/// <reference path="./punycode.d.ts" />
// Address: an addr-spec in its wire spelling, made only by its parsers, compared by its key (RFC 5321 §4.1.2, §4.5.3.1;
// RFC 5322 §3.4). Reads address lists of header fields forgivingly: groups, comments, quoted strings, bare garbage.
// It does not check that a domain exists, and it does not decode encoded words (encoded-word.ts does).

import { toASCII } from "punycode/punycode.es6.js";
import { err, ok, quote, type Result } from "./result.ts";

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

/** One mailbox of a header field: its address and the undecoded display name. */
export type Mailbox = Readonly<{ name: string; address: Address }>;

const maxPath = 254; // RFC 5321 §4.5.3.1.3: a path is at most 256 octets, with its angle brackets
const maxDomain = 255; // RFC 5321 §4.5.3.1.2
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// RFC 5322 §3.2.3 atext, and the non-ASCII of RFC 6531 §3.3
const dotAtom = /^[^\s"(),.:;<>@[\\\]\u0000-\u001f\u007f-\u009f]+(?:\.+[^\s"(),.:;<>@[\\\]\u0000-\u001f\u007f-\u009f]+)*\.?$/;
const quotedLocal = /^"(?:[^"\\\u0000-\u001f\u007f]|\\[\u0020-\u007e])*"$/;

/** Parses an addr-spec, with or without its angle brackets. Refuses what could break out of an SMTP command. */
export function parseAddress(text: string): Result<Address> {
  const refuse = (rule: string) => err(`Cannot read an address as ${rule}: current value is ${quote(text)}`);
  const bare = text.trim().replace(/^<(.*)>$/s, "$1");
  const at = bare.lastIndexOf("@");
  if (at < 1) return refuse("it needs a local part, an @ and a domain");
  const local = bare.slice(0, at);
  if (!dotAtom.test(local) && !quotedLocal.test(local)) return refuse("its local part must be an atom or a quoted string");
  if (utf8Length(bare) > maxPath) return refuse(`it may have ${maxPath} octets`);
  if (!parseDomain(bare.slice(at + 1)).ok) return refuse("its domain must be a host name or a literal");
  return ok(bare as Address);
}

/** Parses a domain: host name, U-label or address literal. */
export function parseDomain(text: string): Result<Domain> {
  const folded = text.trim().normalize("NFC").toLowerCase().replace(/\.$/, "");
  if (/^\[[0-9a-z.:]+\]$/.test(folded)) return ok(folded as Domain);
  const ascii = toASCII(folded); // RFC 3492, RFC 5890 §2.3.2.1
  const good = ascii.length <= maxDomain && ascii.split(".").every((part) => label.test(part));
  if (good) return ok(ascii as Domain);
  return err(`Cannot read a domain as its labels must be letters, digits and hyphens: current value is ${quote(text)}`);
}

/** The null reverse-path has several spellings in notices: absent, empty, `<>`. `undefined` where it is no path at all. */
export function parseReversePath(text: string | null | undefined): ReversePath | undefined {
  const bare = (text ?? "").trim();
  if (bare === "" || bare === "<>") return null;
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

/** The key without its `+tag`; the key itself where there is none (RFC 5233). */
export function withoutTag(key: AddressKey): AddressKey {
  const at = key.lastIndexOf("@");
  const plus = key.indexOf("+");
  return plus > 0 && plus < at ? (`${key.slice(0, plus)}${key.slice(at)}` as AddressKey) : key;
}

/** The spelling for a header or for SES, which take 7-bit only: the domain as A-labels. `null` where the local part is not ASCII. */
export function asciiAddress(address: Address): Address | null {
  const local = address.slice(0, address.lastIndexOf("@"));
  return /^[ -~]+$/.test(local) ? (`${local}@${isAscii(address) ? address.slice(local.length + 1) : domainOf(address)}` as Address) : null;
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

/** Every mailbox of an address field's value, groups flattened; what cannot be read is left out (RFC 5322 §3.4). */
export function parseMailboxes(value: string): readonly Mailbox[] {
  const found: Mailbox[] = [];
  for (const words of splitMailboxes(value)) {
    const parsed = parseAddress(words.angle ?? words.bare);
    if (parsed.ok) found.push({ name: words.angle === null ? words.comment : words.bare, address: parsed.value });
  }
  return found;
}

type MailboxWords = { bare: string; angle: string | null; comment: string };

/** Splits an address list at its top-level commas, semicolons and group names, in one pass over the text. */
function splitMailboxes(value: string): MailboxWords[] {
  const list: MailboxWords[] = [];
  let current: MailboxWords = { bare: "", angle: null, comment: "" };
  const flush = () => {
    if (current.bare.trim() !== "" || current.angle !== null) list.push(tidy(current));
    current = { bare: "", angle: null, comment: "" };
  };
  let at = 0;
  while (at < value.length) {
    const char = value.charAt(at);
    const end = endOfToken(value, at);
    const token = value.slice(at, end);
    at = end;
    if (char === "(") current.comment += token.slice(1, token.endsWith(")") ? -1 : undefined);
    else if (char === "<") current.angle ??= stripRoute(token.slice(1, token.endsWith(">") ? -1 : undefined));
    else if (char === "," || char === ";") flush();
    else if (char === ":")
      current = { bare: "", angle: null, comment: "" }; // what stood before it names a group
    else current.bare += token;
  }
  flush();
  return list;
}

function tidy(words: MailboxWords): MailboxWords {
  const bare = words.bare.trim();
  // In a display name quotes are delimiters; in an address they belong to the local part.
  const name =
    words.angle === null
      ? bare.replace(/\s+/g, "")
      : bare.replace(/"((?:[^"\\]|\\.)*)"/gs, (_, inner: string) => inner.replace(/\\(.)/gs, "$1"));
  return { bare: words.angle === null && bare.startsWith('"') ? bare : name, angle: words.angle, comment: words.comment.trim() };
}

/** Where the token that starts at `at` ends: a comment, quoted string or angle address as a whole, else one character. */
function endOfToken(value: string, at: number): number {
  const char = value.charAt(at);
  if (char === "(") return endOfComment(value, at);
  if (char !== '"' && char !== "<") return at + 1;
  const close = char === "<" ? ">" : '"';
  let inQuotes = char === '"';
  for (let i = at + 1; i < value.length; i++) {
    const next = value.charAt(i);
    if (next === "\\" && inQuotes) i++;
    else if (next === close && (close === '"' || !inQuotes)) return i + 1;
    else if (next === '"' && close === ">") inQuotes = !inQuotes;
  }
  return value.length;
}

function endOfComment(value: string, at: number): number {
  let depth = 0;
  for (let i = at; i < value.length; i++) {
    const char = value.charAt(i);
    if (char === "\\") i++;
    else if (char === "(") depth++;
    else if (char === ")" && --depth === 0) return i + 1;
  }
  return value.length;
}

/** Drops an obsolete source route `@a,@b:` (RFC 5321 appendix C). */
function stripRoute(angle: string): string {
  return angle.trim().replace(/^@[^:]*:/, "");
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
