// Second notice: two receipt rules of SES may match one mail, store it under one name and announce it twice, each time for
// the recipients that its rule matched. The second notice then meets a mail that is closed, and those whom the first one did
// not name must still get it. So a closed mail says for whom it was closed, the blocked ones included; and each of the two
// leaves to the other what it may still need: an open row, and the object.
// SES Developer Guide, "Amazon SES email receiving concepts and use cases" (each rule that matches is carried out).

import { derivedId } from "../derived-id.ts";
import { type Address, type AddressKey, addressKey, domainOf } from "../mail/address.ts";
import { mailboxesOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import { type Recipient, servedAddresses } from "../plan/recipient.ts";
import { type EffectKey, keyOf, type Plan, parseEffectKey } from "../plan/types.ts";
import type { Final, Verdict } from "../plan/verdict.ts";
import type { MailId, Notice } from "../ses/notice.ts";
import type { Gathered } from "./gather.ts";
import type { BlockedMail } from "./settle.ts";

/** The notice for those whom a closed mail did not reach, under a mail id of its own; `null` where the mail is open or reached all. */
export function secondNotice(notice: Notice, gathered: Gathered): Notice | null {
  if (gathered.kind !== "closed") return null;
  const reached = deliveriesIn(gathered.finals);
  const recipients = servedAddresses(gathered.recipients).filter((address) => !reached.has(addressKey(address)));
  if (recipients.length === 0) return null;
  const mailId = `${notice.mailId}#${derivedId("others", ...recipients.map(addressKey).sort()).slice(0, 12)}` as MailId;
  return { ...notice, mailId, envelope: { ...notice.envelope, recipients } };
}

/**
 * Whether a mail's finals tell of recipients whom this notice does not name. Then another notice of it is under way, or was,
 * and may have more to do for them; to close the mail would tell it that all is done.
 */
export function tellsOfOthers(finals: ReadonlyMap<EffectKey, Final>, recipients: readonly Recipient[]): boolean {
  const own = new Set(servedAddresses(recipients).map(addressKey));
  return [...finals.keys()].some((key) => {
    const parsed = parseEffectKey(key);
    return parsed === null || !own.has(addressKey(parsed.recipient));
  });
}

/** What becomes of a mail that all recipients of this notice block: it is kept where another notice may still need it. */
export function blockedMailFor(
  { mail, domains, envelope: { recipients } }: Pick<Facts, "mail" | "domains" | "envelope">,
  finals: ReadonlyMap<EffectKey, Final>,
  chosen: BlockedMail,
): BlockedMail {
  const own = new Set(servedAddresses(recipients).map(addressKey));
  const others = mailboxesOf(mail, "To", "Cc").some(({ address }) => domains.includes(domainOf(address)) && !own.has(addressKey(address)));
  return others || tellsOfOthers(finals, recipients) ? "keep" : chosen;
}

/** Finals for the recipients whom no delivery was tried for, so that the closed mail names them too. */
export function finalsWithoutDelivery(
  recipients: readonly Address[],
  plan: Plan,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
): readonly (readonly [EffectKey, Final])[] {
  const reason = plan.kind === "discard" ? "dropped" : "blocked";
  const tried = deliveriesIn(verdicts);
  return recipients
    .filter((recipient) => !tried.has(addressKey(recipient)))
    .map((recipient) => [keyOf("deliver", recipient), { action: "skipped", reason }]);
}

/** The mailboxes that a delivery was tried for, or refused by rule. */
function deliveriesIn(ends: ReadonlyMap<EffectKey, unknown>): ReadonlySet<AddressKey> {
  const parsed = [...ends.keys()].map(parseEffectKey);
  return new Set(parsed.flatMap((key) => (key?.kind === "deliver" ? [addressKey(key.recipient)] : [])));
}
