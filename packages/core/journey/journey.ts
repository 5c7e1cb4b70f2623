// Journey: one mail, from its notice to the outcome of its entry. Read it from top to bottom: gather, parse, look up, plan,
// execute, settle, close. It asks the ports and lets the pure files decide. The records of an entry are in entry.ts.

import { plan } from "../plan/plan.ts";
import type { Plan } from "../plan/types.ts";
import type { Notice } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";
import { close } from "./close.ts";
import { comesEarly, eraseWhenQuiet, letRest } from "./erase-blocked.ts";
import type { JournalEvent } from "./events.ts";
import { execute, nothingDone } from "./execute.ts";
import { foreignMark } from "./foreign-mark.ts";
import { type Gathered, gather } from "./gather.ts";
import { lookUp, openForPlanning } from "./look-up.ts";
import type { EntryOutcome } from "./outcome.ts";
import type { JourneyPorts, Lease, QueueEntry } from "./ports.ts";
import { repairAuditTrail } from "./repair-audit-trail.ts";
import { backOff, eraseDelayMs, outboundRowDelay } from "./retry-delay.ts";
import { areBlocked, blockedMailFor } from "./second-notice.ts";
import { settle } from "./settle.ts";
import { type StageTimer, stageTimer } from "./stage-timer.ts";

/** Takes one mail all the way. What a port throws is thrown on: the entry stays queued. */
export async function runJourney(notice: Notice, entry: QueueEntry, ports: JourneyPorts): Promise<EntryOutcome> {
  const stage = stageTimer(ports.clock, ports.journal, notice.mailId);
  const gathered = await gather(notice, ports);
  stage("gather");
  switch (gathered.kind) {
    case "busy":
      return waitForLease(notice, gathered.until, ports);
    case "closed":
      return visitClosed(notice, gathered, entry, ports);
    case "held":
      ports.onLease(gathered.lease);
      try {
        return await carry(notice, gathered, entry, ports, stage);
      } catch (error) {
        // A failure that this worker survives is no crash: the lease must not run out.
        await ports.ledger.record(gathered.lease, new Map(), "release").catch(() => {});
        throw error;
      }
    default:
      return gathered satisfies never;
  }
}

function waitForLease({ mailId }: Notice, until: EpochMs, { journal, clock, resting }: JourneyPorts): EntryOutcome {
  const afterSeconds = Math.max(1, Math.ceil((until - clock.now()) / 1000));
  journal.note({ kind: "busy-elsewhere", mailId, until });
  resting.hides(afterSeconds);
  return { kind: "retry", afterSeconds };
}

/** The entry of a mail that is done came again: because nobody heard of its end, or to erase a mail that all recipients block. */
async function visitClosed(
  notice: Notice,
  gathered: Extract<Gathered, { readonly kind: "closed" }>,
  entry: QueueEntry,
  ports: JourneyPorts,
): Promise<EntryOutcome> {
  const { eraseAfter, finals, recipients, answers } = gathered;
  const erases = eraseAfter !== null && ports.blockedMail === "delete";
  const rested = ports.blockedMail === "delete" && areBlocked(recipients, finals) && answers?.stored !== "missing";
  if (!rested) ports.journal.note({ kind: "already-closed", mailId: notice.mailId });
  if (entry.receiveCount > 1 && (!erases || comesEarly(eraseAfter, ports))) await repairAuditTrail(notice, gathered, ports);
  return erases ? eraseWhenQuiet(notice, { ...gathered, eraseAfter }, entry, ports) : { kind: "ack" };
}

type Held = Extract<Gathered, { readonly kind: "held" }>;

/** The work on one mail under its lease. */
async function carry(notice: Notice, held: Held, entry: QueueEntry, ports: JourneyPorts, stage: StageTimer): Promise<EntryOutcome> {
  const { lease, stored } = held;
  const { mailId } = notice;
  const { receiveCount } = entry;
  const startedAt = ports.clock.now();
  if (isSetAside(lease, entry)) return giveBack({ kind: "set-aside", mailId, crashes: lease.crashes });
  if (stored === "missing") return giveBack({ kind: "object-missing", mailId });

  const mail = await openForPlanning(stored);
  stage("parse");
  const mark = foreignMark({ ...held, stored, mail, receivedAt: notice.receivedAt, domains: ports.domains }, ports.honourMarks ?? "never");
  if (mark !== null) {
    await giveBack({ kind: "mark-honoured", mailId, ...mark });
    return { kind: "ack" };
  }

  const facts = await lookUp(notice, { ...held, finals: lease.finals }, stored, mail, ports);
  stage("look-up");
  const rowDelay = facts.bounce === "unknown" ? outboundRowDelay(receiveCount, notice.receivedAt, ports.clock.now()) : 0;
  if (rowDelay > 0) return giveBack({ kind: "bounce", mailId, result: "awaited" }, rowDelay);

  const decided: Plan = await plan(facts, ports.policy, ports.pause);
  if (decided.bounce !== "not-a-bounce") ports.journal.note({ kind: "bounce", mailId, result: decided.bounce });
  stage("plan");

  const rest = stored.size > mail.head.length ? stored.rest : null;
  const report = decided.kind === "carry" ? await execute(decided, held, { mail, rest }, ports) : nothingDone;
  stage("execute");

  const blockedMail = blockedMailFor(facts, lease.finals, ports.blockedMail);
  const verdicts = decided.kind === "carry" ? report.verdicts : lease.finals;
  const settlement = settle(decided, mailId, verdicts, receiveCount, blockedMail);
  const attempt = {
    notice,
    recipients: held.recipients,
    stored,
    lease,
    receiveCount,
    startedAt,
    plan: decided,
    report,
    settlement,
    bounce: facts.bounce,
  };
  const recorded = await close(attempt, ports);
  if (recorded === "fenced") return { kind: "leave" };
  stage("close");
  if (settlement.kind === "retry") return { kind: "retry", afterSeconds: settlement.afterSeconds };
  const mayErase = recorded === "closed" && settlement.erase && notice.location.kind === "object";
  return mayErase ? letRest(notice, entry, eraseDelayMs, ports) : { kind: "ack" };

  async function giveBack(event: JournalEvent, afterSeconds = backOff(mailId, receiveCount)): Promise<EntryOutcome> {
    ports.journal.note(event);
    await ports.ledger.record(lease, new Map(), "release");
    return { kind: "retry", afterSeconds };
  }
}

const maxCrashes = 3;

/** Whether a mail killed its workers. The receives tell an entry that was moved back on purpose, which is tried as often again. */
function isSetAside({ crashes }: Lease, { receiveCount }: QueueEntry): boolean {
  return crashes >= maxCrashes && receiveCount > maxCrashes;
}
