// Route: how a forward or auto-reply leaves. A served domain is reached through the internal port of our own mail server, every
// other domain through Amazon SES.

import { type Address, asciiAddress, type Domain, domainOf } from "../mail/address.ts";
import { isSourceRoute } from "../mail/source-route.ts";
import { sesAcceptsDomain } from "../ses/ses-limits.ts";
import type { Forward, WithheldReason } from "./types.ts";

/** Internal for a served domain, and only for exactly that domain: `sub.example.com` is another one. */
export function routeTo(target: Address, domains: readonly Domain[]): Forward["route"] {
  return domains.includes(domainOf(target)) ? "internal" : "ses";
}

/**
 * The route to an address and its 7-bit spelling. A reason where no route takes it: its local part is not ASCII, SES does not
 * accept its domain, or our own mail server may read a route to another host in it and send the mail there.
 */
export function resolveTarget(
  target: Address,
  domains: readonly Domain[],
): Readonly<{ to: Address; route: Forward["route"] }> | Extract<WithheldReason, "address-unsupported" | "source-route"> {
  const route = routeTo(target, domains);
  const to = asciiAddress(target);
  if (to === null || (route === "ses" && !sesAcceptsDomain(domainOf(target)))) return "address-unsupported";
  return route === "internal" && isSourceRoute(target) ? "source-route" : { to, route };
}
