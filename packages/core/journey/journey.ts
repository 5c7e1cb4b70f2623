// Journey: one mail, from its notice to the outcome of its entry. Read it from top to bottom: gather, parse, look up, plan,
// execute, settle, close. It asks the ports and lets the pure files decide. The records of an entry are in entry.ts.

import { plan } from "../plan/plan.ts";
import type { Plan } from "../plan/types.ts";
import type { Notice } from "../ses/notice.ts";
import { close } from "./close.ts";
import type { JournalEvent } from "./events.ts";
import { execute, nothingDone } from "./execute.ts";
import { foreignMark } from "./foreign-mark.ts";
import { type Gathered, gather } from "./gather.ts";
import { lookUp, openForPlanning } from "./look-up.ts";
import type { EntryOutcome } from "./outcome.ts";
import type { JourneyPorts, Lease, QueueEntry } from "./ports.ts";
import { repairAuditTrail } from "./repair-audit-trail.ts";
import { backOff, outboundRowDelay } from "./retry-delay.ts";
import { blockedMailFor, secondNotice } from "./second-notice.ts";
import { settle } from "./settle.ts";
import { type StageTimer, stageTimer } from "./stage-timer.ts";

/** Takes one mail all the way. What a port throws is thrown on: the entry stays queued. */
export async function runJourney(notice: Notice, entry: QueueEntry, ports: JourneyPorts): Promise<EntryOutcome> {
  const stage = stageTimer(ports.clock, ports.journal);
  const gathered = await gather(notice, ports);
  stage("gather");
  const second = secondNotice(notice, gathered);
  if (second === null) return proceed(notice, gathered, entry, ports, stage);
  // The mail is closed, and this notice names recipients that the first one did not. The object is also the others' mail.
  const others = await gather(second, ports);
  stage("gather");
  return proceed(second, others, entry, { ...ports, blockedMail: "keep" }, stage);
}

async function proceed(
  notice: Notice,
  gathered: Gathered,
  entry: QueueEntry,
  ports: JourneyPorts,
  stage: StageTimer,
): Promise<EntryOutcome> {
  switch (gathered.kind) {
    case "busy":
      ports.journal.note({ kind: "busy-elsewhere", mailId: notice.mailId, until: gathered.until });
      return { kind: "retry", afterSeconds: Math.max(1, Math.ceil((gathered.until - ports.clock.now()) / 1000)) };
    case "closed":
      ports.journal.note({ kind: "already-closed", mailId: notice.mailId });
      if (entry.receiveCount > 1) await repairAuditTrail(notice, gathered, ports);
      return { kind: "ack" };
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
  const report = decided.kind === "carry" ? await execute(decided, lease, { mail, rest }, ports) : nothingDone;
  stage("execute");

  const blockedMail = blockedMailFor(facts, lease.finals, ports.blockedMail);
  const settlement = settle(decided, mailId, report.verdicts, receiveCount, blockedMail);
  const attempt = { notice, recipients: held.recipients, stored, lease, receiveCount, startedAt, plan: decided, report, settlement };
  if ((await close(attempt, ports)) === "fenced") return { kind: "leave" };
  stage("close");
  return settlement.kind === "close" ? { kind: "ack" } : { kind: "retry", afterSeconds: settlement.afterSeconds };

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
