// Ports: all that the core asks of the world outside. Adapters implement them and hold the deadlines; every call may
// throw, and what is thrown delays mail and never loses it. One contract suite per port runs against all adapters.

import type { Content } from "../compose/content.ts";
import type { Address, AddressKey, Domain, ReversePath } from "../mail/address.ts";
import type { Pause } from "../pause.ts";
import type { Policy, ReplyMemory } from "../plan/facts.ts";
import type { EffectKey, ReplyLimits, Route } from "../plan/types.ts";
import type { Delayed, Final, Verdict } from "../plan/verdict.ts";
import type { BlocklistCache } from "../rules/blocklist-cache.ts";
import type { DirectoryRows, Inquiry } from "../rules/inquiry.ts";
import type { RowSpellings } from "../rules/row-spelling.ts";
import type { MailId, ObjectLocation } from "../ses/notice.ts";
import type { OutboundRow } from "../ses/outbound-row.ts";
import type { EpochMs } from "../time.ts";
import type { AuditMarks, AuditRecord } from "./audit-mark.ts";
import type { JournalEvent } from "./events.ts";
import type { HonourMarks } from "./foreign-mark.ts";
import type { Mailboxes } from "./known-mailbox.ts";
import type { BlockedMail } from "./settle.ts";
import type { TraceHashes } from "./trace-hashes.ts";

/** Raised once to ask work to end. Adapters look at it between steps; nothing is torn down under their feet. */
export interface Stop {
  readonly stopped: boolean;
}

/** What time it is. The only clock that the core knows; a fake one in tests. */
export interface Clock {
  now(): EpochMs;
}

/** One entry of a queue, as received: SQS's message with the attributes that matter. */
export type QueueEntry = Readonly<{
  /** The queue's own id of the entry, the same in every receive. */
  id: string;
  /** Valid for this receive only. */
  receiptHandle: string;
  /** 1 at the first receive. Approximate: looking at a queue in a console counts too. */
  receiveCount: number;
  sentAt: EpochMs;
  body: string;
}>;

/** Entries that can be received, that somebody holds, and that wait for their time. Approximate. */
export type QueueSize = Readonly<{ visible: number; inFlight: number; delayed: number }>;

/** How long a receive waits for the first entry: as the queue is configured, or not at all. */
export type ReceiveWait = "long" | "none";

/** At-least-once queue with visibility timeout, as SQS's standard queue is. One object per queue. */
export interface MailQueue {
  /** Up to `limit` (1–10) entries, waiting a while for the first ("long", the default). When `stop` is raised the wait may end early. */
  receive(limit: number, stop: Stop, wait?: ReceiveWait): Promise<readonly QueueEntry[]>;
  /** Keeps an entry out of others' sight for `seconds` from now. "lost": the receipt no longer owns the entry. */
  extend(entry: QueueEntry, seconds: number): Promise<"kept" | "lost">;
  /** Removes entries for good. An entry whose receipt is stale may come back; that is no error. */
  ack(entries: readonly QueueEntry[]): Promise<void>;
  /** Gives an entry back, to be seen again after `afterSeconds` (0–43200). */
  retryLater(entry: QueueEntry, afterSeconds: number): Promise<void>;
  size(): Promise<QueueSize>;
  /** Entries in its dead-letter queue; `null` where there is none, or the rights do not show it. */
  deadLetterCount?(): Promise<number | null>;
}

/** A stored mail, opened: its first octets at once, the others when asked. */
export type StoredMail = Readonly<{
  location: ObjectLocation;
  /** Octets of the whole mail. */
  size: number;
  /** What the adapter must keep when it marks the mail (content type, metadata, …); opaque to the core. */
  attributes: Readonly<Record<string, string>>;
  /** The first 256 KiB, or all of a smaller mail. */
  head: Uint8Array;
  /**
   * The octets after `head`, from their start each time it is called. Fails when it cannot give all of them. A piece is
   * valid until the next one is read.
   */
  rest(): AsyncIterable<Uint8Array>;
  /** All octets in memory. Only for what cannot work on a stream. */
  whole(): Promise<Uint8Array>;
}>;

/** How much of a mail `open` reads at once. The whole of most mails, and of every header block worth deciding on. */
export const headLimit: number = 256 * 1024;

/** Where raw mail is kept, as S3 keeps it. */
export interface MailStore {
  /** Opens a mail. "missing": there is surely no such object (a refusal of access is thrown instead). */
  open(location: ObjectLocation): Promise<StoredMail | "missing">;
  /** Adds the audit trail to what the store keeps beside the mail; existing attributes stay. */
  mark(mail: StoredMail, record: AuditRecord): Promise<void>;
  /** Deletes the mail. Deleting what is gone is no error. */
  erase(mail: StoredMail): Promise<void>;
}

/** Users' rules and blocklists, read in one round. */
export interface Directory {
  look(inquiry: Inquiry): Promise<DirectoryRows>;
}

