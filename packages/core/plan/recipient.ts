// Recipient: one recipient of a notice, parsed once. Only an address of a served domain can be delivered to; every other
// one is refused by name. It does not say what shall be done for a served one; plan.ts does.

import { type Address, type AddressKey, addressKey, type Domain, domainOf, parseAddress, withoutTag } from "../mail/address.ts";
import { isSourceRoute } from "../mail/source-route.ts";

/** Why a recipient of the notice is not served. It is named in the audit mark. */
export type RefuseReason = "foreign-domain" | "invalid-address" | "source-route";

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

/**
 * Refuses the recipients whose local part names another host, such as `user%host`: a mail server that trusts the worker may
 * send their mail on to that host. A row of the rules table under exactly this address says that the mailbox exists. The row
 * of the address without its tag does not, because the tag may hold the route.
 */
export function refuseSourceRoutes(recipients: readonly Recipient[], rules: ReadonlyMap<string, unknown>): readonly Recipient[] {
  return recipients.map((recipient) =>
    recipient.kind === "served" && isSourceRoute(recipient.address) && !rules.has(addressKey(recipient.address))
      ? { kind: "refused", text: recipient.text, reason: "source-route" }
      : recipient,
  );
}

/** The addresses that are served, in order; one that is named twice stands twice. */
export function servedAddresses(recipients: readonly Recipient[]): readonly Address[] {
  return recipients.flatMap((recipient) => (recipient.kind === "served" ? [recipient.address] : []));
}

/** Under which keys a recipient is in the reply memory: its mailbox and, in rows of earlier versions, the address with its tag. */
export function memoryKeys(recipient: Address): readonly AddressKey[] {
  const key = addressKey(recipient);
  return [...new Set([key, withoutTag(key)])];
}
