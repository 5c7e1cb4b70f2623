// Route: which way generated mail leaves. A domain that we serve is reached through our own mail server's internal
// port, every other one through Amazon SES.

import { type Address, asciiAddress, type Domain, domainOf } from "../mail/address.ts";
import { sesAcceptsDomain } from "../ses/ses-limits.ts";
import type { Forward } from "./types.ts";

/** Internal for a served domain, and only for exactly that domain: `sub.example.com` is another one. */
export function routeTo(target: Address, domains: readonly Domain[]): Forward["route"] {
  return domains.includes(domainOf(target)) ? "internal" : "ses";
}

/**
 * How a mail of ours reaches an address, and its spelling there; `null` where nothing does: its local part is not ASCII, or
 * SES would have to take a domain that it takes for none.
 */
export function resolveTarget(target: Address, domains: readonly Domain[]): Readonly<{ to: Address; route: Forward["route"] }> | null {
  const route = routeTo(target, domains);
  const to = asciiAddress(target);
  return to === null || (route === "ses" && !sesAcceptsDomain(domainOf(target))) ? null : { to, route };
}
