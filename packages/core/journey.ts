// Journey: one mail's whole way, from a queue entry to its end. Read it from top to bottom: decode, inquire, gather,
// parse, plan, execute, settle, close. It asks the ports and lets the pure files decide. The caller owns the entry:
// it extends it while this runs, and acknowledges or gives it back as the outcome says.

import { addressKey } from "./address.ts";
import { attachmentsIn } from "./attachments.ts";
import { type Bounce, bounceEdits, decodeOutbound, isSesBounce, originalIds } from "./bounce.ts";
import { correspondentOf } from "./correspondent.ts";
import { readDsn } from "./dsn.ts";
import type { EffectKey } from "./effect.ts";
import { execute, type Hands, type Report } from "./execute.ts";
import { leavesBySes } from "./forward-decision.ts";
import { type Gathered, type GatherPorts, gather, served } from "./gather.ts";
import { type JournalEvent, type Stage, thrownEvent } from "./journal.ts";
import { isReadable, type Mail, openMail } from "./mail.ts";
import { markTrail } from "./mark.ts";
import { decodeEntry, type EpochMs, type MailId, type Notice, type NoticeItem } from "./notice.ts";
import { finalsWithoutDelivery, noticeForOthers } from "./other-recipients.ts";
import { type Facts, type Policy, plan } from "./plan.ts";
import type { DirectoryRows, Lease, Outbound, OutboundRow, QueueEntry, StoredMail } from "./ports.ts";
import { decodeRules } from "./rule.ts";
import type { SendingEvent } from "./sending-event.ts";
import { sesMaxOctets } from "./ses-limit.ts";
import { type BlockedMail, backOff, type Settlement, settle } from "./settle.ts";
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
const sameMailWaitSeconds = 5;

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
    const until = (way.clock.now() + sameMailWaitSeconds * 1000) as EpochMs;
    way.journal.note({ kind: "busy-elsewhere", mailId, until });
    return { kind: "retry", afterSeconds: sameMailWaitSeconds };
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
    if (others !== null) return travelMail(others, entry, way, true);
    way.journal.note({ kind: "already-closed", mailId });
    return { kind: "ack" };
  }
  if (gathered.kind === "busy") {
    way.journal.note({ kind: "busy-elsewhere", mailId, until: gathered.until });
    return { kind: "retry", afterSeconds: Math.max(1, Math.ceil((gathered.until - way.clock.now()) / 1000)) };
  }
  const { lease } = gathered;
  way.onLease(lease);
  if (lease.takenOver) way.journal.note({ kind: "taken-over", mailId, crashes: lease.crashes });
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
  if (lease.crashes >= poisonCrashes)
    return giveBack({ kind: "set-aside", mailId, crashes: lease.crashes }, backOff(mailId, entry.receiveCount));
  if (stored === "missing") return giveBack({ kind: "object-missing", mailId }, backOff(mailId, entry.receiveCount));

  const mail = await openForReading(stored);
  stage("parse");
  const facts = await factsOf(notice, held, stored, mail, way);
  if (facts.bounce === "unknown" && entry.receiveCount === 1)
    return giveBack({ kind: "bounce", mailId, result: "awaited" }, bounceWaitSeconds);
  if (facts.bounce !== "not-a-bounce") {
    const isRewritten = bounceEdits(facts.mail, facts.bounce, readDsn(facts.mail)).length > 0;
    way.journal.note({ kind: "bounce", mailId, result: isRewritten ? "rewritten" : "unknown" });
  }
  const decided = await plan(facts, way.policy);
  stage("plan");

  const rest = stored.size > facts.mail.head.length ? stored.rest : null;
  const report = decided.kind === "carry" ? await execute(decided, lease, { mail: facts.mail, rest }, way) : nothingDone;
  stage("execute");

  const settlement = settle(decided, mailId, report.verdicts, entry.receiveCount, way.blockedMail);
  const unserved = settlement.kind === "close" ? finalsWithoutDelivery(served(notice, way.domains), decided, report.verdicts) : [];
  const recorded = report.fenced ? "fenced" : await recordEnd(lease, report, unserved, settlement, way);
  if (recorded === "fenced") {
    way.journal.note({ kind: "fenced", mailId });
    return { kind: "leave" };
  }
  for (const row of report.outbound) await noteOutbound(row, mailId, way);
  if (settlement.kind === "close") await leaveTrail(notice, stored, settlement, way);
  stage("close");
  const { sesId, receivedAt, envelope } = notice;
  const { receiveCount } = entry;
  const seconds = (way.clock.now() - startedAt) / 1000;
  const from = envelope.reversePath ?? null;
  way.journal.note({
    kind: "mail",
    mailId,
    sesId,
    from,
    receivedAt,
    receiveCount,
    plan: decided,
    verdicts: report.verdicts,
    settlement,
    seconds,
  });
  return settlement.kind === "close" ? { kind: "ack" } : { kind: "retry", afterSeconds: settlement.afterSeconds };
}