/** The right to work on one mail for a while. All notices of a mail share its row in the ledger. */
export type Lease = Readonly<{
  mailId: MailId;
  owner: string;
  /** Random, new with each claim. A write of an earlier claim that arrives late has another one, and is refused. */
  nonce: string;
  until: EpochMs;
  /** How often a lease ran out under its holder. */
  crashes: number;
  /** True when this claim took over an expired lease: its holder may have got further than the ledger knows. */
  takenOver: boolean;
  finals: ReadonlyMap<EffectKey, Final>;
  /** The recipients that this claim named. */
  recipients: readonly AddressKey[];
  /** Another notice named recipients of this mail who are not done. Nobody else can change that while the lease lasts. */
  othersWait: boolean;
  /** What the adapter keeps of this claim; opaque to the core. */
  rows?: unknown;
}>;

/** The answer to a claim. "busy": another worker's lease lasts until then. */
export type Claim =
  | { readonly kind: "held"; readonly lease: Lease }
  | { readonly kind: "busy"; readonly until: EpochMs }
  | ({ readonly kind: "closed" } & ClosedMail);

/**
 * A mail that is done, and for whom: a second notice of it may name others. `nonce`: of the claim that closed it; `null` in rows
 * of earlier versions. `eraseAfter`: all recipients blocked it, and its object may be deleted from then on.
 */
export type ClosedMail = Readonly<{ nonce: string | null; finals: ReadonlyMap<EffectKey, Final>; eraseAfter: EpochMs | null }>;

/** What happens to the lease when finals are recorded. "close": the recipients of this claim are done. */
export type AfterRecord = "hold" | "release" | "close";

/** "closed": the mail is done for all recipients. "fenced": the lease belongs to another claim now, and nothing was written. */
export type Recorded = "recorded" | "closed" | "fenced";

/**
 * One row of the reply memory: this mailbox answered this sender. `effect` names the reply among those of the mail: what was
 * claimed for it stays claimed, whatever becomes of the row.
 */
export type ReplyRow = ReplyMemory & Readonly<{ recipient: AddressKey; sender: AddressKey; effect: EffectKey }>;

/** An auto-reply of a mail, to be counted before it is sent. `mailbox`: who answers, without its tag. */
export type ReplyCount = ReplyLimits & Readonly<{ mailId: MailId; effect: EffectKey; mailbox: AddressKey }>;

/**
 * Milliseconds after its closing in which a mail cannot be opened again ("busy"), so that its audit mark is written before the
 * one of the next closing.
 */
export const reopenAfterMs: number = 10_000;

/** What has been done, and who may do more. Every method is a read or a few conditional writes. */
export interface Ledger {
  /**
   * Claims a mail if nobody holds it, this owner does (its time over or not), or another's lease ran out, which adds one crash.
   * The recipients wait from then on, until a claim that names them closes. `trace`: hashes that are kept with the mail, by the
   * same write; those of earlier claims stay.
   */
  claim(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], trace?: TraceHashes): Promise<Claim>;
  /**
   * Claims a closed mail, after `reopenAfterMs`, for recipients that it was not closed for. `former`: the id under which earlier versions kept the
   * finals of such a notice; they are taken over. If the mail is not closed any more, this is a claim.
   */
  reopen(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], former: MailId, trace?: TraceHashes): Promise<Claim>;
  /** Keeps a closed mail from being opened for `reopenAfterMs` from now. "lost": it was opened since it was read. */
  keepClosed(mailId: MailId, closed: Pick<ClosedMail, "nonce">): Promise<"kept" | "lost">;
  /** Prolongs a lease. "lost": another claim has it. */
  extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost">;
  /**
   * Adds finals and keeps the lease, gives it back, or ends the work for its recipients: the mail is closed for good if no
   * others wait, else the lease is given back. Finals already recorded stand. `eraseAfter` is kept with a mail that is closed.
   */
  record(lease: Lease, finals: ReadonlyMap<EffectKey, Final>, then: AfterRecord, eraseAfter?: EpochMs): Promise<Recorded>;
  /** Live reply memory of `recipients` for one sender; expired rows are absent. Rows of earlier versions have recipients with tags. */
  recall(recipients: readonly AddressKey[], sender: AddressKey): Promise<ReadonlyMap<AddressKey, ReplyMemory>>;
  /**
   * Counts an auto-reply, once however often it is asked: "exhausted" where the sender or the mailbox has had all that it may
   * (see `replyCounters`). A mail that was granted stays granted.
   */
  countReply(count: ReplyCount): Promise<"granted" | "exhausted">;
  /**
   * Claims the right to reply. "claimed" if there is no row, or one that expired or is of another text. "in-doubt" if an earlier
   * attempt at the same mail claimed it, also where another mail has replaced the row since. "answered" if another mail did,
   * with this text.
   */
  claimReply(row: ReplyRow): Promise<"claimed" | "in-doubt" | "answered">;
  /** Takes back a claim of this very mail when it is certain that nothing was sent. */
  releaseReply(row: ReplyRow): Promise<void>;
  /** The secret of the loop mark: made once, then the same for all workers. */
  loopKey(): Promise<Uint8Array>;
}

