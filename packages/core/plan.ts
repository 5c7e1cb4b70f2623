// Plan: the first decision. From the facts of one mail, what shall be done for each recipient, and the reason of all that
// shall not. Takes data and gives data: no I/O, no clock, no chance; equal facts give equal plans, to the octet. It is
// asynchronous only because the parser of readable text is. It never rejects.

import { type Address, type AddressKey, addressKey, type Domain, domainOf, parseAddress, type ReversePath, tableKeys } from "./address.ts";
import { type BlocklistWarning, findBlock, indexBlocklist } from "./blocklist.ts";
import { type Bounce, bounceEdits, isFromSesComplaints, isFromSesDaemon } from "./bounce.ts";
import type { Course, Plan, Warning, Withheld, WithheldReason } from "./course.ts";
import { type Dsn, noDsn, readDsn } from "./dsn.ts";
import { type Deliver, type EffectKey, type Forward, keyOf, type Reply } from "./effect.ts";
import { planForward } from "./forward-decision.ts";
import type { HeaderEdit } from "./header.ts";
import { isEditable, isReadable, type Mail } from "./mail.ts";
import type { EpochMs, MailId } from "./notice.ts";
import type { DirectoryRows, ReplyMemory } from "./ports.ts";
import { planReply } from "./reply-decision.ts";
import { rulesFor } from "./rule.ts";
import { sendersOf } from "./sender.ts";
import type { Verdicts } from "./ses-verdicts.ts";
import { type LoopMark, readLoopMark } from "./trace.ts";
import type { Final } from "./verdict.ts";

/** All that is known of one mail. */
export type Facts = Readonly<{
  mailId: MailId;
  /** When SES received it: the only time that a plan knows, so that every attempt plans alike. */
  receivedAt: EpochMs;
  /** `undefined`: there is a reverse-path, and it is no address. Recipients as the notice spells them. */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly string[] }>;
  verdicts: Verdicts;
  /** Those that we serve; every other recipient is refused by name. */
  domains: readonly Domain[];
  mail: Mail;
  bounce: Bounce;
  rows: DirectoryRows;
  /** What earlier attempts ended. The plan does not look at it: who carries it out does. */
  finals: ReadonlyMap<EffectKey, Final>;
  /** Live reply memory for this sender, by recipient. */
  answered: ReadonlyMap<AddressKey, ReplyMemory>;
  /** File names in the mail, as far as anybody needed to know: they are looked for only where a forward leaves by SES. */
  attachments: readonly string[];
  /** Secret of the loop mark, any number of octets. */
  loopKey: Uint8Array;
}>;

/** What the operator has chosen. */
export type Policy = Readonly<{
  /** What becomes of a mail that SES takes for spam, or that bears a virus. Whatever is chosen, no rule runs for it. */
  spamVerdict: "deliver" | "drop";
  virusVerdict: "deliver" | "drop";
  /** Days for which a sender is remembered who had a reply (RFC 5230 §4.1). */
  replyEveryDays: number;
}>;

/** The defaults of the configuration. */
export const defaultPolicy: Policy = { spamVerdict: "deliver", virusVerdict: "deliver", replyEveryDays: 7 };

/**
 * Decides. Recipients keep the order of the envelope, and each mailbox has one course. An error that it throws is a bug here:
 * whatever the facts hold, there is a plan.
 */
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
  const { blocked } = facts.rows;
  const patterns = indexBlocklist(tableKeys(recipient).flatMap((key) => (blocked.has(key) ? [{ key, patterns: blocked.get(key) }] : [])));
  const blockWarnings = patterns.warnings.map(warningOf);
  const block = findBlock(patterns, about.senders);
  if (block !== null) return { kind: "block", recipient, ...block, warnings: blockWarnings };
  const { row, rules } = rulesFor(recipient, facts.rows.rules);
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
