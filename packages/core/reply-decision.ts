// Reply decision: shall this mail to this recipient be answered, and if not, which reason comes first? Part of plan.ts,
// and as pure. What a reply looks like is for reply.ts; whether a mail is automatic is for automatic.ts.
// RFC 3834 §2 and §4, RFC 5230 §4.

import { type Address, addressKey, asciiAddress, domainOf } from "./address.ts";
import { automaticReason } from "./automatic.ts";
import { correspondentOf } from "./correspondent.ts";
import { keyOf, type Reply } from "./effect.ts";
import type { EpochMs } from "./notice.ts";
import type { About, Facts, Policy, Withheld, WithheldReason } from "./plan.ts";
import { composeReply } from "./reply.ts";
import { routeTo } from "./route.ts";
import { isActive, type Rules } from "./rule.ts";
import { sesTakesDomain } from "./ses-limit.ts";

const day = 86_400_000; // ms

/** The reply, or why there is none; `null` where no rule asks for one. */
export async function planReply(
  recipient: Address,
  rules: Rules,
  facts: Facts,
  policy: Policy,
  about: About,
): Promise<Reply | Withheld | null> {
  const { mail, mailId, receivedAt, loopKey } = facts;
  const rule = rules.reply;
  if (rule === null) return null;
  const withheld = (reason: WithheldReason): Withheld => ({ kind: "reply", reason });
  if (!isActive(rule, receivedAt)) return withheld("not-active");
  if (about.noRules !== null) return withheld(about.noRules);
  if (about.fromSes !== null) return withheld(about.fromSes);
  if (facts.envelope.reversePath === undefined) return withheld("sender-unreadable");
  const sender = about.reversePath;
  const automatic = automaticReason(mail, sender, recipient);
  if (automatic !== null || sender === null) return withheld(automatic ?? "null-reverse-path");
  const [self, to] = [asciiAddress(recipient), asciiAddress(sender)];
  const route = routeTo(sender, facts.domains);
  if (self === null || to === null || (route === "ses" && !sesTakesDomain(domainOf(sender)))) return withheld("address-unsupported");
  const memory = facts.answered.get(addressKey(recipient));
  // The memory of this very mail does not withhold: the executor tells whether that attempt is in doubt.
  if (memory && memory.mailId !== mailId && memory.until > receivedAt && memory.textHash === rule.textHash)
    return withheld("already-answered");
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
