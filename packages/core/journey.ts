// Journey: one mail's whole way, from a queue entry to its end. Read it from top to bottom: decode, inquire, gather,
// parse, plan, execute, settle, close. It asks the ports and lets the pure files decide. The caller owns the entry:
// it extends it while this runs, and acknowledges or gives it back as the outcome says.

import { addressKey, type Domain, domainOf, parseAddress } from "./address.ts";
import { type Bounce, decodeOutbound, isSesBounce, originalIds } from "./bounce.ts";
import { readDsn } from "./dsn.ts";
import { execute, type Hands, type Report } from "./execute.ts";
import { inquire } from "./inquiry.ts";
import type { Stage } from "./journal.ts";
import { openMail } from "./mail.ts";
import { markTrail } from "./mark.ts";
import { decodeEntry, type EpochMs, type MailId, type Notice, type NoticeItem } from "./notice.ts";
import { type Facts, type Policy, plan } from "./plan.ts";
import {
  type Directory,
  headLimit,
  type Lease,
  type MailStore,
  type Outbound,
  type OutboundRow,
  PortError,
  type QueueEntry,
  type StoredMail,
} from "./ports.ts";
import { decodeRules } from "./rule.ts";
import type { SendingEvent } from "./sending-event.ts";
import { type BlockedMail, backOff, type Settlement, settle } from "./settle.ts";

/** All that a mail needs on its way. */
export type Way = Hands &
  Readonly<{
    store: MailStore;
    outbound: Outbound;
    directory: Directory;
    domains: readonly Domain[];
    policy: Policy;
    blockedMail: BlockedMail;
    /** Seconds that a lease lasts; the caller extends it. */
    leaseSeconds: number;
    /** Name in the audit trail: `worker-<domain>`. */
    worker: string;
    /** Whether this bucket and key may be read; a notice is only a text that somebody put into a queue. */
    mayOpen(bucket: string, key: string): boolean;
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
  const items = decodeEntry(entry.body);
  if (!items.ok) {
    way.journal.note({ kind: "entry-undecodable", entryId: entry.id, text: items.error });
    return { kind: "retry", afterSeconds: backOff(entry.id as MailId, entry.receiveCount) };
  }
  let latest: EntryOutcome = { kind: "ack" };
  for (const item of items.value) latest = later(latest, await travelItem(item, entry, way));
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
    default:
      return item satisfies never;
  }
}

