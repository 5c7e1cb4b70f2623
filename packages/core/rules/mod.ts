/**
 * The rows of users: out-of-office replies and forwards, blocklists with fnmatch patterns. Also who counts as the sender of a mail,
 * and which mail is automatic (RFC 3834). No function reads a table: an `Inquiry` names the keys, and the caller brings the rows.
 *
 * @module
 */

// Which rows to read.
export { type DirectoryRows, type Inquiry, inquire } from "./inquiry.ts";
export { octetsOfRow, octetsOfRows } from "./row-octets.ts";

// Out-of-office replies and forwards.
export {
  decodeRuleRow,
  decodeRuleRows,
  decodeRuleRowsWithPauses,
  type ReplyRule,
  type RowProblem,
  type RuleRow,
  ruleRowFor,
  ruleRowProblems,
} from "./rule-row.ts";
export { type Respelled, type Respelling, type RowSpellings, respellPatterns, respellRuleRow } from "./row-spelling.ts";
export { type ActivePeriod, isActive } from "./active-period.ts";
export { type AutomaticReason, type AutomaticSigns, automaticReason, automaticSignsOf } from "./automatic.ts";

// Blocklists.
export {
  type Blocked,
  type Blocklist,
  blocklistWarnings,
  compileBlocklist,
  compileBlocklistWithPauses,
  findBlock,
  matchSender,
  matchSenderWithPauses,
  nearestBlock,
  type SenderMatches,
} from "./blocklist.ts";
export { type BlocklistCache, blocklistCache } from "./blocklist-cache.ts";
export type { BlocklistWarning } from "./blocklist-row.ts";
export { type PatternAdvice, patternAdvice } from "./pattern-advice.ts";

// The sender of a mail: for blocklists, and for the reply memory.
export { countedSenderOf, embeddedAddresses, rememberedSenderOf, sendersOf } from "./sender.ts";
