// Journey: one mail's whole way, from a queue entry to its end. Read it from top to bottom: decode, inquire, gather,
// parse, plan, execute, settle, close. It asks the ports and lets the pure files decide. The caller owns the entry:
// it extends it while this runs, and acknowledges or gives it back as the outcome says.

import { bounceEdits } from "./bounce.ts";
import { readDsn } from "./dsn.ts";
import type { EffectKey } from "./effect.ts";
import { execute, type Hands, type Report } from "./execute.ts";
import { factsOf, openForReading } from "./facts.ts";
import { type Gathered, type GatherPorts, gather, served } from "./gather.ts";
import { type JournalEvent, type Stage, thrownEvent } from "./journal.ts";
import { decodeEntry, type EpochMs, type MailId, type Notice, type NoticeItem } from "./notice.ts";
import { finalsWithoutDelivery, noticeForOthers, sparing, tellsOfOthers } from "./other-recipients.ts";
import { type Policy, plan } from "./plan.ts";
import type { Lease, Outbound, OutboundRow, QueueEntry } from "./ports.ts";
import type { SendingEvent } from "./sending-event.ts";
import { type BlockedMail, backOff, settle } from "./settle.ts";
import { derivedId } from "./trace.ts";
import { isAsClosed, leaveTrail } from "./trail.ts";
import type { Final } from "./verdict.ts";

/** All that a mail needs on its way. */
export type Way = Hands &
  GatherPorts &
  Readonly<{
    outbound: Outbound;
    policy: Policy;
    blockedMail: BlockedMail;
    /** Name in the audit trail: `worker-<domain>`. */
    worker: string;
    /** Mails that this process works on: the ledger lets one owner claim twice, and two entries may announce one mail. */
    inWork: Set<MailId>;
    /** Told when a lease is held, so that it can be extended together with the entry. */
    onLease(lease: Lease): void;
  }>;

/** What the caller must do with the entry. "leave": say nothing; it comes back when its visibility ends. */
export type EntryOutcome =
  | { readonly kind: "ack" }
  | { readonly kind: "retry"; readonly afterSeconds: number }
  | { readonly kind: "leave" };

const bounceWaitSeconds = 30; // the event that fills the outbound table may be slower than the bounce mail
const poisonCrashes = 3;
const [sameMailWaitSeconds, sameMailSpreadSeconds] = [5, 15];

/** Takes one entry all the way. What a port throws here is thrown on: the entry stays queued. */
export async function travel(entry: QueueEntry, way: Way): Promise<EntryOutcome> {
  const stage = stopwatch(way);
  const items = decodeEntry(entry.body, entry.sentAt);
  if (!items.ok) return leaveUndecoded(items.error, entry, way);
  stage("decode");
  let latest: EntryOutcome = { kind: "ack" };
  let failure: { readonly thrown: unknown } | null = null;
  for (const item of items.value) {
    try {
      latest = later(latest, await travelItem(item, entry, way));
    } catch (thrown) {
      // The other records have a way of their own; the caller notes what is thrown on.
      if (failure === null) failure = { thrown };
      else way.journal.note(thrownEvent(thrown, null));
    }
  }
  if (failure !== null) throw failure.thrown;
  return latest;
}

/** What cannot be understood stays in the queue, until somebody looks into the dead-letter queue. */
function leaveUndecoded(text: string, entry: QueueEntry, way: Way): EntryOutcome {
  way.journal.note({ kind: "entry-undecodable", entryId: entry.id, text });
  return { kind: "retry", afterSeconds: backOff(entry.id as MailId, entry.receiveCount) };
}

/** An entry is acknowledged only when all its records are done. */
function later(a: EntryOutcome, b: EntryOutcome): EntryOutcome {
  if (a.kind === "leave" || b.kind === "leave") return { kind: "leave" };
  if (a.kind === "ack") return b;
  return b.kind === "ack" || b.afterSeconds < a.afterSeconds ? a : b;
}

async function travelItem(item: NoticeItem, entry: QueueEntry, way: Way): Promise<EntryOutcome> {
  switch (item.kind) {
    case "ignored":
      way.journal.note({ kind: "entry-ignored", entryId: entry.id, reason: item.reason });
      return { kind: "ack" };
    case "event":
      return noteEvent(item.event, way);
    case "mail":
      return travelOnce(item.notice, entry, way);
    case "undecodable":
      return leaveUndecoded(item.error, entry, way);
    default:
      return item satisfies never;
  }
}

