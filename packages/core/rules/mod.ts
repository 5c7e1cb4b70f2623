/**
 * Users' rows: out-of-office and forwards, blocklists with fnmatch patterns, who counts as the sender, which mail is
 * automatic (RFC 3834).
 *
 * @module
 */

export { decodePeriod, type Period, type PeriodTexts } from "./active-period.ts";
export { type AutomaticReason, automaticReason } from "./automatic.ts";
export {
  type Blocked,
  type Blocklist,
  type BlocklistWarning,
  blocklistWarnings,
  compileBlocklist,
  findBlock,
  matchSender,
  nearestBlock,
  type SenderMatches,
} from "./blocklist.ts";
export { type DirectoryRows, type Inquiry, inquire } from "./inquiry.ts";
export { compilePattern, foldText, isLiteral, matches, maxPattern, type Pattern } from "./pattern.ts";
export { decodeRuleRow, decodeRuleRows, isActive, type ReplyRule, type RuleRow, ruleRowFor } from "./rule-row.ts";
export { plainForms, rememberedSenderOf, sendersOf } from "./sender.ts";
