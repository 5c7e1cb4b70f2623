// Plan: the first decision. From the facts of one mail, what shall be done for each recipient, and the reason of all that
// shall not. Takes data and gives data: no I/O, no clock, no chance; equal facts give equal plans, to the octet. It is
// asynchronous only because the parser of readable text is. It never rejects.

import {
  type Address,
  type AddressKey,
  addressKey,
  asciiAddress,
  type Domain,
  domainOf,
  parseAddress,
  type ReversePath,
  sameAddress,
  tableKeys,
} from "./address.ts";
import { type AutomaticReason, automaticReason } from "./automatic.ts";
import { findBlock, indexBlocklist, sendersOf } from "./blocklist.ts";
import { type Bounce, bounceEdits, failedAddress, isFromSesDaemon, isOfOurOwn } from "./bounce.ts";
import { type Dsn, readDsn } from "./dsn.ts";
import { type Deliver, type Effect, type EffectKey, type Forward, keyOf, type Reply } from "./effect.ts";
import { composeForward } from "./forward.ts";
import type { HeaderDefect, HeaderEdit } from "./header.ts";
import { hopsOf, isEditable, isReadable, type Mail } from "./mail.ts";
import type { EpochMs, MailId, Verdicts } from "./notice.ts";
import type { DirectoryRows, ReplyMemory } from "./ports.ts";
import { composeReply } from "./reply.ts";
import { quote } from "./result.ts";
import { routeTo } from "./route.ts";
import { decodeRules, isActive, noRules, type Rules } from "./rule.ts";
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
  | "address-unsupported" // a local part outside ASCII: neither SES nor a header takes it (RFC 6531)
  | "sender-unreadable";

export type Withheld = Readonly<{ kind: "reply" | "forward"; to?: Address; reason: WithheldReason }>;

/** What an administrator should know; nothing stopped because of it. */
export type Warning =
  | { readonly kind: "rule-invalid"; readonly table: "rules" | "blocked"; readonly key: string; readonly text: string }
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
      readonly warnings: readonly Warning[];
    }
  | Serve;
export type Serve = Readonly<{
  kind: "serve";
  recipient: Address;
  effects: readonly Effect[];
  withheld: readonly Withheld[];
  warnings: readonly Warning[];
}>;

export type Plan =
  | { readonly kind: "discard"; readonly reason: DiscardReason }
  | { readonly kind: "carry"; readonly mailId: MailId; readonly courses: readonly Course[] };

