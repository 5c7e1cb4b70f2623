// Recipient: one recipient of a notice, parsed once. Only an address of a served domain can be delivered to; every other
// one is refused by name. It does not say what shall be done for a served one; plan.ts does.

import { type Address, type Domain, domainOf, parseAddress } from "../mail/address.ts";

/** Why a recipient of the notice is not served. It is named in the audit mark. */
export type RefuseReason = "foreign-domain" | "invalid-address";

/** A recipient of the notice. `text` is the spelling of the notice, since what is refused may be no address. */
export type Recipient =
  | { readonly kind: "served"; readonly text: string; readonly address: Address }
  | { readonly kind: "refused"; readonly text: string; readonly reason: RefuseReason };

/** Parses the recipients of a notice, in its order. `domains`: those that we serve. */
export function parseRecipients(texts: readonly string[], domains: readonly Domain[]): readonly Recipient[] {
  return texts.map((text): Recipient => {
    const parsed = parseAddress(text);
    if (!parsed.ok) return { kind: "refused", text, reason: "invalid-address" };
    if (!domains.includes(domainOf(parsed.value))) return { kind: "refused", text, reason: "foreign-domain" };
    return { kind: "served", text, address: parsed.value };
  });
}

/** The addresses that are served, in order; one that is named twice stands twice. */
export function servedAddresses(recipients: readonly Recipient[]): readonly Address[] {
  return recipients.flatMap((recipient) => (recipient.kind === "served" ? [recipient.address] : []));
}
