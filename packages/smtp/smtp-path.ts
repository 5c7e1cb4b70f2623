// SMTP path: an address as MAIL and RCPT contain it (RFC 5321 §4.1.2), or why it cannot be one. An address that could end
// the command or start another one is refused here, before it reaches a socket. The type Address alone is not trusted.

import { type Address, addressKey, domainOf, parseAddress, quote, type ReversePath } from "@sesame/core";

// An atom with dots, and a domain in its normal form without a hyphen beside another one. Most addresses are like this: they
// are their own path.
const plain = /^[\w!#$%&'*+/=?^`{|}~.-]+@[a-z0-9]+(?:[.-][a-z0-9]+)*$/;
const longestPlain = 254; // octets of a path (RFC 5321 §4.5.3.1.3)
const shortDomain = 63; // octets: no label in it can be too long

/** `key`: equal for equal recipients. `needsUtf8`: may be sent only to a server with SMTPUTF8 (RFC 6531 §3.2). */
export type Path =
  | { readonly kind: "path"; readonly path: string; readonly key: string; readonly needsUtf8: boolean }
  | { readonly kind: "invalid"; readonly detail: string };

/** The path of a recipient: local part unchanged, domain as A-label (RFC 5890 §2.3.2.1). */
export function pathOf(address: Address): Path {
  return isPlain(address) ? { kind: "path", path: address, key: address.toLowerCase(), needsUtf8: false } : unusualPathOf(address);
}

function isPlain(address: Address): boolean {
  const domainLength = address.length - address.lastIndexOf("@") - 1;
  return address.length <= longestPlain && domainLength <= shortDomain && plain.test(address);
}

function unusualPathOf(address: Address): Path {
  const invalid = (rule: string): Path => ({
    kind: "invalid",
    detail: `Cannot put an address in an SMTP command: ${rule}, is ${quote(address)}`,
  });
  if (/[<>\p{Cc}]/u.test(address)) return invalid("it must contain no angle bracket and no control character");
  const parsed = parseAddress(address);
  if (!parsed.ok || parsed.value !== address) return invalid("it must be a local part, an @ and a domain");
  const local = address.slice(0, address.lastIndexOf("@"));
  const path = `${local}@${domainOf(address)}`;
  return { kind: "path", path, key: addressKey(address), needsUtf8: /[^\p{ASCII}]/u.test(local) };
}

/** The reverse-path. The null reverse-path is the empty path (RFC 5321 §4.5.5). */
export function reversePathOf(from: ReversePath): Path {
  return from === null ? { kind: "path", path: "", key: "", needsUtf8: false } : pathOf(from);
}
