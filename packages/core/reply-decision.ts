// Reply decision: shall this mail to this recipient be answered, and if not, which reason comes first? Part of plan.ts,
// and as pure. What a reply looks like is for reply.ts; whether a mail is automatic is for automatic.ts.
// RFC 3834 §2 and §4, RFC 5230 §4.

import { type Address, addressKey, asciiAddress } from "./address.ts";
import { automaticReason } from "./automatic.ts";
import { correspondentOf } from "./correspondent.ts";
import type { Withheld, WithheldReason } from "./course.ts";
import { keyOf, type Reply } from "./effect.ts";
import type { EpochMs } from "./notice.ts";
import type { About, Facts, Policy } from "./plan.ts";
import { composeReply } from "./reply.ts";
import { wayTo } from "./route.ts";
import { isActive, type ReplyRule, type Rules } from "./rule.ts";

const day = 86_400_000; // ms

/** The reply, or why there is none; `null` where no rule asks for one. */
export async function planReply(
  recipient: Address,
  rules: Rules,
  facts: Facts,
  policy: Policy,
  about: About,
): Promise<Reply | Withheld | null> {
  const { mail, mailId, receivedAt, loopKey, domains } = facts;
  const rule = rules.reply;
  if (rule === null) return null;
  const sender = about.reversePath;
  const reason = replyStop(rule, recipient, facts, about);
  if (reason !== null || sender === null) return { kind: "reply", reason: reason ?? "null-reverse-path" };
  const [self, way] = [asciiAddress(recipient), wayTo(sender, domains)];
  if (self === null || way === null) return { kind: "reply", reason: "address-unsupported" };
  if (hasAnswered(rule, recipient, facts)) return { kind: "reply", reason: "already-answered" };
  const { to, route } = way;
  return {
    kind: "reply",
    key: keyOf("reply", recipient),
    when: { needs: "delivered", waitsUntil: null, notAfter: (receivedAt + day) as EpochMs },
    from: route === "ses" ? self : null, // RFC 5230 §5.1: null; SES refuses the null path
    to,
    route,
    draft: await composeReply({ mail, mailId, receivedAt, recipient: self, sender: to, rule, loopKey }),
    textHash: rule.textHash,
    rememberAs: correspondentOf(sender, mail),
    rememberUntil: (receivedAt + policy.replyEveryDays * day) as EpochMs,
  };
}

function replyStop(rule: ReplyRule, recipient: Address, facts: Facts, about: About): WithheldReason | null {
  if (!isActive(rule, facts.receivedAt)) return "not-active";
  if (about.noRules !== null) return about.noRules;
  if (about.fromSes !== null) return about.fromSes;
  if (facts.envelope.reversePath === undefined) return "sender-unreadable";
  return automaticReason(facts.mail, about.reversePath, recipient);
}

/** The memory of this very mail does not withhold: the executor tells whether that attempt is in doubt. */
function hasAnswered(rule: ReplyRule, recipient: Address, { answered, mailId, receivedAt }: Facts): boolean {
  const memory = answered.get(addressKey(recipient));
  return memory !== undefined && memory.mailId !== mailId && memory.until > receivedAt && memory.textHash === rule.textHash;
}
