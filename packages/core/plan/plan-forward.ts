// Plan forward: shall this mail go on to this target of a rule, and if not, for which reason? Part of plan.ts; no I/O, no clock.
// forward.ts composes it, stand-in.ts composes what goes in its place if SES would refuse it. RFC 5321 §6.3 on loops.

import { composeForward, type ForwardInput, forwardHeadSize } from "../compose/forward.ts";
import type { Unforwardable } from "../compose/stand-in.ts";
import { type Address, asciiAddress, type Domain, sameMailbox } from "../mail/address.ts";
import { hopsOf } from "../mail/mail.ts";
import { type RuleRow, ruleRowFor } from "../rules/rule-row.ts";
import { embeddedAddresses } from "../rules/sender.ts";
import { isBounceOfOwnMail } from "../ses/bounce.ts";
import { sesMaxOctets } from "../ses/ses-limits.ts";
import { type EpochMs, hourMs } from "../time.ts";
import type { Facts } from "./facts.ts";
import type { Findings } from "./findings.ts";
import { resolveTarget, routeTo } from "./route.ts";
import type { Forward, FoundRow, Withheld, WithheldReason } from "./types.ts";

const maxHops = 30; // RFC 5321 §6.3 suggests 100 for a relay; a mail that we send on anew should not come near

/** The forward, or why there is none. */
export function planForward(
  recipient: Address,
  target: Address,
  { key: rowKey, row }: FoundRow,
  facts: Facts,
  findings: Findings,
): Forward | Withheld {
  const { mail, mailId, receivedAt, loopKey } = facts;
  const reason = whyNoForward(recipient, target, row, facts, findings);
  if (reason !== null) return { kind: "forward", to: target, reason };
  const [self, way] = [asciiAddress(recipient), resolveTarget(target, facts.domains)];
  if (self === null) return { kind: "forward", to: target, reason: "address-unsupported" };
  if (typeof way === "string") return { kind: "forward", to: target, reason: way };
  const shared = findings.shared.forward(recipient, rowKey, target);
  if (shared === null) return { kind: "forward", to: target, reason: "once-per-mail" };
  const { to, route } = way;
  return {
    kind: "forward",
    key: shared.key,
    formerKeys: shared.formerKeys,
    when: { anyOf: shared.anyOf, needs: "final", waitsUntil: (receivedAt + hourMs) as EpochMs, notAfter: null },
    from: route === "internal" && findings.reversePath === null ? null : self,
    to,
    route,
    ...sendable(
      { mail, mailId, receivedAt, recipient: self, target: to, route, loopKey, original: findings.forwardFields() },
      findings.refusedNames(),
    ),
  };
}

/** Whether a rule of a recipient forwards through SES. Only then are the names of attachments needed. */
export function leavesBySes(recipients: readonly Address[], rules: Facts["rules"], domains: readonly Domain[]): boolean {
  return recipients.some((recipient) => ruleRowFor(recipient, rules).row.forwards.some((target) => routeTo(target, domains) === "ses"));
}

function whyNoForward(recipient: Address, target: Address, row: RuleRow, facts: Facts, findings: Findings): WithheldReason | null {
  const noRules = findings.whyNoRules(recipient);
  if (noRules !== null) return noRules;
  // A tag leads to the same mailbox, which has the mail (RFC 5233).
  if (sameMailbox(target, recipient)) return "to-self";
  // The path may be decorated (BATV, SRS). From is not asked: anybody can write it, and the target would miss the mail.
  const path = findings.reversePath;
  if (path !== null && [path, ...embeddedAddresses(path)].some((sender) => sameMailbox(target, sender))) return "to-sender";
  if (hopsOf(facts.mail) >= maxHops) return "too-many-hops";
  const isBounce = facts.bounce !== "not-a-bounce";
  return isBounce && isBounceOfOwnMail(facts.bounce, findings.dsn, facts.loopKey, row.forwards) ? "bounce-of-ours" : null;
}

/** The forward itself, or the stand-in. Our own mail server has limits of its own, and answers for itself. */
function sendable(input: ForwardInput, refusedNames: readonly string[]): Pick<Forward, "recipe" | "standIn"> {
  const octets = input.route === "ses" ? forwardOctets(input) : 0;
  const reason = input.route === "ses" ? whyUnforwardable(octets, refusedNames) : null;
  if (reason === null) return { recipe: { kind: "forward", input }, standIn: null };
  return { recipe: { kind: "stand-in", input, refusal: { reason, octets, refusedNames } }, standIn: reason };
}

/** Octets of a forward. The header block is composed only where its exact size matters. */
function forwardOctets(input: ForwardInput): number {
  const body = input.mail.size - input.mail.bodyStart;
  const most = body + forwardHeadSize(input);
  return most > sesMaxOctets ? body + composeForward(input).head.length : most;
}

function whyUnforwardable(octets: number, refusedNames: readonly string[]): Unforwardable | null {
  if (octets > sesMaxOctets) return "too-large";
  return refusedNames.length > 0 ? "forbidden-attachment" : null;
}