const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };

/** The head is enough but for a large SES bounce, whose report may stand behind it. */
async function openForReading(stored: StoredMail): Promise<Mail> {
  const mail = openMail(stored.head, stored.size);
  return stored.size > stored.head.length && isSesBounce(mail) ? openMail(await stored.whole(), stored.size) : mail;
}

/** Asks what only a mail's header raises: the row of a bounce, the memory of earlier replies. */
async function factsOf(notice: Notice, held: Held, stored: StoredMail, mail: Mail, way: Way): Promise<Facts> {
  const { lease, rows, loopKey } = held;
  const bounce: Bounce = isSesBounce(mail)
    ? (decodeOutbound(await way.outbound.find(originalIds(mail, readDsn(mail)))) ?? "unknown")
    : "not-a-bounce";
  const sender = notice.envelope.reversePath;
  const mayReply = [...rows.rules.values()].some((row) => decodeRules(row).reply !== null);
  const answered =
    sender && mayReply ? await way.ledger.recall(served(notice, way.domains).map(addressKey), correspondentOf(sender, mail)) : new Map();
  const attachments = await attachmentsOf(notice, mail, stored, rows, way);
  return { ...notice, domains: way.domains, mail, bounce, rows, finals: lease.finals, answered, attachments, loopKey };
}

/** A large mail is read for its attachments only where their names decide something: SES refuses some, and 40 MB at all. */
async function attachmentsOf(
  notice: Notice,
  mail: Mail,
  stored: StoredMail,
  rows: DirectoryRows,
  { domains }: Way,
): Promise<readonly string[]> {
  const isAsked = isReadable(mail) && leavesBySes(served(notice, domains), rows, domains);
  if (!isAsked || mail.size - mail.bodyStart > sesMaxOctets) return [];
  return attachmentsIn(mail, stored.size > mail.head.length ? stored.rest() : null);
}

/** Records how it ended. Where that fails, what the last act did may be done again, and the log says so now. */
async function recordEnd(
  lease: Lease,
  report: Report,
  unserved: readonly (readonly [EffectKey, Final])[],
  settlement: Settlement,
  way: Way,
): Promise<"recorded" | "fenced"> {
  try {
    return await way.ledger.record(lease, new Map([...report.unrecorded, ...unserved]), settlement.kind === "close" ? "close" : "release");
  } catch (error) {
    if (report.unrecorded.size > 0) way.journal.note({ kind: "unrecorded", mailId: lease.mailId, keys: [...report.unrecorded.keys()] });
    throw error;
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

/** The audit trail never decides: when it cannot be written, the mail stays delivered and the entry is done. */
async function leaveTrail(notice: Notice, stored: StoredMail, settlement: Extract<Settlement, { kind: "close" }>, way: Way): Promise<void> {
  if (notice.location.kind === "inline") return; // no object: the closing line in the log is its trail
  const { mark } = settlement;
  const marked =
    mark === null || (await audit("mark", () => way.store.mark(stored, markTrail(mark, way.clock.now(), way.worker)), notice.mailId, way));
  if (marked && settlement.erase) await audit("erase", () => way.store.erase(stored), notice.mailId, way);
}

async function audit(operation: "mark" | "erase", call: () => Promise<void>, mailId: MailId, way: Way): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    way.journal.note({ kind: "audit-failed", mailId, operation, text: thrownEvent(error, mailId).text });
    return false;
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
