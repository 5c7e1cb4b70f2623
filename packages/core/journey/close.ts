// Close: what follows the second decision, in the order that loses nothing: the ledger, the closing line in the log, the
// rows of what left through SES, the audit mark. Only the ledger can fail the mail; each of the others is tried, and a
// failure of one does not stop the next. The caller acknowledges last.

import { type Recipient, servedAddresses } from "../plan/recipient.ts";
import type { EffectKey, Plan } from "../plan/types.ts";
import type { Final } from "../plan/verdict.ts";
import type { Bounce } from "../ses/bounce.ts";
import type { MailId, Notice } from "../ses/notice.ts";
import type { OutboundRow } from "../ses/outbound-row.ts";
import type { EpochMs } from "../time.ts";
import { writeAuditMark } from "./audit-trail.ts";
import type { Report } from "./effect-run.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, Lease, Recorded, StoredMail } from "./ports.ts";
import { eraseDelayMs } from "./retry-delay.ts";
import { finalsWithoutDelivery } from "./second-notice.ts";
import type { Settlement } from "./settle.ts";

type ClosePorts = Pick<JourneyPorts, "ledger" | "outbound" | "store" | "clock" | "journal" | "worker" | "auditMarks" | "onRecorded">;

/** One attempt at a mail, from its notice to the second decision. */
export type Attempt = Readonly<{
  notice: Notice;
  recipients: readonly Recipient[];
  stored: StoredMail;
  lease: Lease;
  receiveCount: number;
  startedAt: EpochMs;
  plan: Plan;
  report: Report;
  settlement: Settlement;
  bounce?: Bounce;
}>;

/** Ends an attempt. "recorded": the mail stays open. "fenced": another claim has the mail now, and nothing was written. */
export async function close(attempt: Attempt, ports: ClosePorts): Promise<Recorded> {
  const { notice, stored, report, settlement } = attempt;
  const { mailId } = notice;
  const recorded = report.fenced ? "fenced" : await recordEnd(attempt, ports);
  if (recorded === "fenced") {
    ports.journal.note({ kind: "fenced", mailId, keys: copiesIn(report.unrecorded) });
    return recorded;
  }
  ports.onRecorded();
  noteMail(attempt, ports);
  for (const row of report.outbound) await noteOutbound(row, mailId, ports);
  // While the recipients of another notice wait, the mail has no end to tell of.
  if (recorded === "closed" && settlement.kind === "close") await writeAuditMark(notice, stored, settlement, ports);
  return recorded;
}

/** What was sent and will be sent again by whoever has the mail now. A reply is not: its claim stands. */
function copiesIn(unrecorded: ReadonlyMap<EffectKey, Final>): readonly EffectKey[] {
  return [...unrecorded]
    .filter(([key, { action }]) => (action === "delivered" || action === "relayed") && !key.startsWith("reply "))
    .map(([key]) => key);
}

/** Records how it ended. If that fails, the last transaction may be repeated, and the log says so now. */
async function recordEnd(attempt: Attempt, { ledger, journal, clock }: ClosePorts): Promise<Recorded> {
  const { notice, lease, report, settlement } = attempt;
  const rests = settlement.kind === "close" && settlement.erase && notice.location.kind === "object";
  try {
    const finals = new Map([...report.unrecorded, ...undeliveredFinals(attempt)]);
    const eraseAfter = rests ? ((clock.now() + eraseDelayMs) as EpochMs) : undefined;
    return await ledger.record(lease, finals, settlement.kind === "close" ? "close" : "release", eraseAfter);
  } catch (error) {
    const keys = copiesIn(report.unrecorded);
    if (keys.length > 0) journal.note({ kind: "unrecorded", mailId: lease.mailId, keys });
    throw error;
  }
}

function undeliveredFinals({ recipients, plan, report, settlement }: Attempt): readonly (readonly [EffectKey, Final])[] {
  return settlement.kind === "close" ? finalsWithoutDelivery(servedAddresses(recipients), plan, report.verdicts) : [];
}

function noteMail({ notice, receiveCount, startedAt, plan, report, settlement, bounce }: Attempt, { journal, clock }: ClosePorts): void {
  const { mailId, sesId, receivedAt, envelope, sesVerdicts } = notice;
  const from = envelope.reversePath ?? null;
  const { verdicts } = report;
  const seconds = (clock.now() - startedAt) / 1000;
  journal.note({
    kind: "mail",
    mailId,
    sesId,
    from,
    receivedAt,
    receiveCount,
    plan,
    verdicts,
    settlement,
    seconds,
    sesVerdicts,
    ...(typeof bounce === "object" && { bounce: bounce.recipients }),
  });
}

/** Best effort: without its row a bounce of our own mail is still recognised by its loop mark. */
async function noteOutbound(row: OutboundRow, mailId: MailId, { outbound, journal }: ClosePorts): Promise<void> {
  try {
    await outbound.note(row);
  } catch (error) {
    journal.note(thrownEvent(error, mailId));
  }
}