/** The table of mails sent through SES. */
export interface Outbound {
  /** The row of the first of these SES ids that has one. */
  find(sesIds: readonly string[]): Promise<unknown>;
  /** Writes or completes a row; the same row twice changes nothing. */
  note(row: OutboundRow): Promise<void>;
}

/** One transaction: the same octets for all its recipients. */
export type MailTransaction = Readonly<{
  mailId: MailId;
  from: ReversePath;
  /** Distinct addresses, each with the key of its effect. */
  recipients: readonly Readonly<{ address: Address; key: EffectKey }>[];
  content: Content;
  /** The courier has given a turn for it: `send` must not wait for another one. */
  hasTurn?: boolean;
}>;

/** Takes mail where a route leads. */
export interface Courier {
  /**
   * Waits until a route takes a mail to one recipient, or says why it does not. What must not be claimed during a wait asks for
   * its turn first. A turn that is not used does no harm. A courier that never waits does not have this method.
   */
  turn?(route: Route): Promise<"ready" | Delayed>;
  /** A verdict for each recipient. A missing one counts as delayed, and so does whatever is thrown. */
  send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>>;
}

/** What the worker knows of its queues, for mails that all recipients block and that wait to be deleted. */
export interface Resting {
  /**
   * Whether each served queue was received empty once since then, while no circuit was open and no entry hidden: then no notice
   * of that time is left that could name others.
   */
  quietSince(instant: EpochMs): boolean;
  /** An entry of the queue is given back for so many seconds although its notice could not be looked at. */
  hides(seconds: number): void;
  /** Lets an entry of the queue wait so many seconds. False: too many of its entries wait already. */
  admit(entryId: string, seconds: number): boolean;
}

/** Takes note of what happens, for logs and metrics. Never throws. */
export interface Journal {
  note(event: JournalEvent): void;
}

/** The two tables that users' rows stand in. */
export type RuleTable = "rules" | "blocked";

/** The users' tables as the command line edits them. */
export interface RuleBook {
  /** All rows of a table, by key in order. */
  list(table: RuleTable): Promise<readonly Readonly<{ key: string; row: unknown }>[]>;
  /** One row, or `null`. */
  show(table: RuleTable, key: string): Promise<unknown>;
  /** Writes a whole row. */
  set(table: RuleTable, key: string, row: Readonly<Record<string, unknown>>): Promise<void>;
  /** False when there was none. */
  remove(table: RuleTable, key: string): Promise<boolean>;
}

/** The memory that mails may take up together. One object for each mail; what it took is given back at the end of the work. */
export interface OctetBudget {
  /** Reserves octets and waits for room. False: there was no room in time, and nothing is reserved. */
  take(octets: number): Promise<boolean>;
  give(octets: number): void;
}

/** All that a mail needs on its way, and what the operator has chosen. A function takes what it needs by `Pick`. */
export type JourneyPorts = Readonly<{
  ledger: Ledger;
  directory: Directory;
  store: MailStore;
  outbound: Outbound;
  courier: Courier;
  journal: Journal;
  clock: Clock;
  stop: Stop;
  domains: readonly Domain[];
  policy: Policy;
  blockedMail: BlockedMail;
  /** Whose audit marks end a mail that is still queued. Default "never". */
  honourMarks?: HonourMarks;
  /** How users' rows may be spelled. Default "strict". */
  rowSpellings?: RowSpellings;
  /** Which mails get an audit mark. Default "all". */
  auditMarks?: AuditMarks;
  resting: Resting;
  /** Seconds that a lease lasts; the caller extends it. */
  leaseSeconds: number;
  /** Name in the audit mark: `worker-<domain>`. */
  worker: string;
  /** Whether this bucket and key may be read; a notice is only a text that somebody put into a queue. */
  mayOpen(bucket: string, key: string): boolean;
  /** Mails that this process works on: the ledger lets one owner claim twice, and two entries may announce one mail. */
  inWork: Set<MailId>;
  /** Compiled rows of the blocklist table. One for the process: rows are found by their keys. */
  blocklists: BlocklistCache;
  /** Charged for what is composed and for rows; the store charges for the octets of the mail itself. */
  budget: OctetBudget;
  /** Which mailboxes are known to exist. */
  mailboxes: Mailboxes;
  /** Gives the event loop to other work between steps. */
  pause: Pause;
  /** Told when a lease is held, so that it can be extended together with the entry. */
  onLease(lease: Lease): void;
  /** Told when the end of the last mail of an entry is recorded. What follows can neither fail the mail nor repeat it. */
  onRecorded(): void;
}>;
