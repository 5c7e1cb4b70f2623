// Repair audit trail: a worker that dies after it closed a mail and before it wrote the audit mark leaves none. The entry then
// comes back, and the mark is written if the rules still say the same. It only reads and marks: nothing is sent again.

import { plan } from "../plan/plan.ts";
import { type EffectKey, keyOf, type Plan } from "../plan/types.ts";
import type { Final } from "../plan/verdict.ts";
import type { Notice } from "../ses/notice.ts";
import { writeAuditTrail } from "./audit-trail.ts";
import type { Gathered } from "./gather.ts";
import { lookUp, openForPlanning } from "./look-up.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts } from "./ports.ts";
import { blockedMailFor } from "./second-notice.ts";
import { settle } from "./settle.ts";

type RepairPorts = Pick<
  JourneyPorts,
  "ledger" | "outbound" | "store" | "clock" | "journal" | "worker" | "domains" | "policy" | "blockedMail" | "pause"
>;

/** Writes the audit mark of a mail that is closed already. Never rejects. */
export async function repairAuditTrail(
  notice: Notice,
  { finals, answers }: Extract<Gathered, { readonly kind: "closed" }>,
  ports: RepairPorts,
): Promise<void> {
  if (answers?.stored === "missing") return; // erased, or taken away
  try {
    if (answers === null) throw new Error("Cannot write the audit mark of a closed mail: the mail could not be read");
    const { stored } = answers;
    const facts = await lookUp(notice, { ...answers, finals }, stored, await openForPlanning(stored), ports);
    const decided = await plan(facts, ports.policy, ports.pause);
    const settlement = settle(decided, notice.mailId, finals, 1, blockedMailFor(facts, finals, ports.blockedMail));
    if (settlement.kind === "close" && isAsClosed(decided, finals)) await writeAuditTrail(notice, stored, settlement, ports);
  } catch (error) {
    ports.journal.note({ kind: "audit-failed", mailId: notice.mailId, operation: "mark", text: thrownEvent(error, notice.mailId).text });
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
