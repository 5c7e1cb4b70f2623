// Authentic: whether the reverse-path of a mail is known to belong to who sent it. A reply to a forged path goes to somebody who did
// not write; it must not carry the text of a stranger in our name. Part of plan-reply.ts; no I/O, no clock.

import { type Domain, domainOf } from "../mail/address.ts";
import { mailboxesOf } from "../mail/mail.ts";
import type { Facts } from "./facts.ts";

/**
 * Whether a reply may repeat the subject and the text of the mail: SPF says that the host may send for the reverse-path (RFC 7208
 * §2.6.3), or DMARC confirms From (RFC 7489 §3.1) and the reverse-path has the same domain or one above or below it.
 */
export function isPathAuthentic({ mail, envelope, sesVerdicts }: Facts): boolean {
  const { spf, dmarc } = sesVerdicts;
  if (spf === "PASS") return true;
  const { reversePath } = envelope;
  if (dmarc !== "PASS" || !reversePath) return false;
  const writers = mailboxesOf(mail, "From");
  return writers.length > 0 && writers.every(({ address }) => areAligned(domainOf(address), domainOf(reversePath)));
}

/**
 * Whether two domains are equal, or one is below the other. Relaxed alignment (RFC 7489 §3.1) compares the organizational domains,
 * which need the Public Suffix List; this is stricter, and `a.example.com` and `b.example.com` are not aligned.
 */
function areAligned(a: Domain, b: Domain): boolean {
  return a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
}
