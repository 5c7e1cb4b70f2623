// Plan: the first decision. From the facts of one mail, what shall be done for each recipient, and the reason of all that
// shall not. Takes data and gives data: no I/O, no clock, no chance; equal facts give equal plans, to the octet. It is
// asynchronous only because the parser of readable text is. It never rejects.

import { type Address, type AddressKey, addressKey, type Domain, domainOf, parseAddress, type ReversePath, tableKeys } from "./address.ts";
import type { AutomaticReason } from "./automatic.ts";
import { type BlocklistWarning, findBlock, indexBlocklist } from "./blocklist.ts";
import { type Bounce, bounceEdits, isFromSesComplaints, isFromSesDaemon } from "./bounce.ts";
import { type Dsn, noDsn, readDsn } from "./dsn.ts";
import { type Deliver, type Effect, type EffectKey, type Forward, keyOf, type Reply } from "./effect.ts";
import { planForward } from "./forward-decision.ts";
import type { HeaderDefect, HeaderEdit } from "./header.ts";
import { isEditable, isReadable, type Mail } from "./mail.ts";
import type { EpochMs, MailId } from "./notice.ts";
import type { DirectoryRows, ReplyMemory } from "./ports.ts";
import { planReply } from "./reply-decision.ts";
import { quote } from "./result.ts";
import { decodeRules, noRules } from "./rule.ts";
import { sendersOf } from "./sender.ts";
import type { Verdicts } from "./ses-verdicts.ts";
import { type LoopMark, readLoopMark } from "./trace.ts";
import type { Final } from "./verdict.ts";

/** All that is known of one mail. */
export type Facts = Readonly<{
  mailId: MailId;
  receivedAt: EpochMs;
  /** `undefined`: there is a reverse-path, and it is no address. Recipients as the notice spells them. */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly string[] }>;
  verdicts: Verdicts;
  domains: readonly Domain[];
  mail: Mail;
  bounce: Bounce;
  rows: DirectoryRows;
  finals: ReadonlyMap<EffectKey, Final>;
  /** Live reply memory for this sender, by recipient. */
  answered: ReadonlyMap<AddressKey, ReplyMemory>;
  /** File names in the mail, as far as anybody needed to know: they are looked for only where a forward leaves by SES. */
  attachments: readonly string[];
  loopKey: Uint8Array;
}>;

/** What the operator has chosen. */
export type Policy = Readonly<{
  spamVerdict: "deliver" | "drop";
  virusVerdict: "deliver" | "drop";
  replyEveryDays: number;
}>;

/** The defaults of the configuration. */
export const defaultPolicy: Policy = { spamVerdict: "deliver", virusVerdict: "deliver", replyEveryDays: 7 };

export type DiscardReason = "spam-verdict" | "virus-verdict";
export type RefuseReason = "foreign-domain" | "invalid-address";

/** Why a reply or forward is not made although a rule asks for it. */
export type WithheldReason =
  | AutomaticReason
  | "spam-verdict"
  | "virus-verdict"
  | "dmarc-verdict"
  | "own-mark" // the mail is a forward or reply of ours that came back
  | "ses-bounce" // never answered
  | "bounce-of-ours" // a bounce of a forward or reply of ours
  | "not-active" // out-of-office is set for another time
  | "already-answered"
  | "to-self" // the target is the recipient
  | "to-sender" // the target sent the mail
  | "too-many-hops"
  | "header-unreadable"
  | "address-unsupported" // a local part outside ASCII (RFC 6531), or by SES a domain that it takes for none
  | "sender-unreadable";

export type Withheld = Readonly<{ kind: "reply" | "forward"; to?: Address; reason: WithheldReason }>;

/** What an administrator should know; nothing stopped because of it. */
export type Warning =
  | { readonly kind: "rule-invalid"; readonly table: "rules" | "blocked"; readonly key: string; readonly text: string }
  | { readonly kind: "blocks-everybody"; readonly key: string; readonly text: string } // a pattern such as `*`
  | { readonly kind: "mail-defect"; readonly defect: HeaderDefect }
  | { readonly kind: "loop-mark-forged" }
  | { readonly kind: "reverse-path-unreadable" };

export type Course =
  | { readonly kind: "refuse"; readonly recipient: string; readonly reason: RefuseReason }
  | {
      readonly kind: "block";
      readonly recipient: Address;
      readonly pattern: string;
      readonly matched: Address;
      /** Table key of the row that holds the pattern. */
      readonly row: string;
      readonly warnings: readonly Warning[];
    }
  | Serve;
export type Serve = Readonly<{
  kind: "serve";
  recipient: Address;
  /** Table key of the rules that apply; `null` where there are none. */
  row: string | null;
  effects: readonly Effect[];
  withheld: readonly Withheld[];
  warnings: readonly Warning[];
}>;

export type Plan =
  | { readonly kind: "discard"; readonly reason: DiscardReason }
  | { readonly kind: "carry"; readonly mailId: MailId; readonly courses: readonly Course[] };

