// Look up: what a mail's own header raises, asked of the ports that know it: the outbound row of a bounce, the memory of
// earlier auto-replies, the names of attachments. With what was gathered before it is all that plan.ts decides on.

import { attachmentsIn } from "../mail/attachments.ts";
import { readDsn } from "../mail/dsn.ts";
import { isReadable, type Mail, openMail } from "../mail/mail.ts";
import type { Pause } from "../pause.ts";
import type { Facts } from "../plan/facts.ts";
import { leavesBySes } from "../plan/plan-forward.ts";
import { memoryKeys, servedAddresses } from "../plan/recipient.ts";
import { rememberedSenderOf } from "../rules/sender.ts";
import { type Bounce, isSesBounce, originalIds } from "../ses/bounce.ts";
import type { Notice } from "../ses/notice.ts";
import { decodeOutboundRow } from "../ses/outbound-row.ts";
import { sesMaxOctets } from "../ses/ses-limits.ts";
import type { Answers } from "./gather.ts";
import type { JourneyPorts, StoredMail } from "./ports.ts";

/** The head is enough but for a large SES bounce, whose report may stand behind it. */
export async function openForPlanning(stored: StoredMail): Promise<Mail> {
  const mail = openMail(stored.head, stored.size);
  return stored.size > stored.head.length && isSesBounce(mail) ? openMail(await stored.whole(), stored.size) : mail;
}

/** Asks, and puts the facts together. */
export async function lookUp(
  notice: Notice,
  { finals, recipients, rules, blocklist, loopKey }: Omit<Answers, "stored"> & Pick<Facts, "finals">,
  stored: StoredMail,
  mail: Mail,
  { ledger, outbound, domains, pause }: Pick<JourneyPorts, "ledger" | "outbound" | "domains" | "pause">,
): Promise<Facts> {
  const { mailId, receivedAt, sesVerdicts } = notice;
  const { reversePath } = notice.envelope;
  const served = servedAddresses(recipients);
  const bounce: Bounce = isSesBounce(mail)
    ? (decodeOutboundRow(await outbound.find(originalIds(mail, readDsn(mail)))) ?? "unknown")
    : "not-a-bounce";
  const mayReply = [...rules.values()].some(({ reply }) => reply !== null);
  const mailboxes = [...new Set(served.flatMap(memoryKeys))];
  const answered = reversePath && mayReply ? await ledger.recall(mailboxes, rememberedSenderOf(reversePath, mail)) : new Map();
  const attachments = leavesBySes(served, rules, domains) ? await attachmentsOf(mail, stored, pause) : [];
  const envelope = { reversePath, recipients };
  return { mailId, receivedAt, envelope, sesVerdicts, domains, mail, bounce, rules, blocklist, finals, answered, attachments, loopKey };
}

/** A large mail is read for its attachments only where their names decide something: above 40 MB SES takes none. */
async function attachmentsOf(mail: Mail, stored: StoredMail, pause: Pause): Promise<readonly string[]> {
  if (!isReadable(mail) || mail.size - mail.bodyStart > sesMaxOctets) return [];
  return attachmentsIn(mail, stored.size > mail.head.length ? stored.rest() : null, pause);
}
