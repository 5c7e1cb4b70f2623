// Facts: what a mail's own header raises, asked of the ports that know it: the row of a bounce, the memory of earlier
// replies, the names of attachments. With what was gathered before it is all that plan.ts decides on.

import { addressKey } from "./address.ts";
import { attachmentsIn } from "./attachments.ts";
import { type Bounce, decodeOutbound, isSesBounce, originalIds } from "./bounce.ts";
import { correspondentOf } from "./correspondent.ts";
import { readDsn } from "./dsn.ts";
import { leavesBySes } from "./forward-decision.ts";
import { type Answers, type GatherPorts, served } from "./gather.ts";
import { isReadable, type Mail, openMail } from "./mail.ts";
import type { Notice } from "./notice.ts";
import type { Facts } from "./plan.ts";
import type { DirectoryRows, Outbound, StoredMail } from "./ports.ts";
import { decodeRules } from "./rule.ts";
import { sesMaxOctets } from "./ses-limit.ts";

/** Whom it asks. */
export type FactPorts = Pick<GatherPorts, "ledger" | "domains"> & Readonly<{ outbound: Outbound }>;

/** The head is enough but for a large SES bounce, whose report may stand behind it. */
export async function openForReading(stored: StoredMail): Promise<Mail> {
  const mail = openMail(stored.head, stored.size);
  return stored.size > stored.head.length && isSesBounce(mail) ? openMail(await stored.whole(), stored.size) : mail;
}

/** Asks what only a mail's header raises: the row of a bounce, the memory of earlier replies. */
export async function factsOf(
  notice: Notice,
  { finals, rows, loopKey }: Pick<Answers, "rows" | "loopKey"> & Pick<Facts, "finals">,
  stored: StoredMail,
  mail: Mail,
  way: FactPorts,
): Promise<Facts> {
  const bounce: Bounce = isSesBounce(mail)
    ? (decodeOutbound(await way.outbound.find(originalIds(mail, readDsn(mail)))) ?? "unknown")
    : "not-a-bounce";
  const sender = notice.envelope.reversePath;
  const mayReply = [...rows.rules.values()].some((row) => decodeRules(row).reply !== null);
  const answered =
    sender && mayReply ? await way.ledger.recall(served(notice, way.domains).map(addressKey), correspondentOf(sender, mail)) : new Map();
  const attachments = await attachmentsOf(notice, mail, stored, rows, way);
  return { ...notice, domains: way.domains, mail, bounce, rows, finals, answered, attachments, loopKey };
}

/** A large mail is read for its attachments only where their names decide something: SES refuses some, and 40 MB at all. */
async function attachmentsOf(
  notice: Notice,
  mail: Mail,
  stored: StoredMail,
  rows: DirectoryRows,
  { domains }: FactPorts,
): Promise<readonly string[]> {
  const isAsked = isReadable(mail) && leavesBySes(served(notice, domains), rows, domains);
  if (!isAsked || mail.size - mail.bodyStart > sesMaxOctets) return [];
  return attachmentsIn(mail, stored.size > mail.head.length ? stored.rest() : null);
}