/** Decides. */
export async function plan(facts: Facts, policy: Policy = defaultPolicy): Promise<Plan> {
  const { spam, virus } = facts.verdicts;
  if (virus === "FAIL" && policy.virusVerdict === "drop") return { kind: "discard", reason: "virus-verdict" };
  if (spam === "FAIL" && policy.spamVerdict === "drop") return { kind: "discard", reason: "spam-verdict" };
  const about = study(facts);
  const courses: Course[] = [];
  const seen = new Set<string>();
  for (const recipient of facts.envelope.recipients) {
    const parsed = parseAddress(recipient);
    const key = parsed.ok ? addressKey(parsed.value) : recipient;
    if (seen.has(key)) continue; // one course for each mailbox, however often it is named (RFC 2033 §4.2)
    seen.add(key);
    if (!parsed.ok) courses.push({ kind: "refuse", recipient, reason: "invalid-address" });
    else if (!facts.domains.includes(domainOf(parsed.value))) courses.push({ kind: "refuse", recipient, reason: "foreign-domain" });
    else courses.push(await courseOf(parsed.value, facts, policy, about));
  }
  return { kind: "carry", mailId: facts.mailId, courses };
}

/** What is the same for all recipients, found once. */
export type About = Readonly<{
  reversePath: ReversePath;
  senders: readonly Address[];
  mark: LoopMark;
  /** Why nobody answers, because one of SES's machines wrote the mail. */
  fromSes: WithheldReason | null;
  dsn: Dsn;
  edits: readonly HeaderEdit[];
  /** Why no rule of anybody runs. */
  noRules: WithheldReason | null;
  warnings: readonly Warning[];
}>;

function study(facts: Facts): About {
  const { mail, bounce } = facts;
  const reversePath = facts.envelope.reversePath ?? null;
  const mark = readLoopMark(facts.loopKey, mail.block);
  const dsn: Dsn = bounce === "not-a-bounce" ? noDsn : readDsn(mail);
  const warnings: Warning[] = mail.defects.map((defect) => ({ kind: "mail-defect", defect }));
  if (mark === "forged") warnings.push({ kind: "loop-mark-forged" });
  if (facts.envelope.reversePath === undefined) warnings.push({ kind: "reverse-path-unreadable" });
  return {
    reversePath,
    senders: sendersOf(reversePath, mail),
    mark,
    fromSes: isFromSesDaemon(mail) ? "ses-bounce" : isFromSesComplaints(mail) ? "report" : null,
    dsn,
    edits: deliveryEdits(mail, bounce, dsn),
    noRules: ruleStop(facts, mark),
    warnings,
  };
}

function ruleStop({ mail, verdicts }: Facts, mark: LoopMark): WithheldReason | null {
  if (!isReadable(mail)) return "header-unreadable";
  if (mark === "ours") return "own-mark";
  if (verdicts.virus === "FAIL") return "virus-verdict";
  if (verdicts.spam === "FAIL") return "spam-verdict";
  const failed = verdicts.dmarc === "FAIL" && (verdicts.dmarcPolicy === "reject" || verdicts.dmarcPolicy === "quarantine");
  return failed ? "dmarc-verdict" : null;
}

/** The stored Return-Path goes, since the last host writes its own (RFC 5321 §4.4); a known bounce shows who failed. */
function deliveryEdits(mail: Mail, bounce: Bounce, dsn: Dsn): readonly HeaderEdit[] {
  if (!isEditable(mail)) return [];
  const top: readonly HeaderEdit[] =
    mail.block.fields[0]?.key === "return-path" ? [{ kind: "remove", name: "Return-Path", which: "topmost" }] : [];
  return [...top, ...bounceEdits(mail, bounce, dsn)];
}

async function courseOf(recipient: Address, facts: Facts, policy: Policy, about: About): Promise<Course> {
  const keys = tableKeys(recipient);
  const blockedRows = keys.filter((key) => facts.rows.blocked.has(key)).map((key) => ({ key, patterns: facts.rows.blocked.get(key) }));
  const patterns = indexBlocklist(blockedRows);
  const blockWarnings = patterns.warnings.map(warningOf);
  const block = findBlock(patterns, about.senders);
  if (block !== null) return { kind: "block", recipient, ...block, warnings: blockWarnings };
  const row = keys.find((key) => facts.rows.rules.has(key)) ?? null;
  const rules = row === null ? noRules : decodeRules(facts.rows.rules.get(row));
  const ruleWarnings = rules.errors.map((text): Warning => ({ kind: "rule-invalid", table: "rules", key: row ?? "", text }));
  const deliver: Deliver = { kind: "deliver", key: keyOf("deliver", recipient), from: about.reversePath, edits: about.edits };
  const reply = await planReply(recipient, rules, facts, policy, about);
  const forwards = rules.forwards.map((target) => planForward(recipient, target, rules, facts, about));
  const all = [...(reply ? [reply] : []), ...forwards];
  return {
    kind: "serve",
    recipient,
    row,
    effects: [deliver, ...all.filter((item): item is Reply | Forward => "key" in item)],
    withheld: all.filter((item): item is Withheld => !("key" in item)),
    warnings: [...about.warnings, ...blockWarnings, ...ruleWarnings],
  };
}

function warningOf({ kind, key, text }: BlocklistWarning): Warning {
  return kind === "broad" ? { kind: "blocks-everybody", key, text } : { kind: "rule-invalid", table: "blocked", key, text };
}

/** Names a course that serves nobody in one line, for logs and for people. */
export function describeCourse(course: Exclude<Course, Serve>): string {
  if (course.kind === "refuse") return `refused: ${course.reason}`;
  return `blocked: ${course.matched} matches ${quote(course.pattern)}`;
}
