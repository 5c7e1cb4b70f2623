// Authentic: whether the reverse-path of a mail is known to belong to who sent it. A reply to a forged path goes to somebody who did
// not write; it must not carry the text of a stranger in our name. Part of plan-reply.ts; no I/O, no clock.

import { type Domain, domainOf } from "../mail/address.ts";
import { mailboxesOf } from "../mail/mail.ts";
import type { Facts } from "./facts.ts";

/**
 * Whether a reply may repeat the subject and the text of the mail: SPF says that the host may send for the reverse-path (RFC 7208
 * §2.6.3), or DMARC confirms From (RFC 7489 §3.1) and the domain of the reverse-path is that of From, or below it.
 */
export function isPathAuthentic({ mail, envelope, sesVerdicts }: Facts): boolean {
  const { spf, dmarc } = sesVerdicts;
  if (spf === "PASS") return true;
  const { reversePath } = envelope;
  if (dmarc !== "PASS" || !reversePath) return false;
  const writers = mailboxesOf(mail, "From");
  return writers.length > 0 && writers.every(({ address }) => isWithin(domainOf(reversePath), domainOf(address)));
}

/**
 * Whether a domain is another one, or below it. Relaxed alignment (RFC 7489 §3.1) compares the organizational domains, which need the
 * Public Suffix List; this is stricter. A domain above that of From may belong to somebody else, as that of a host of many sites does.
 */
function isWithin(domain: Domain, other: Domain): boolean {
  return domain === other || domain.endsWith(`.${other}`);
}
