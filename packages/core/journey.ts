// Journey: one mail's whole way, from a queue entry to its end. Read it from top to bottom: decode, inquire, gather,
// parse, plan, execute, settle, close. It asks the ports and lets the pure files decide. The caller owns the entry:
// it extends it while this runs, and acknowledges or gives it back as the outcome says.

import { bounceEdits } from "./bounce.ts";
import { type Attempt, close } from "./closing.ts";
import { readDsn } from "./dsn.ts";
import { execute, type Hands, type Report } from "./execute.ts";
import { factsOf, openForReading } from "./facts.ts";
import { type Gathered, type GatherPorts, gather } from "./gather.ts";
import { type JournalEvent, type Stage, stopwatch, thrownEvent } from "./journal.ts";
import { mendTrail } from "./mended-trail.ts";
import { decodeEntry, type EpochMs, type MailId, type Notice, type NoticeItem } from "./notice.ts";
import { noticeForOthers, sparing } from "./other-recipients.ts";
import { backOff, rowPause, sameMailPause } from "./pause.ts";
import { type Facts, type Policy, plan } from "./plan.ts";
import type { Lease, Outbound, QueueEntry } from "./ports.ts";
import type { SendingEvent } from "./sending-event.ts";
import { type BlockedMail, settle } from "./settle.ts";

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

/** Takes one entry all the way. What a port throws here is thrown on: the entry stays queued. */
export async function travel(entry: QueueEntry, way: Way): Promise<EntryOutcome> {
  const stage = stopwatch(way.clock, way.journal);
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

/** What cannot be understood stays in the queue, until somebody looks into the dead-letter queue. */
function leaveUndecoded(text: string, entry: QueueEntry, way: Way): EntryOutcome {
  way.journal.note({ kind: "entry-undecodable", entryId: entry.id, text });
  return { kind: "retry", afterSeconds: backOff(entry.id, entry.receiveCount) };
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
    const afterSeconds = sameMailPause(entry.id, entry.receiveCount);
    way.journal.note({ kind: "busy-elsewhere", mailId, until: (way.clock.now() + afterSeconds * 1000) as EpochMs });
    return { kind: "retry", afterSeconds };
  }
  way.inWork.add(mailId);
  try {
    return await travelMail(notice, entry, way);
  } finally {
    way.inWork.delete(mailId);
  }
}

/** The journey of one mail: what may be worked on at all, and then the work under its lease. */
async function travelMail(notice: Notice, entry: QueueEntry, way: Way, isSecond = false): Promise<EntryOutcome> {
  const { mailId } = notice;
  const stage = stopwatch(way.clock, way.journal);
  const gathered = await gather(notice, way);
  stage("gather");
  if (gathered.kind === "busy") {
    way.journal.note({ kind: "busy-elsewhere", mailId, until: gathered.until });
    return { kind: "retry", afterSeconds: Math.max(1, Math.ceil((gathered.until - way.clock.now()) / 1000)) };
  }
  if (gathered.kind === "closed") {
    const others = isSecond ? null : noticeForOthers(notice, gathered.finals, way.domains);
    // The object is the mail of those whom the first notice named, too.
    if (others !== null) return travelMail(others, entry, { ...way, blockedMail: "keep" }, true);
    way.journal.note({ kind: "already-closed", mailId });
    if (entry.receiveCount > 1) await mendTrail(notice, gathered, way);
    return { kind: "ack" };
  }
  way.onLease(gathered.lease);
  try {
    return await workUnderLease(notice, entry, gathered, way, stage);
  } catch (error) {
    // A failure that this worker survives is no crash: the lease must not run out.
    await way.ledger.record(gathered.lease, new Map(), "release").catch(() => {});
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
  const { lease, stored } = held;
  const { receiveCount } = entry;
  const startedAt = way.clock.now();
  if (isPoison(lease, entry)) return giveBack({ kind: "set-aside", mailId: notice.mailId, crashes: lease.crashes });
  if (stored === "missing") return giveBack({ kind: "object-missing", mailId: notice.mailId });

  const mail = await openForReading(stored);
  stage("parse");

  const facts = await factsOf(notice, { ...held, finals: lease.finals }, stored, mail, way);
  const pause = facts.bounce === "unknown" ? rowPause(receiveCount, notice.receivedAt, way.clock.now()) : 0;
  if (pause > 0) return giveBack({ kind: "bounce", mailId: notice.mailId, result: "awaited" }, pause);
  noteBounce(facts, way);
  const decided = await plan(facts, way.policy);
  stage("plan");

  const rest = stored.size > mail.head.length ? stored.rest : null;
  const report = decided.kind === "carry" ? await execute(decided, lease, { mail, rest }, way) : nothingDone;
  stage("execute");

  const blockedMail = sparing(way.blockedMail, notice, mail, lease.finals, way.domains);
  const settlement = settle(decided, notice.mailId, report.verdicts, receiveCount, blockedMail);
  const attempt: Attempt = { notice, stored, lease, receiveCount, startedAt, plan: decided, report, settlement };
  if ((await close(attempt, way)) === "fenced") return { kind: "leave" };
  stage("close");
  return settlement.kind === "close" ? { kind: "ack" } : { kind: "retry", afterSeconds: settlement.afterSeconds };

  async function giveBack(event: JournalEvent, afterSeconds = backOff(notice.mailId, receiveCount)): Promise<EntryOutcome> {
    way.journal.note(event);
    await way.ledger.record(lease, new Map(), "release");
    return { kind: "retry", afterSeconds };
  }
}

const poisonCrashes = 3;

/** Whether a mail killed its workers. The receives tell an entry that was moved back on purpose, which is tried as often again. */
function isPoison({ crashes }: Lease, { receiveCount }: QueueEntry): boolean {
  return crashes >= poisonCrashes && receiveCount > poisonCrashes;
}

function noteBounce({ mailId, mail, bounce }: Facts, { journal }: Way): void {
  if (bounce === "not-a-bounce") return;
  const isRewritten = bounceEdits(mail, bounce, readDsn(mail)).length > 0;
  journal.note({ kind: "bounce", mailId, result: isRewritten ? "rewritten" : "unknown" });
}

const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };
