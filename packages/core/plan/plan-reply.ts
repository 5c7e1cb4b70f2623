// Plan reply: shall this mail to this recipient get an auto-reply, and if not, for which reason? Part of plan.ts; no I/O, no
// clock. reply.ts composes it; automatic.ts tells whether a mail is automatic. RFC 3834 §2 and §4, RFC 5230 §4.

import { type Address, addressKey, asciiAddress, withoutTag } from "../mail/address.ts";
import { isActive } from "../rules/active-period.ts";
import { automaticReason } from "../rules/automatic.ts";
import type { ReplyRule } from "../rules/rule-row.ts";
import { countedSenderOf, rememberedSenderOf } from "../rules/sender.ts";
import { dayMs, type EpochMs } from "../time.ts";
import type { Facts, Policy } from "./facts.ts";
import type { Findings } from "./findings.ts";
import { memoryKeys } from "./recipient.ts";
import { resolveTarget } from "./route.ts";
import type { FoundRow, Reply, Withheld, WithheldReason } from "./types.ts";

/** The reply, or why there is none; `null` where no rule asks for one. */
export async function planReply(
  recipient: Address,
  { key: rowKey, row }: FoundRow,
  facts: Facts,
  policy: Policy,
  findings: Findings,
): Promise<Reply | Withheld | null> {
  const { mail, mailId, receivedAt, loopKey, domains } = facts;
  const rule = row.reply;
  if (rule === null) return null;
  const sender = findings.reversePath;
  const reason = whyNoReply(rule, recipient, facts, findings);
  if (reason !== null || sender === null) return { kind: "reply", reason: reason ?? "null-reverse-path" };
  const [self, way] = [asciiAddress(recipient), resolveTarget(sender, domains)];
  if (self === null) return { kind: "reply", reason: "address-unsupported" };
  if (typeof way === "string") return { kind: "reply", reason: way };
  if (hasAnswered(rule, recipient, facts)) return { kind: "reply", reason: "already-answered" };
  if (isClaimedElsewhere(recipient, rowKey, findings)) return { kind: "reply", reason: "already-answered" };
  const shared = findings.shared.reply(recipient, rowKey);
  if (shared === null) return { kind: "reply", reason: "once-per-mail" };
  const { to, route } = way;
  return {
    kind: "reply",
    key: shared.key,
    formerKeys: shared.formerKeys,
    when: { anyOf: shared.anyOf, needs: "delivered", waitsUntil: null, notAfter: (receivedAt + dayMs) as EpochMs },
    from: route === "ses" ? self : null, // RFC 5230 §5.1: null; SES refuses the null path
    to,
    route,
    recipe: {
      kind: "reply",
      input: {
        mail,
        mailId,
        receivedAt,
        recipient: self,
        sender: to,
        rule,
        loopKey,
        repeatsOriginal: findings.repeatsOriginal,
        quotation: await findings.quotation(),
      },
    },
    textHash: rule.textHash,
    mailbox: withoutTag(addressKey(recipient)),
    rememberAs: rememberedSenderOf(sender, mail),
    rememberUntil: (receivedAt + policy.replyEveryDays * dayMs) as EpochMs,
    limits: {
      sender: countedSenderOf(sender),
      perHour: policy.repliesPerHour,
      perDay: policy.repliesPerDay,
      receivedAt,
    },
  };
}

function whyNoReply(rule: ReplyRule, recipient: Address, facts: Facts, findings: Findings): WithheldReason | null {
  if (!isActive(rule, facts.receivedAt)) return "not-active";
  const noRules = findings.whyNoRules(recipient);
  if (noRules !== null) return noRules;
  if (findings.fromSes !== null) return findings.fromSes;
  if (facts.envelope.reversePath === undefined) return "sender-unreadable";
  // A reply goes to the reverse-path. SPF FAIL says that it is forged, also if DKIM and DMARC pass for another domain.
  return automaticReason(findings.automatic(), recipient) ?? (facts.sesVerdicts.spf === "FAIL" ? "spf-verdict" : null);
}

/** Whether the sender has had this text from the mailbox, for another mail. Rows of earlier versions have the tag in their key. */
function hasAnswered(rule: ReplyRule, recipient: Address, { answered, mailId, receivedAt }: Facts): boolean {
  return memoryKeys(recipient).some((key) => {
    const memory = answered.get(key);
    return memory !== undefined && memory.mailId !== mailId && memory.until > receivedAt && memory.textHash === rule.textHash;
  });
}

/**
 * Whether an attempt at this very mail claimed a reply of the same rule row for another mailbox or, in an earlier version, with
 * a tag. What it claimed for this mailbox does not count here: the executor tells whether that attempt is in doubt.
 */
function isClaimedElsewhere(recipient: Address, row: string, findings: Findings): boolean {
  const mailbox = withoutTag(addressKey(recipient));
  return [...(findings.claims().get(row) ?? [])].some((key) => key !== mailbox);
}
