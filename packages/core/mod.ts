/**
 * The core of Sesame: what shall be done with a mail, and why. It has no I/O, no clock and no chance, and runs unchanged under
 * Bun, Deno, Node and in a browser. `decodeEntry` → `plan` → `settle` decide without a port; `handleEntry` takes a queue
 * entry all the way on ports that you bring. The stages, in order: decode, gather, parse, look up, plan, execute, settle, close.
 *
 * More of each room is at `@sesame/core/mail`, `/ses`, `/rules`, `/compose`, `/plan`, `/explain` and `/journey`. A name that
 * neither this file nor a room's `mod.ts` exports is no promise.
 *
 * @module
 */

// Results of decoders, octets, time.
export { concat, fromBase64 } from "./octets.ts";
export { err, ok, quote, type Result } from "./result.ts";
export { type EpochMs, instant } from "./time.ts";
export { noPause, type Pause } from "./pause.ts";

// Decode: what SES says of a mail that came, or of one that was sent.
export { decodeEntry, type NoticeItem } from "./ses/queue-entry.ts";
export { type MailId, mailId, type Notice, type ObjectLocation } from "./ses/notice.ts";
export { noVerdicts, type SesVerdicts } from "./ses/ses-verdicts.ts";

// Parse: addresses, header and body.
export { addressKey, domainOf, parseAddress, parseDomain, parseReversePath } from "./mail/address.ts";
export type { Address, AddressKey, Domain, ReversePath } from "./mail/address.ts";
export { type Mail, openMail } from "./mail/mail.ts";

// Look up: what the header raises.
export type { OutboundRow } from "./ses/outbound-row.ts";

// Plan: users' rows, and the first decision.
export { compileBlocklist, findBlock, type Blocklist } from "./rules/blocklist.ts";
export { blocklistCache, type BlocklistCache } from "./rules/blocklist-cache.ts";
export type { DirectoryRows, Inquiry } from "./rules/inquiry.ts";
export { decodeRuleRow, decodeRuleRows, type RuleRow } from "./rules/rule-row.ts";
export { sendersOf } from "./rules/sender.ts";
export { defaultPolicy, type Facts, type Policy, type ReplyMemory } from "./plan/facts.ts";
export { plan } from "./plan/plan.ts";
export { parseRecipients, type Recipient } from "./plan/recipient.ts";
export type { Course, Effect, EffectKey, Plan, Route } from "./plan/types.ts";

// Execute: ports, content and verdicts.
export type { Content } from "./compose/content.ts";
export { composeDraft, type Recipe } from "./compose/recipe.ts";
export { type Delayed, delayed, type Final, isFinal, type Verdict } from "./plan/verdict.ts";
export { PortError, thrownEvent } from "./journey/port-error.ts";
export { headLimit, type Claim, type Clock, type Courier, type Directory, type Journal, type JourneyPorts } from "./journey/ports.ts";
export type { Lease, Ledger, MailQueue, MailStore, MailTransaction, Outbound, QueueEntry } from "./journey/ports.ts";
export type { Stop, StoredMail } from "./journey/ports.ts";

// Settle and close: the second decision, and the whole way.
export { settle, type Settlement } from "./journey/settle.ts";
export type { JournalEvent } from "./journey/events.ts";
export type { EntryOutcome } from "./journey/outcome.ts";
export { handleEntry } from "./journey/entry.ts";
