// Source route: a local part that names another host, in a form that some mail servers still follow: `user%host`, `host!user`,
// `"user@host"`. A server that accepts mail for the domain and trusts the worker then sends the mail on to that host. Only the
// host of the domain may give a local part a meaning (RFC 5321 §2.3.11). Routes of the form `@a,@b:user@host` are removed by
// `parseAddress` (RFC 5321 §3.6.1, Appendix C).

import { type Address, localPartOf } from "./address.ts";

/** Whether the local part may be read as a route to another host. Quotes do not matter: servers remove them before they look. */
export function isSourceRoute(address: Address): boolean {
  return /[%!@]/.test(localPartOf(address));
}
