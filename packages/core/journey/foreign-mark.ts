// Foreign mark: the audit mark of an earlier program on a mail whose entry is still queued. At a cut-over with HONOUR_MARKS such
// a mail is acknowledged, so that the backlog of the earlier program is not delivered again. Whatever is in doubt is delivered:
// a second copy is better than none. It only decides; journey.ts notes and acknowledges.

import { addressKey, type Domain, domainOf } from "../mail/address.ts";
import { isReadable, type Mail, mailboxesOf } from "../mail/mail.ts";
import { type Recipient, servedAddresses } from "../plan/recipient.ts";
import type { EffectKey } from "../plan/types.ts";
import type { Final } from "../plan/verdict.ts";
import type { EpochMs } from "../time.ts";

/**
 * Whose marks count. "never": nobody's. "other-names": those whose `processed_by` is no name of ours. "all-names": also those
 * with a name of ours, for an earlier program that wrote `worker-<domain>` too; then the ledger alone tells the two apart.
 */
export type HonourMarks = "never" | "other-names" | "all-names";

/** The mark that is honoured, for the log. */
export type ForeignMark = Readonly<{ processedBy: string; status: "delivered" | "blocked" }>;

/** What a store keeps beside a mail (`StoredMail` in ports.ts). */
type Stored = Readonly<{ attributes: Readonly<Record<string, string>> }>;

/** What the decision needs of one mail. `lease`: what our own ledger knows of it. */
export type MarkedMail = Readonly<{
  stored: Stored;
  lease: Readonly<{ finals: ReadonlyMap<EffectKey, Final>; crashes: number; takenOver: boolean }>;
  mail: Mail;
  recipients: readonly Recipient[];
  receivedAt: EpochMs;
  domains: readonly Domain[];
}>;

/** The mark of an earlier program that ends this notice; `null` if the mail must be delivered. */
export function foreignMark(marked: MarkedMail, honour: HonourMarks): ForeignMark | null {
  const { stored, lease, domains } = marked;
  const [processedBy = "", status] = [textOf(stored, "processed_by"), textOf(stored, "status")];
  if (honour === "never" || textOf(stored, "processed") !== "true" || processedBy === "") return null;
  if (status !== "delivered" && status !== "blocked") return null; // of "partial" nobody knows who got the mail
  if (honour === "other-names" && domains.some((domain) => processedBy === `worker-${domain}`)) return null;
  const isOurs = lease.finals.size > 0 || lease.crashes > 0 || lease.takenOver;
  return isOurs || isOlder(marked) || mayConcernOthers(marked) ? null : { processedBy, status };
}

/** S3 keeps user metadata under `metadata:<name>`, the store of files under its name. */
function textOf({ attributes }: Stored, name: string): string | undefined {
  return attributes[`metadata:${name}`] ?? attributes[name];
}

/** Whether the mark was written before SES received this mail, or does not say when. */
function isOlder({ stored, receivedAt }: MarkedMail): boolean {
  const at = textOf(stored, "processed_at") ?? "";
  return !/^\d{1,12}$/.test(at) || Number(at) < Math.floor(receivedAt / 1000);
}

/**
 * Whether the mark may have been made for another notice of the mail: To or Cc names somebody whom we serve and whom this
 * notice does not name. A header that cannot be read may name anybody.
 */
function mayConcernOthers({ mail, recipients, domains }: MarkedMail): boolean {
  if (!isReadable(mail)) return true;
  const own = new Set(servedAddresses(recipients).map(addressKey));
  return mailboxesOf(mail, "To", "Cc").some(({ address }) => domains.includes(domainOf(address)) && !own.has(addressKey(address)));
}
