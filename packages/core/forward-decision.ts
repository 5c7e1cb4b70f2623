// Forward decision: shall this mail go on to this target of a rule, and if not, which reason comes first? Part of
// plan.ts, and as pure. What a forward looks like is for forward.ts. RFC 5321 §6.3 on loops.

import { type Address, asciiAddress, sameAddress } from "./address.ts";
import { isOfOurOwn } from "./bounce.ts";
import { type Forward, keyOf } from "./effect.ts";
import { composeForward } from "./forward.ts";
import { hopsOf } from "./mail.ts";
import type { EpochMs } from "./notice.ts";
import type { About, Facts, Withheld, WithheldReason } from "./plan.ts";
import { routeTo } from "./route.ts";
import type { Rules } from "./rule.ts";

const hour = 3_600_000; // ms
const maxHops = 30; // RFC 5321 §6.3 suggests 100 for a relay; a mail that we send on anew should not come near

/** The forward, or why there is none. */
export function planForward(recipient: Address, target: Address, rules: Rules, facts: Facts, about: About): Forward | Withheld {
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
