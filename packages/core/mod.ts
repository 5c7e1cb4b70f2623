// The core of Sesame: what shall be done with a mail, and why. Exported in the order of the mail's journey; README.md beside
// this file shows how to ask for a decision. `decodeEntry` → `plan` → `settle` decide without a port; `travel` goes the whole way
// on ports that you bring (ports.ts). What is not named here is no promise.

// Results of decoders, octets.
export { base64, concat, fromBase64 } from "./bytes.ts";
export { err, ok, quote, type Result } from "./result.ts";

// Decode: what SES says of a mail that came, or of one that was sent.
export { decodeEntry } from "./notice.ts";
export type { EpochMs, IgnoreReason, InlineLocation, MailId, Notice, NoticeItem, ObjectLocation } from "./notice.ts";
export { decodeSendingEvent, type SendingEvent } from "./sending-event.ts";
export { dmarcPolicyOf, noVerdicts, statusOf, type Verdicts, type VerdictStatus } from "./ses-verdicts.ts";

// Addresses.
export {
  addressKey,
  asciiAddress,
  domainOf,
  localPartOf,
  parseAddress,
  parseDomain,
  parseMailboxes,
  parseReversePath,
  sameAddress,
  sameMailbox,
  tableKeys,
  unicodeKey,
  withoutTag,
} from "./address.ts";
export type { Address, AddressKey, Domain, Mailbox, ReversePath } from "./address.ts";

// Inquire and gather: what must be asked.
export { gather, served, type Answers, type Gathered, type GatherPorts } from "./gather.ts";
export { inquire, type Inquiry } from "./inquiry.ts";

// Parse: header and body, read and written.
export { fieldsOf, fieldValue, firstValue, maxFields, maxHeader, maxValue, splitHeader, valuesOf } from "./header.ts";
export type { HeaderBlock, HeaderDefect, HeaderField, HeaderSplit } from "./header.ts";
export { mailboxValue, renderBlock, renderField, safeText, writeBlock, type FieldValue, type HeaderEdit } from "./header.ts";
export { decodeWords, encodeWords } from "./encoded-word.ts";
export { parameterTexts, parseParameters, writeParameters, type Parameter, type ParameterList } from "./parameter.ts";
export { hopsOf, idsOf, isEditable, isReadable, mailboxesOf, messageIdOf, openMail, subjectOf, type Mail } from "./mail.ts";
export { readableText } from "./body.ts";
export { textOfHtml, type HtmlReading } from "./html-text.ts";
export { AttachmentScanner, scanAttachments } from "./attachments.ts";

// Plan, the first decision: the parts of it.
export { automaticReason, type AutomaticReason } from "./automatic.ts";
export { readDsn, type Dsn } from "./dsn.ts";
export { bounceEdits, decodeOutbound, failedAddress, isFromSesComplaints, isFromSesDaemon, isOfOurOwn, isSesBounce } from "./bounce.ts";
export { originalIds, type Bounce, type BounceRecord } from "./bounce.ts";
export { compilePattern, foldText, isLiteral, matches, maxPattern, type Pattern } from "./pattern.ts";
export { findBlock, indexBlocklist, type Blocked, type BlockedRow, type Blocklist, type BlocklistWarning } from "./blocklist.ts";
export { plainForms, sendersOf } from "./sender.ts";
export { correspondentOf } from "./correspondent.ts";
export { decodePeriod, type Period, type PeriodTexts } from "./period.ts";
export { decodeRules, isActive, type ReplyRule, type Rules } from "./rule.ts";
export { mailDate, references } from "./draft.ts";
export { quotedPrintable } from "./quoted-printable.ts";
export { excerptLine, excerptText } from "./excerpt.ts";
export { composeReply, type ReplyOccasion } from "./reply.ts";
export { keptNames } from "./kept-field.ts";
export { composeForward, type ForwardOccasion } from "./forward.ts";
export { composeForwardNotice, type Obstacle } from "./forward-notice.ts";
export { sesMaxOctets, sesRefusesName } from "./ses-limit.ts";
export { loopMark, readLoopMark, type LoopMark } from "./trace.ts";

// Plan: the decision.
export { keyOf, type Deliver, type Draft, type Effect, type EffectKey, type Forward, type Reply } from "./effect.ts";
export type { Route, Unforwardable, When } from "./effect.ts";
export { describeCourse, type Course, type DiscardReason, type Plan, type RefuseReason, type Serve } from "./course.ts";
export type { Warning, Withheld, WithheldReason } from "./course.ts";
export { defaultPolicy, plan, type Facts, type Policy } from "./plan.ts";

// Execute: verdicts.
export { delayed, isFinal, parseSmtpReply, verdictOfReply, type Verdict, type Final, type Scope } from "./verdict.ts";
export type { DelayReason, FailReason, SkipReason, SmtpPhase, SmtpReply } from "./verdict.ts";
export { execute, type Hands, type Report } from "./execute.ts";
export type { Cargo } from "./cargo.ts";

// Settle, the second decision.
export { settle, type BlockedMail, type Settlement } from "./settle.ts";
export { backOff } from "./pause.ts";
export { markTrail, type Mark, type MarkStatus } from "./mark.ts";

// The whole way, what it tells, and all that it asks of the world outside.
export { travel, type EntryOutcome, type Way } from "./journey.ts";
export { thrownEvent, type JournalEvent, type Stage } from "./journal.ts";
export * from "./ports.ts";
