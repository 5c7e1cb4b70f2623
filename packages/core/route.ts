// Route: which way generated mail leaves. A domain that we serve is reached through our own mail server's internal
// port, every other one through Amazon SES.

import { type Address, type Domain, domainOf } from "./address.ts";
import type { Forward } from "./effect.ts";

/** Internal for a served domain, and only for exactly that domain: `sub.example.com` is another one. */
export function routeTo(target: Address, domains: readonly Domain[]): Forward["route"] {
  return domains.includes(domainOf(target)) ? "internal" : "ses";
}
