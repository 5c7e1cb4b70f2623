// Other recipients: two receipt rules of SES may match one mail, store it under one name and announce it twice, each time
// for the recipients that its rule matched. The second notice then meets a mail that is closed, and those whom the first
// one did not name must still get it. So a closed mail says for whom it was closed, the blocked ones included; and each of
// the two leaves to the other what it may still need: an open row, and the object.
// SES Developer Guide, "Amazon SES email receiving concepts and use cases" (each rule that matches is carried out).

import { type Address, addressKey, type Domain, domainOf, parseAddress } from "./address.ts";
import type { Plan } from "./course.ts";
import { type EffectKey, keyOf } from "./effect.ts";
import { served } from "./gather.ts";
import { type Mail, mailboxesOf } from "./mail.ts";
import type { MailId, Notice } from "./notice.ts";
import type { BlockedMail } from "./settle.ts";
import { derivedId } from "./trace.ts";
import type { Final, Verdict } from "./verdict.ts";

/** The notice for those whom a closed mail did not reach, under a name of its own; `null` where it reached all. */
export function noticeForOthers(notice: Notice, finals: ReadonlyMap<EffectKey, Final>, domains: readonly Domain[]): Notice | null {
  const reached = new Set([...finals.keys()].flatMap(deliveredTo));
  const recipients = served(notice, domains).filter((address) => !reached.has(addressKey(address)));
  if (recipients.length === 0) return null;
  const mailId = `${notice.mailId}#${derivedId("others", ...recipients.map(addressKey).sort()).slice(0, 12)}` as MailId;
  return { ...notice, mailId, envelope: { ...notice.envelope, recipients } };
}

/**
 * Whether a mail's finals tell of recipients whom this notice does not name. Then another notice of it is under way, or was,
 * and may have more to do for them; to close the mail would tell it that all is done.
 */
export function tellsOfOthers(finals: ReadonlyMap<EffectKey, Final>, notice: Notice, domains: readonly Domain[]): boolean {
  const own = served(notice, domains).map((address) => `${address.toLowerCase()} `);
  return [...finals.keys()].some((key) => {
    const about = `${key.slice(key.indexOf(" ") + 1).toLowerCase()} `;
    return !own.some((address) => about.startsWith(address));
  });
}

/** What becomes of a mail that all recipients of this notice block: it is kept where another notice may still need it. */
export function sparing(
  blockedMail: BlockedMail,
  notice: Notice,
  mail: Mail,
  finals: ReadonlyMap<EffectKey, Final>,
  domains: readonly Domain[],
): BlockedMail {
  const own = new Set(served(notice, domains).map(addressKey));
  const others = mailboxesOf(mail, "To", "Cc").some(({ address }) => domains.includes(domainOf(address)) && !own.has(addressKey(address)));
  return others || tellsOfOthers(finals, notice, domains) ? "keep" : blockedMail;
}

function deliveredTo(key: EffectKey): readonly string[] {
  const [kind, ...rest] = key.split(" ");
  const parsed = parseAddress(rest.join(" "));
  return kind === "deliver" && parsed.ok ? [addressKey(parsed.value)] : [];
}

/** Finals for the recipients whom no delivery was tried for, so that the closed mail names them too. */
export function finalsWithoutDelivery(
  recipients: readonly Address[],
  plan: Plan,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
): readonly (readonly [EffectKey, Final])[] {
  const reason = plan.kind === "discard" ? "dropped" : "blocked";
  const tried = new Set([...verdicts.keys()].flatMap(deliveredTo));
  return recipients
    .filter((recipient) => !tried.has(addressKey(recipient)))
    .map((recipient) => [keyOf("deliver", recipient), { action: "skipped", reason }]);
}