async function noteEvent({ kind, row }: SendingEvent, way: Way): Promise<EntryOutcome> {
  await way.outbound.note(row);
  way.journal.note({ kind: "event-noted", news: kind, sesId: row.MessageId });
  return { kind: "ack" };
}

/** Another entry of the same mail waits for the first; the ledger then says that it is done. */
async function travelOnce(notice: Notice, entry: QueueEntry, way: Way): Promise<EntryOutcome> {
  const { mailId } = notice;
  if (way.inWork.has(mailId)) {
    // Longer with each receive, since that work may wait ten minutes for a mail server's answer; and not all at once.
    const { id, receiveCount } = entry;
    const spread = Number.parseInt(derivedId("same-mail", id).slice(0, 4), 16) % sameMailSpreadSeconds;
    const afterSeconds = receiveCount <= 1 ? sameMailWaitSeconds + spread : backOff(id as MailId, receiveCount - 1);
    const until = (way.clock.now() + afterSeconds * 1000) as EpochMs;
    way.journal.note({ kind: "busy-elsewhere", mailId, until });
    return { kind: "retry", afterSeconds };
  }
  way.inWork.add(mailId);
  try {
    return await travelMail(notice, entry, way);
  } finally {
    way.inWork.delete(mailId);
  }
}

/** The journey itself: what may be worked on at all, and then the work under its lease. */
async function travelMail(notice: Notice, entry: QueueEntry, way: Way, isSecond = false): Promise<EntryOutcome> {
  const { mailId } = notice;
  const stage = stopwatch(way);
  const gathered = await gather(notice, way);
  stage("gather");
  if (gathered.kind === "closed") {
    const others = isSecond ? null : noticeForOthers(notice, gathered.finals, way.domains);
    // The object is the mail of those whom the first notice named, too.
    if (others !== null) return travelMail(others, entry, { ...way, blockedMail: "keep" }, true);
    way.journal.note({ kind: "already-closed", mailId });
    if (entry.receiveCount > 1) await mendTrail(notice, gathered, way);
    return { kind: "ack" };
  }
  if (gathered.kind === "busy") {
    way.journal.note({ kind: "busy-elsewhere", mailId, until: gathered.until });
    return { kind: "retry", afterSeconds: Math.max(1, Math.ceil((gathered.until - way.clock.now()) / 1000)) };
  }
  const { lease } = gathered;
  way.onLease(lease);
  try {
    return await workUnderLease(notice, entry, gathered, way, stage);
  } catch (error) {
    // A failure that this worker survives is no crash: the lease must not run out.
    await way.ledger.record(lease, new Map(), "release").catch(() => {});
    throw error;
  }
}

type Held = Extract<Gathered, { readonly kind: "held" }>;

async function workUnderLease(
  notice: Notice,
  entry: QueueEntry,
  held: Held,
  way: Way,
  stage: (stage: Stage) => void,
): Promise<EntryOutcome> {
  const { mailId } = notice;
  const { lease, stored } = held;
  const startedAt = way.clock.now();
  const giveBack = async (event: JournalEvent, afterSeconds: number): Promise<EntryOutcome> => {
    way.journal.note(event);
    await way.ledger.record(lease, new Map(), "release");
    return { kind: "retry", afterSeconds };
  };
  // The receives tell an entry that was moved back on purpose, which is tried as often again.
  if (lease.crashes >= poisonCrashes && entry.receiveCount > poisonCrashes)
    return giveBack({ kind: "set-aside", mailId, crashes: lease.crashes }, backOff(mailId, entry.receiveCount));
  if (stored === "missing") return giveBack({ kind: "object-missing", mailId }, backOff(mailId, entry.receiveCount));

  const mail = await openForReading(stored);
  stage("parse");
  const facts = await factsOf(notice, { ...held, finals: lease.finals }, stored, mail, way);
  const wait = facts.bounce === "unknown" ? waitForRow(entry, notice, way) : 0;
  if (wait > 0) return giveBack({ kind: "bounce", mailId, result: "awaited" }, wait);
  if (facts.bounce !== "not-a-bounce") {
    const isRewritten = bounceEdits(facts.mail, facts.bounce, readDsn(facts.mail)).length > 0;
    way.journal.note({ kind: "bounce", mailId, result: isRewritten ? "rewritten" : "unknown" });
  }
  const decided = await plan(facts, way.policy);
  stage("plan");

  const rest = stored.size > facts.mail.head.length ? stored.rest : null;
  const report = decided.kind === "carry" ? await execute(decided, lease, { mail: facts.mail, rest }, way) : nothingDone;
  stage("execute");

  const blockedMail = sparing(way.blockedMail, notice, facts.mail, lease.finals, way.domains);
  const settlement = settle(decided, mailId, report.verdicts, entry.receiveCount, blockedMail);
  const isLast = settlement.kind === "close" && !tellsOfOthers(lease.finals, notice, way.domains);
  const unserved = settlement.kind === "close" ? finalsWithoutDelivery(served(notice, way.domains), decided, report.verdicts) : [];
  const recorded = report.fenced ? "fenced" : await recordEnd(lease, report, unserved, isLast ? "close" : "release", way);
  if (recorded === "fenced") {
    way.journal.note({ kind: "fenced", mailId });
    return { kind: "leave" };
  }
  const { sesId, receivedAt, envelope } = notice;
  // What follows is done as well as may be, and takes no line along when it fails.
  way.journal.note({
    kind: "mail",
    mailId,
    sesId,
    from: envelope.reversePath ?? null,
    receivedAt,
    receiveCount: entry.receiveCount,
    plan: decided,
    verdicts: report.verdicts,
    settlement,
    seconds: (way.clock.now() - startedAt) / 1000,
  });
  for (const row of report.outbound) await noteOutbound(row, mailId, way);
  if (settlement.kind === "close") await leaveTrail(notice, stored, settlement, way);
  stage("close");
  return settlement.kind === "close" ? { kind: "ack" } : { kind: "retry", afterSeconds: settlement.afterSeconds };
}

