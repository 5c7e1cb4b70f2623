// Repair audit trail: a worker that dies after it closed a mail and before it wrote the audit mark leaves none. The entry then
// comes back, and the mark is written if the rules still say the same. It only reads and marks: nothing is sent again.

import { addressKey, tableKeys } from "../mail/address.ts";
import { plan } from "../plan/plan.ts";
import { type Recipient, servedAddresses } from "../plan/recipient.ts";
import { finalsOfPlan } from "../plan/shared-effect.ts";
import { type EffectKey, keyOf, type Plan, parseEffectKey } from "../plan/types.ts";
import type { Final } from "../plan/verdict.ts";
import type { Notice } from "../ses/notice.ts";
import { writeAuditMark } from "./audit-trail.ts";
import type { Gathered } from "./gather.ts";
import { lookUp, openForPlanning } from "./look-up.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts } from "./ports.ts";
import { settle } from "./settle.ts";

type RepairPorts = Pick<
  JourneyPorts,
  "ledger" | "outbound" | "store" | "clock" | "journal" | "worker" | "auditMarks" | "domains" | "policy" | "pause"
>;

/** Writes the audit mark of a mail that is closed already. Never rejects. */
export async function repairAuditTrail(
  notice: Notice,
  closed: Extract<Gathered, { readonly kind: "closed" }>,
  ports: RepairPorts,
): Promise<void> {
  const { finals, answers } = closed;
  if (answers?.stored === "missing") return; // erased, or taken away
  try {
    if (answers === null) throw new Error("Cannot write the audit mark of a closed mail: the mail could not be read");
    const { stored } = answers;
    const facts = await lookUp(notice, { ...answers, finals }, stored, await openForPlanning(stored), ports);
    const decided = await plan(facts, ports.policy, ports.pause);
    const ends = decided.kind === "carry" ? finalsOfPlan(decided.courses, finals) : finals;
    const settlement = settle(decided, notice.mailId, ends, 1, "keep");
    if (settlement.kind !== "close" || !isAsClosed(decided, ends, answers.recipients)) return;
    // Another notice may have opened the mail meanwhile, and then its mark tells of more.
    if ((await ports.ledger.keepClosed(notice.mailId, closed)) === "kept") await writeAuditMark(notice, stored, settlement, ports);
  } catch (error) {
    ports.journal.note({ kind: "audit-failed", mailId: notice.mailId, operation: "mark", text: thrownEvent(error, notice.mailId).text });
  }
}

/**
 * Whether a closed mail is planned for the recipients of this notice as it was carried out: the same effects, the same ones
 * blocked. Rules may have changed since, and then a trail made from the plan would tell what did not happen.
 */
function isAsClosed(decided: Plan, all: ReadonlyMap<EffectKey, Final>, recipients: readonly Recipient[]): boolean {
  const finals = finalsFor(recipients, all);
  const refused = (key: EffectKey) => {
    const final = all.get(key);
    return final?.action === "skipped" && (final.reason === "blocked" || final.reason === "dropped");
  };
  if (decided.kind === "discard") return finals.every(refused);
  const blocked = decided.courses.flatMap((course) => (course.kind === "block" ? [keyOf("deliver", course.recipient)] : []));
  const tried = decided.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map(({ key }) => key) : []));
  const planned = new Set([...blocked, ...tried]);
  return finals.every((key) => planned.has(key)) && blocked.every(refused) && tried.every((key) => all.has(key) && !refused(key));
}

/** The keys of what was done for these recipients; other notices of the mail have others. A key may name the row of a rule. */
function finalsFor(recipients: readonly Recipient[], finals: ReadonlyMap<EffectKey, Final>): readonly EffectKey[] {
  const served = servedAddresses(recipients);
  const rows = new Set<string>(served.flatMap(tableKeys));
  const own = new Set<string>(served.map(addressKey));
  return [...finals.keys()].filter((key) => {
    const effect = parseEffectKey(key);
    return effect === null || (effect.kind === "deliver" ? own : rows).has(addressKey(effect.recipient));
  });
}
