// Mended trail: a worker that dies between the closing of a mail and its trail leaves none. The entry then comes back, and
// the trail is left where the rules still say the same as they did. It only looks: nothing is sent a second time.

import type { ClosingHands } from "./closing.ts";
import type { Plan } from "./course.ts";
import { type EffectKey, keyOf } from "./effect.ts";
import { factsOf, openForReading } from "./facts.ts";
import type { Gathered } from "./gather.ts";
import { thrownEvent } from "./journal.ts";
import type { Notice } from "./notice.ts";
import { sparing } from "./other-recipients.ts";
import { type Policy, plan } from "./plan.ts";
import { type BlockedMail, settle } from "./settle.ts";
import { leaveTrail } from "./trail.ts";
import type { Final } from "./verdict.ts";

/** Whom mending asks, and what was chosen. */
export type MendingHands = ClosingHands & Readonly<{ policy: Policy; blockedMail: BlockedMail }>;

/** Leaves the trail of a mail that is closed already. Never rejects. */
export async function mendTrail(
  notice: Notice,
  { finals, answers }: Extract<Gathered, { readonly kind: "closed" }>,
  hands: MendingHands,
): Promise<void> {
  if (answers?.stored === "missing") return; // erased, or taken away
  try {
    if (answers === null)
      throw new Error("Cannot leave the trail of a mail that is closed as it must be readable: current value is no answer");
    const { stored } = answers;
    const facts = await factsOf(notice, { ...answers, finals }, stored, await openForReading(stored), hands);
    const decided = await plan(facts, hands.policy);
    const settlement = settle(decided, notice.mailId, finals, 1, sparing(hands.blockedMail, notice, facts.mail, finals, hands.domains));
    if (settlement.kind === "close" && isAsClosed(decided, finals)) await leaveTrail(notice, stored, settlement, hands);
  } catch (error) {
    hands.journal.note({ kind: "audit-failed", mailId: notice.mailId, operation: "mark", text: thrownEvent(error, notice.mailId).text });
  }
}

/**
 * Whether a closed mail is planned as it was carried out: the same effects, the same recipients blocked. Rules may have
 * changed since, and then a trail made from the plan would tell what did not happen.
 */
function isAsClosed(decided: Plan, finals: ReadonlyMap<EffectKey, Final>): boolean {
  const refused = (key: EffectKey) => {
    const final = finals.get(key);
    return final?.action === "skipped" && (final.reason === "blocked" || final.reason === "dropped");
  };
  if (decided.kind === "discard") return [...finals.keys()].every(refused);
  const blocked = decided.courses.flatMap((course) => (course.kind === "block" ? [keyOf("deliver", course.recipient)] : []));
  const tried = decided.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map(({ key }) => key) : []));
  if (finals.size !== blocked.length + tried.length) return false;
  return blocked.every(refused) && tried.every((key) => finals.has(key) && !refused(key));
}
