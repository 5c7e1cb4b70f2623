// Forward decision: shall this mail go on to this target of a rule, and if not, which reason comes first? Part of
// plan.ts, and as pure. What a forward looks like is for forward.ts, what goes in its place where Amazon SES would refuse
// it for forward-notice.ts. RFC 5321 §6.3 on loops; SES Developer Guide on what SES sends.

import { type Address, asciiAddress, type Domain, sameMailbox } from "./address.ts";
import { isOfOurOwn } from "./bounce.ts";
import type { Withheld, WithheldReason } from "./course.ts";
import { type Draft, type Forward, keyOf, type Unforwardable } from "./effect.ts";
import { composeForward, type ForwardOccasion } from "./forward.ts";
import { composeForwardNotice } from "./forward-notice.ts";
import { hopsOf } from "./mail.ts";
import type { EpochMs } from "./notice.ts";
import type { About, Facts } from "./plan.ts";
import type { DirectoryRows } from "./ports.ts";
import { routeTo, wayTo } from "./route.ts";
import { type Rules, rulesFor } from "./rule.ts";
import { plainForms } from "./sender.ts";
import { sesMaxOctets, sesRefusesName } from "./ses-limit.ts";

const hour = 3_600_000; // ms
const maxHops = 30; // RFC 5321 §6.3 suggests 100 for a relay; a mail that we send on anew should not come near

/** The forward, or why there is none. */
export function planForward(recipient: Address, target: Address, rules: Rules, facts: Facts, about: About): Forward | Withheld {
  const { mail, mailId, receivedAt, loopKey, attachments } = facts;
  const reason = forwardStop(recipient, target, rules, facts, about);
  if (reason !== null) return { kind: "forward", to: target, reason };
  const [self, way] = [asciiAddress(recipient), wayTo(target, facts.domains)];
  if (self === null || way === null) return { kind: "forward", to: target, reason: "address-unsupported" };
  const { to, route } = way;
  return {
    kind: "forward",
    key: keyOf("forward", recipient, target),
    when: { needs: "final", waitsUntil: (receivedAt + hour) as EpochMs, notAfter: null },
    from: route === "internal" && about.reversePath === null ? null : self,
    to,
    route,
    ...sendable({ mail, mailId, receivedAt, recipient: self, target: to, route, loopKey }, attachments),
  };
}

/** Whether a rule of a recipient forwards by SES. Only then is it worth while to look for attachments that SES refuses. */
export function leavesBySes(recipients: readonly Address[], rows: DirectoryRows, domains: readonly Domain[]): boolean {
  return recipients.some((recipient) =>
    rulesFor(recipient, rows.rules).rules.forwards.some((target) => routeTo(target, domains) === "ses"),
  );
}

function forwardStop(recipient: Address, target: Address, rules: Rules, facts: Facts, about: About): WithheldReason | null {
  if (about.noRules !== null) return about.noRules;
  // A tag leads to the same mailbox, which has the mail (RFC 5233).
  if (sameMailbox(target, recipient)) return "to-self";
  // The path may be decorated (BATV, SRS). From is not asked: anybody can write it, and the target would miss the mail.
  const path = about.reversePath;
  if (path !== null && [path, ...plainForms(path)].some((sender) => sameMailbox(target, sender))) return "to-sender";
  if (hopsOf(facts.mail) >= maxHops) return "too-many-hops";
  const isBounce = facts.bounce !== "not-a-bounce";
  return isBounce && isOfOurOwn(facts.bounce, about.dsn, facts.loopKey, rules.forwards) ? "bounce-of-ours" : null;
}

/** The forward itself, or the notice in its place. Our own mail server has limits of its own, and answers for itself. */
function sendable(occasion: ForwardOccasion, attachments: readonly string[]): Readonly<{ draft: Draft; notice: Unforwardable | null }> {
  const forward = composeForward(occasion);
  const octets = forward.head.length + occasion.mail.size - occasion.mail.bodyStart;
  const notice = occasion.route === "ses" ? whyUnforwardable(octets, attachments) : null;
  const draft = notice === null ? forward : composeForwardNotice(occasion, { reason: notice, octets, attachments });
  return { draft, notice };
}

function whyUnforwardable(octets: number, attachments: readonly string[]): Unforwardable | null {
  if (octets > sesMaxOctets) return "too-large";
  return attachments.some(sesRefusesName) ? "forbidden-attachment" : null;
}
