/**
 * The way of one mail over ports that the caller brings: gather, look up, execute, settle, close; the second decision; and
 * the ports themselves.
 *
 * @module
 */

export { type AuditMark, type AuditRecord, type AuditStatus, auditListText, auditRecord, auditTexts } from "./audit-mark.ts";
export { handleEntry } from "./entry.ts";
export type { JournalEvent, Stage } from "./events.ts";
export type { Report } from "./effect-run.ts";
export { execute } from "./execute.ts";
export type { ForeignMark, HonourMarks } from "./foreign-mark.ts";
export { type Answers, type Gathered, gather } from "./gather.ts";
export { runJourney } from "./journey.ts";
export type { LedgerBook, LedgerEnd, LedgerEntry, LedgerFound, LedgerLimits, LedgerQuestion, LedgerState } from "./ledger-book.ts";
export { type LabelledMail, type MailShelf, type ShelvedMail, type StoredMark, storedMark } from "./mail-shelf.ts";
export { lookUp, openForPlanning } from "./look-up.ts";
export type { EntryOutcome } from "./outcome.ts";
export { type FirstRefusals, type Mailboxes, noKnownMailboxes } from "./known-mailbox.ts";
export { NoRoom, PortError, thrownEvent } from "./port-error.ts";
export {
  type AfterRecord,
  type Claim,
  type Clock,
  type ClosedMail,
  type Courier,
  type Directory,
  headLimit,
  type Journal,
  type JourneyPorts,
  type Lease,
  type Ledger,
  type MailQueue,
  type MailStore,
  type MailTransaction,
  type OctetBudget,
  type Outbound,
  type QueueEntry,
  type QueueSize,
  type ReceiveWait,
  type Recorded,
  type ReplyCount,
  type ReplyRow,
  type Resting,
  type RuleBook,
  type RuleTable,
  reopenAfterMs,
  type Stop,
  type StoredMail,
} from "./ports.ts";
export { awayDelay, backOff, handBackDelay, noRoomDelay } from "./retry-delay.ts";
export { type ReplyCounter, replyCounters } from "./reply-counters.ts";
export { type BlockedMail, type Settlement, settle } from "./settle.ts";
export { parseSmtpReply, type SmtpPhase, type SmtpReply, verdictOfReply } from "./smtp-reply.ts";
export type { StageTimer } from "./stage-timer.ts";
export { messageHash, recipientHash, type TraceHashes, traceHashes } from "./trace-hashes.ts";
