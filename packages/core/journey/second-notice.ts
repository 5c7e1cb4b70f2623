// Second notice: two receipt rules of SES may match one mail, store it under one name and announce it twice, each time for
// the recipients that its rule matched. All notices share the mail's row in the ledger. A notice that meets a closed mail opens it again
// for those whom it was not closed for; so a closed mail says for whom it was closed, the blocked ones included.
// SES Developer Guide, "Amazon SES email receiving concepts and use cases" (each rule that matches is carried out).

import { derivedId } from "../derived-id.ts";
import { type Address, type AddressKey, addressKey, domainOf } from "../mail/address.ts";
import { mailboxesOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import { type Recipient, servedAddresses } from "../plan/recipient.ts";
import { type EffectKey, keyOf, type Plan, parseEffectKey } from "../plan/types.ts";
import type { Final, Verdict } from "../plan/verdict.ts";
import type { MailId } from "../ses/notice.ts";
import type { BlockedMail } from "./settle.ts";

/** The served recipients of a notice for whom nothing has ended yet: no delivery, and no refusal by rule. */
export function unreached(recipients: readonly Recipient[], finals: ReadonlyMap<EffectKey, Final>): readonly Address[] {
  const reached = deliveriesIn(finals);
  return servedAddresses(recipients).filter((address) => !reached.has(addressKey(address)));
}

/** The id under which earlier versions kept the work for such recipients, in a row of its own. */
export function formerNoticeId(mailId: MailId, recipients: readonly Address[]): MailId {
  return `${mailId}#${derivedId("others", ...recipients.map(addressKey).sort()).slice(0, 12)}` as MailId;
}

/**
 * What becomes of a mail that all recipients block: it is kept where its header names somebody here whom no notice named. A
 * notice for them may be lost, and the object is then all that is left.
 */
export function blockedMailFor(
  { mail, domains, envelope: { recipients } }: Pick<Facts, "mail" | "domains" | "envelope">,
  finals: ReadonlyMap<EffectKey, Final>,
  chosen: BlockedMail,
): BlockedMail {
  const named = new Set([...servedAddresses(recipients).map(addressKey), ...deliveriesIn(finals)]);
  const others = mailboxesOf(mail, "To", "Cc").some(
    ({ address }) => domains.includes(domainOf(address)) && !named.has(addressKey(address)),
  );
  return others ? "keep" : chosen;
}

/** Whether all served recipients of a notice block the mail, and there is one. */
export function areBlocked(recipients: readonly Recipient[], finals: ReadonlyMap<EffectKey, Final>): boolean {
  const served = servedAddresses(recipients);
  const blocked = (address: Address) => {
    const final = finals.get(keyOf("deliver", address));
    return final?.action === "skipped" && final.reason === "blocked";
  };
  return served.length > 0 && served.every(blocked);
}

/** Finals for the recipients whom no delivery was tried for, so that the closed mail names them too. */
export function finalsWithoutDelivery(
  recipients: readonly Address[],
  plan: Plan,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
): readonly (readonly [EffectKey, Final])[] {
  const tried = deliveriesIn(verdicts);
  return recipients
    .filter((recipient) => !tried.has(addressKey(recipient)))
    .map((recipient) => [keyOf("deliver", recipient), refusalOf(recipient, plan)]);
}

function refusalOf(recipient: Address, plan: Plan): Final {
  if (plan.kind === "discard") return { action: "skipped", reason: "dropped" };
  const block = plan.courses.find((course) => course.kind === "block" && addressKey(course.recipient) === addressKey(recipient));
  return { action: "skipped", reason: "blocked", ...(block?.kind === "block" && { detail: block.matched }) };
}

/** The mailboxes that a delivery was tried for, or refused by rule. */
function deliveriesIn(ends: ReadonlyMap<EffectKey, unknown>): ReadonlySet<AddressKey> {
  const parsed = [...ends.keys()].map(parseEffectKey);
  return new Set(parsed.flatMap((key) => (key?.kind === "deliver" ? [addressKey(key.recipient)] : [])));
}