/**
 * Seconds that a bounce waits for its row. At the first receive in any case: after an outage the event that brings the row
 * may stand behind it. Later while it is young: the first receive may have ended before it was read.
 */
function waitForRow({ receiveCount }: QueueEntry, { receivedAt }: Notice, way: Way): number {
  if (receiveCount <= 1) return bounceWaitSeconds;
  const age = (way.clock.now() - receivedAt) / 1000;
  return Math.abs(age) < bounceWaitSeconds ? Math.ceil(bounceWaitSeconds - Math.max(age, 0)) : 0;
}

const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };

/** Records how it ended. Where that fails, what the last act did may be done again, and the log says so now. */
async function recordEnd(
  lease: Lease,
  report: Report,
  unserved: readonly (readonly [EffectKey, Final])[],
  then: "release" | "close",
  way: Way,
): Promise<"recorded" | "fenced"> {
  try {
    return await way.ledger.record(lease, new Map([...report.unrecorded, ...unserved]), then);
  } catch (error) {
    if (report.unrecorded.size > 0) way.journal.note({ kind: "unrecorded", mailId: lease.mailId, keys: [...report.unrecorded.keys()] });
    throw error;
  }
}

/** Who died between the closing and the trail left none. The entry came back, so the trail is left now, where the rules still say the same. */
async function mendTrail(notice: Notice, { finals, answers }: Extract<Gathered, { kind: "closed" }>, way: Way): Promise<void> {
  if (answers?.stored === "missing") return; // erased, or taken away
  try {
    if (answers === null)
      throw new Error("Cannot leave the trail of a mail that is closed as it must be readable: current value is no answer");
    const { stored } = answers;
    const facts = await factsOf(notice, { ...answers, finals }, stored, await openForReading(stored), way);
    const decided = await plan(facts, way.policy);
    const settlement = settle(decided, notice.mailId, finals, 1, sparing(way.blockedMail, notice, facts.mail, finals, way.domains));
    if (settlement.kind === "close" && isAsClosed(decided, finals)) await leaveTrail(notice, stored, settlement, way);
  } catch (error) {
    way.journal.note({ kind: "audit-failed", mailId: notice.mailId, operation: "mark", text: thrownEvent(error, notice.mailId).text });
  }
}

/** Best effort: without its row a bounce of ours is still known by the mark in it. */
async function noteOutbound(row: OutboundRow, mailId: MailId, way: Way): Promise<void> {
  try {
    await way.outbound.note(row);
  } catch (error) {
    way.journal.note(thrownEvent(error, mailId));
  }
}

function stopwatch(way: Way): (stage: Stage) => void {
  let since = way.clock.now();
  return (stage) => {
    const now = way.clock.now();
    way.journal.note({ kind: "stage", stage, seconds: (now - since) / 1000 });
    since = now;
  };
}
