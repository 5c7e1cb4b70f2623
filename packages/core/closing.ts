// Closing: what follows the second decision, in the order that loses nothing: the ledger, the closing line in the log, the
// rows of what left through SES, the trail beside the mail. Only the first can fail; the others are done as well as may be,
// and none takes the next one along when it fails. The caller acknowledges last.

import type { Plan } from "./course.ts";
import type { EffectKey } from "./effect.ts";
import type { Report } from "./execute.ts";
import { served } from "./gather.ts";
import { thrownEvent } from "./journal.ts";
import type { EpochMs, MailId, Notice } from "./notice.ts";
import { finalsWithoutDelivery, tellsOfOthers } from "./other-recipients.ts";
import type { Facts } from "./plan.ts";
import type { Lease, Ledger, Outbound, OutboundRow, StoredMail } from "./ports.ts";
import type { Settlement } from "./settle.ts";
import { leaveTrail, type TrailHands } from "./trail.ts";
import type { Final } from "./verdict.ts";

/** Whom closing asks. */
export type ClosingHands = TrailHands & Pick<Facts, "domains"> & Readonly<{ ledger: Ledger; outbound: Outbound }>;

/** All that is to be said of one attempt at a mail. */
export type Attempt = Readonly<{
  notice: Notice;
  stored: StoredMail;
  lease: Lease;
  receiveCount: number;
  startedAt: EpochMs;
  plan: Plan;
  report: Report;
  settlement: Settlement;
}>;

/** Ends an attempt. "fenced": the mail is another worker's, and nothing more may be said about it. */
export async function close(attempt: Attempt, hands: ClosingHands): Promise<"closed" | "fenced"> {
  const { notice, stored, report, settlement } = attempt;
  const { mailId } = notice;
  if (report.fenced || (await recordEnd(attempt, hands)) === "fenced") {
    hands.journal.note({ kind: "fenced", mailId });
    return "fenced";
  }
  noteMail(attempt, hands);
  for (const row of report.outbound) await noteOutbound(row, mailId, hands);
  if (settlement.kind === "close") await leaveTrail(notice, stored, settlement, hands);
  return "closed";
}

/** Records how it ended. Where that fails, what the last act did may be done again, and the log says so now. */
async function recordEnd(attempt: Attempt, { ledger, journal, domains }: ClosingHands): Promise<"recorded" | "fenced"> {
  const { notice, lease, report, settlement } = attempt;
  const isLast = settlement.kind === "close" && !tellsOfOthers(lease.finals, notice, domains);
  try {
    const finals = new Map([...report.unrecorded, ...unservedFinals(attempt, domains)]);
    return await ledger.record(lease, finals, isLast ? "close" : "release");
  } catch (error) {
    if (report.unrecorded.size > 0) journal.note({ kind: "unrecorded", mailId: lease.mailId, keys: [...report.unrecorded.keys()] });
    throw error;
  }
}

function unservedFinals(
  { notice, plan, report, settlement }: Attempt,
  domains: Facts["domains"],
): readonly (readonly [EffectKey, Final])[] {
  return settlement.kind === "close" ? finalsWithoutDelivery(served(notice, domains), plan, report.verdicts) : [];
}

function noteMail({ notice, receiveCount, startedAt, plan, report, settlement }: Attempt, { journal, clock }: ClosingHands): void {
  const { mailId, sesId, receivedAt, envelope } = notice;
  const from = envelope.reversePath ?? null;
  const { verdicts } = report;
  const seconds = (clock.now() - startedAt) / 1000;
  journal.note({ kind: "mail", mailId, sesId, from, receivedAt, receiveCount, plan, verdicts, settlement, seconds });
}

/** Best effort: without its row a bounce of ours is still known by the mark in it. */
async function noteOutbound(row: OutboundRow, mailId: MailId, { outbound, journal }: ClosingHands): Promise<void> {
  try {
    await outbound.note(row);
  } catch (error) {
    journal.note(thrownEvent(error, mailId));
  }
}
