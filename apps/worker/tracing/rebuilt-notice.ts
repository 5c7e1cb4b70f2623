// Rebuilt notice: the notice of a stored mail whose own notice is lost, as SES would send it. The stored mail tells its envelope only
// in part: SES writes one recipient into the topmost Received field, and there may have been others. Nothing is made up: a verdict
// that does not stand in the mail is left out.

import { type Address, addressKey, type Domain, domainOf, type EpochMs, openMail, type StoredMail } from "@sesame/core";
import { isReadable, mailboxesOf } from "@sesame/core/mail";
import { type SesStamp, sesStamp } from "@sesame/core/ses";
import { receivedNotification } from "../local/ses-notice.ts";

/**
 * The notice of a mail. "certain": no field names another recipient of ours. "doubtful": To or Cc name more of ours, or the header
 * cannot be read. "no-recipient": nobody of ours is named. "no-mail-of-ses": SES did not store this object under this key.
 */
export type RebuiltNotice =
  | Readonly<{ kind: "certain" | "doubtful"; domain: Domain; recipients: readonly Address[]; stamp: SesStamp }>
  | Readonly<{ kind: "no-recipient" | "no-mail-of-ses" }>;

/** Reads who shall get a mail. `domains`: those whose mail is stored in this place. */
export function rebuildNotice(stored: StoredMail, domains: readonly Domain[]): RebuiltNotice {
  const mail = openMail(stored.head, stored.size);
  const stamp = sesStamp(mail);
  if (stamp === null || stored.location.key.split("/").at(-1) !== stamp.id) return { kind: "no-mail-of-ses" };
  const isOurs = (address: Address) => domains.includes(domainOf(address));
  const written = stamp.recipient !== null && isOurs(stamp.recipient) ? [stamp.recipient] : [];
  const named = mailboxesOf(mail, "To", "Cc")
    .map(({ address }) => address)
    .filter(isOurs);
  const recipients = [...new Map([...written, ...named].map((address) => [addressKey(address), address])).values()];
  const [first] = recipients;
  if (first === undefined) return { kind: "no-recipient" };
  const certain = written.length === 1 && recipients.length === 1 && isReadable(mail);
  return { kind: certain ? "certain" : "doubtful", domain: domainOf(first), recipients, stamp };
}

/** The text of the notice. `storedAt`: the time of the mail if its header does not tell it. */
export function noticeText(
  { location, head }: StoredMail,
  { stamp, recipients }: Extract<RebuiltNotice, { readonly stamp: SesStamp }>,
  storedAt: EpochMs,
): string {
  const { id, reversePath, receivedAt, verdicts } = stamp;
  const mail = { sesId: id, location, source: reversePath ?? "", recipients, head, receivedAt: receivedAt ?? storedAt };
  const notification = receivedNotification(mail, (check) => (verdicts[check] === "none" ? null : verdicts[check])) as Notification;
  const { dmarcPolicy } = verdicts;
  return JSON.stringify(dmarcPolicy === null ? notification : { ...notification, receipt: { ...notification.receipt, dmarcPolicy } });
}

type Notification = Readonly<{ receipt: Readonly<Record<string, unknown>> }>;