async function noteEvent({ kind, row }: SendingEvent, way: Way): Promise<EntryOutcome> {
  await way.outbound.note(row);
  way.journal.note({ kind: "event-noted", event: kind, sesId: row.MessageId });
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

/** The journey itself. */
async function travelMail(notice: Notice, entry: QueueEntry, way: Way): Promise<EntryOutcome> {
  const { mailId } = notice;
  const startedAt = way.clock.now();
  const stage = stopwatch(way);

  // gather: claim the mail, ask the Directory, fetch – side by side
  const recipients = notice.envelope.recipients.flatMap((text) => {
    const parsed = parseAddress(text);
    return parsed.ok && way.domains.includes(domainOf(parsed.value)) ? [parsed.value] : [];
  });
  const inquiry = inquire(recipients);
  const asked = [
    way.ledger.claim(mailId, way.leaseSeconds),
    inquiry.rules.length > 0 ? way.directory.look(inquiry) : noRows,
    open(notice, way),
    way.ledger.loopKey(),
  ] as const;
  const [claim, rows, stored, loopKey] = await allOrFirstError(asked, (lease) => way.ledger.record(lease, new Map(), "release"));
  if (claim.kind === "closed") {
    way.journal.note({ kind: "already-closed", mailId });
    return { kind: "ack" };
  }
  if (claim.kind === "busy") {
    way.journal.note({ kind: "busy-elsewhere", mailId, until: claim.until });
    return { kind: "retry", afterSeconds: Math.max(1, Math.ceil((claim.until - way.clock.now()) / 1000)) };
  }
  const { lease } = claim;
  way.onLease(lease);
  if (lease.takenOver) way.journal.note({ kind: "taken-over", mailId, crashes: lease.crashes });
  const giveBack = async (afterSeconds: number): Promise<EntryOutcome> => {
    await way.ledger.record(lease, new Map(), "release");
    return { kind: "retry", afterSeconds };
  };
  if (lease.crashes >= poisonCrashes) {
    way.journal.note({ kind: "set-aside", mailId, crashes: lease.crashes });
    return giveBack(backOff(mailId, entry.receiveCount));
  }
  if (stored === "missing") {
    way.journal.note({ kind: "object-missing", mailId });
    return giveBack(backOff(mailId, entry.receiveCount));
  }
  stage("gather");

  // parse, and the questions that only the header raises
  const mail = openMail(stored.head, stored.size);
  const bounce: Bounce = isSesBounce(mail)
    ? (decodeOutbound(await way.outbound.find(originalIds(mail, readDsn(mail)))) ?? "unknown")
    : "not-a-bounce";
  if (bounce === "unknown" && entry.receiveCount === 1) {
    way.journal.note({ kind: "bounce", mailId, result: "awaited" });
    return giveBack(bounceWaitSeconds);
  }
  if (bounce !== "not-a-bounce") way.journal.note({ kind: "bounce", mailId, result: bounce === "unknown" ? "unknown" : "rewritten" });
  const sender = notice.envelope.reversePath;
  const repliers = [...rows.rules.values()].some((row) => decodeRules(row).reply !== null) ? recipients.map(addressKey) : [];
  const answered = sender && repliers.length > 0 ? await way.ledger.recall(repliers, addressKey(sender)) : new Map();

  const facts: Facts = { ...notice, domains: way.domains, mail, bounce, rows, finals: lease.finals, answered, loopKey };
  const decided = await plan(facts, way.policy);
  stage("plan");

  const rest = stored.size > stored.head.length ? stored.rest : null;
  const report: Report = decided.kind === "carry" ? await execute(decided, lease, { mail, rest }, way) : nothingDone;
  stage("execute");
  if (report.fenced) return fenced(mailId, way);

  const settlement = settle(decided, mailId, report.verdicts, entry.receiveCount, way.blockedMail);
  const recorded = await way.ledger.record(lease, report.unrecorded, settlement.kind === "close" ? "close" : "release");
  if (recorded === "fenced") return fenced(mailId, way);
  for (const row of report.outbound) await noteOutbound(row, mailId, way);
  if (settlement.kind === "close") await leaveTrail(notice, stored, settlement, way);
  stage("close");
  const { receivedAt, sesId } = notice;
  const seconds = (way.clock.now() - startedAt) / 1000;
  way.journal.note({
    kind: "mail",
    mailId,
    sesId,
    from: sender ?? null,
    receivedAt,
    receiveCount: entry.receiveCount,
    plan: decided,
    verdicts: report.verdicts,
    settlement,
    seconds,
  });
  return settlement.kind === "close" ? { kind: "ack" } : { kind: "retry", afterSeconds: settlement.afterSeconds };
}

const noRows = { rules: new Map<string, unknown>(), blocked: new Map<string, unknown>() };
const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };

/** Waits for all questions; when one fails, a claim that succeeded is given back, or its lease would count as a crash. */
async function allOrFirstError<C extends { kind: string; lease?: Lease }, R, S, K>(
  asked: readonly [Promise<C>, Promise<R> | R, Promise<S>, Promise<K>],
  release: (lease: Lease) => Promise<unknown>,
): Promise<[C, R, S, K]> {
  const [claim, ...others] = await Promise.allSettled(asked);
  const failure = [claim, ...others].find((answer) => answer.status === "rejected");
  if (failure === undefined) return Promise.all(asked);
  if (claim.status === "fulfilled" && claim.value.lease) await release(claim.value.lease);
  throw failure.reason;
}

function open({ location, mailId }: Notice, way: Way): Promise<StoredMail | "missing"> {
  if (location.kind === "object") {
    if (way.mayOpen(location.bucket, location.key)) return way.store.open(location);
    return Promise.reject(
      new PortError("MailStore", "open", `Cannot open an object as MAIL_OBJECTS must allow it: current value is ${JSON.stringify(mailId)}`),
    );
  }
  const { octets } = location;
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield octets.subarray(headLimit);
  };
  const head = octets.subarray(0, headLimit);
  return Promise.resolve({
    location: { kind: "object", bucket: "sns", key: mailId },
    size: octets.length,
    attributes: {},
    head,
    rest,
    whole: async () => octets,
  });
}

function fenced(mailId: MailId, way: Way): EntryOutcome {
  way.journal.note({ kind: "fenced", mailId });
  return { kind: "leave" };
}

/** Best effort: without its row a bounce of ours is still known by the mark in it. */
async function noteOutbound(row: OutboundRow, mailId: MailId, way: Way): Promise<void> {
  try {
    await way.outbound.note(row);
  } catch (error) {
    way.journal.note({
      kind: "port-error",
      port: "Outbound",
      operation: "note",
      text: error instanceof Error ? error.message : String(error),
      mailId,
    });
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
    way.journal.note({ kind: "audit-failed", mailId, operation, text: error instanceof Error ? error.message : String(error) });
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