const hour = 3_600_000;
const day = 24 * hour;
const maxHops = 30; // RFC 5321 §6.3 suggests 100 for a relay; a mail that we send on anew should not come near

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
type About = Readonly<{
  reversePath: ReversePath;
  senders: readonly Address[];
  mark: LoopMark;
  fromSes: boolean;
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
  const dsn: Dsn = bounce === "not-a-bounce" ? { finalRecipients: [], original: null } : readDsn(mail);
  const warnings: Warning[] = mail.defects.map((defect) => ({ kind: "mail-defect", defect }));
  if (mark === "forged") warnings.push({ kind: "loop-mark-forged" });
  if (facts.envelope.reversePath === undefined) warnings.push({ kind: "reverse-path-unreadable" });
  return {
    reversePath,
    senders: sendersOf(reversePath, mail),
    mark,
    fromSes: isFromSesDaemon(mail),
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
  const failed = typeof bounce === "object" ? failedAddress(bounce, dsn) : null;
  return typeof bounce === "object" && failed !== null ? [...top, ...bounceEdits(mail, bounce, failed)] : top;
}

async function courseOf(recipient: Address, facts: Facts, policy: Policy, about: About): Promise<Course> {
  const keys = tableKeys(recipient);
  const patterns = indexBlocklist(keys.flatMap((key) => (facts.rows.blocked.has(key) ? [facts.rows.blocked.get(key)] : [])));
  const blockWarnings = patterns.warnings.map((text): Warning => ({ kind: "rule-invalid", table: "blocked", key: keys[0] ?? "", text }));
  const block = findBlock(patterns, about.senders);
  if (block !== null) return { kind: "block", recipient, ...block, warnings: blockWarnings };
  const ruleKey = keys.find((key) => facts.rows.rules.has(key));
  const rules = ruleKey === undefined ? noRules : decodeRules(facts.rows.rules.get(ruleKey));
  const ruleWarnings = rules.errors.map((text): Warning => ({ kind: "rule-invalid", table: "rules", key: ruleKey ?? "", text }));
  const deliver: Deliver = { kind: "deliver", key: keyOf("deliver", recipient), from: about.reversePath, edits: about.edits };
  const reply = await planReply(recipient, rules, facts, policy, about);
  const forwards = rules.forwards.map((target) => planForward(recipient, target, rules, facts, about));
  const all = [...(reply ? [reply] : []), ...forwards];
  return {
    kind: "serve",
    recipient,
    effects: [deliver, ...all.filter((item): item is Reply | Forward => "key" in item)],
    withheld: all.filter((item): item is Withheld => !("key" in item)),
    warnings: [...about.warnings, ...blockWarnings, ...ruleWarnings],
  };
}

async function planReply(recipient: Address, rules: Rules, facts: Facts, policy: Policy, about: About): Promise<Reply | Withheld | null> {
  const { mail, mailId, receivedAt, loopKey } = facts;
  const rule = rules.reply;
  if (rule === null) return null;
  const withheld = (reason: WithheldReason): Withheld => ({ kind: "reply", reason });
  if (!isActive(rule, receivedAt)) return withheld("not-active");
  if (about.noRules !== null) return withheld(about.noRules);
  if (about.fromSes) return withheld("ses-bounce");
  if (facts.envelope.reversePath === undefined) return withheld("sender-unreadable");
  const sender = about.reversePath;
  const automatic = automaticReason(mail, sender, recipient);
  if (automatic !== null || sender === null) return withheld(automatic ?? "null-reverse-path");
  const [self, to] = [asciiAddress(recipient), asciiAddress(sender)];
  if (self === null || to === null) return withheld("address-unsupported");
  const memory = facts.answered.get(addressKey(recipient));
  // The memory of this very mail does not withhold: the executor tells whether that attempt is in doubt.
  if (memory && memory.mailId !== mailId && memory.until > receivedAt && memory.textHash === rule.textHash)
    return withheld("already-answered");
  const route = routeTo(sender, facts.domains);
  return {
    kind: "reply",
    key: keyOf("reply", recipient),
    when: { needs: "delivered", waitsUntil: null, notAfter: (receivedAt + day) as EpochMs },
    from: route === "ses" ? self : null, // RFC 5230 §5.1: null; SES refuses the null path
    to,
    route,
    draft: await composeReply({ mail, mailId, receivedAt, recipient: self, sender: to, rule, loopKey }),
    textHash: rule.textHash,
    rememberUntil: (receivedAt + policy.replyEveryDays * day) as EpochMs,
  };
}

function planForward(recipient: Address, target: Address, rules: Rules, facts: Facts, about: About): Forward | Withheld {
  const { mail, mailId, receivedAt, loopKey } = facts;
  const [self, to] = [asciiAddress(recipient), asciiAddress(target)];
  const reason = forwardStop(recipient, target, rules, facts, about);
  if (reason !== null) return { kind: "forward", to: target, reason };
  if (self === null || to === null) return { kind: "forward", to: target, reason: "address-unsupported" };
  const route = routeTo(target, facts.domains);
  return {
    kind: "forward",
    key: keyOf("forward", recipient, target),
    when: { needs: "final", waitsUntil: (receivedAt + hour) as EpochMs, notAfter: null },
    from: route === "internal" && about.reversePath === null ? null : self,
    to,
    route,
    draft: composeForward({ mail, mailId, receivedAt, recipient: self, target: to, loopKey }),
  };
}

function forwardStop(recipient: Address, target: Address, rules: Rules, facts: Facts, about: About): WithheldReason | null {
  if (about.noRules !== null) return about.noRules;
  if (sameAddress(target, recipient)) return "to-self";
  if (about.reversePath !== null && sameAddress(target, about.reversePath)) return "to-sender";
  if (hopsOf(facts.mail) >= maxHops) return "too-many-hops";
  const isBounce = facts.bounce !== "not-a-bounce";
  return isBounce && isOfOurOwn(facts.bounce, about.dsn, facts.loopKey, rules.forwards) ? "bounce-of-ours" : null;
}

/** Names a course that serves nobody in one line, for logs and for people. */
export function describeCourse(course: Exclude<Course, Serve>): string {
  if (course.kind === "refuse") return `refused: ${course.reason}`;
  return `blocked: ${course.matched} matches ${quote(course.pattern)}`;
}
