// Path: an address as it stands in MAIL and RCPT (RFC 5321 §4.1.2), or why it cannot. Whatever could end the command or
// start another one is refused here, before a socket sees it; that the type says Address is not trusted.

import { type Address, domainOf, parseAddress, quote, type ReversePath } from "@sesame/core";

/** `needsUtf8`: this path may be sent only where SMTPUTF8 is offered (RFC 6531 §3.2). */
export type Path =
  | { readonly kind: "path"; readonly path: string; readonly needsUtf8: boolean }
  | { readonly kind: "unfit"; readonly detail: string };

/** The path of a recipient: local part as spelled, domain as A-label (RFC 5890 §2.3.2.1). */
export function pathOf(address: Address): Path {
  const unfit = (rule: string): Path => ({
    kind: "unfit",
    detail: `Cannot put an address in a command as ${rule}: current value is ${quote(address)}`,
  });
  if (/[<>\p{Cc}]/u.test(address)) return unfit("it may hold no angle bracket and no control character");
  const parsed = parseAddress(address);
  if (!parsed.ok || parsed.value !== address) return unfit("it must be a local part, an @ and a domain");
  const local = address.slice(0, address.lastIndexOf("@"));
  return { kind: "path", path: `${local}@${domainOf(address)}`, needsUtf8: /[^\p{ASCII}]/u.test(local) };
}

/** The reverse-path; the null one is the empty path (RFC 5321 §4.5.5). */
export function reversePathOf(from: ReversePath): Path {
  return from === null ? { kind: "path", path: "", needsUtf8: false } : pathOf(from);
}
