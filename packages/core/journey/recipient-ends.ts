// Recipient ends: how the mail ended for each recipient, those of its other notices included, and what the audit mark says of
// that. For the recipients of this notice the plan tells what was meant; of the others only the finals are known.

import { type AddressKey, addressKey, tableKeys } from "../mail/address.ts";
import { type Course, type EffectKey, type Plan, parseEffectKey } from "../plan/types.ts";
import type { Verdict } from "../plan/verdict.ts";
import type { AuditMark, AuditStatus } from "./audit-mark.ts";

type End = "good" | "invalid" | "failed" | "blocked" | "refused";
type Verdicts = ReadonlyMap<EffectKey, Verdict>;

/** `blockedSender`: the address that the recipient blocks. */
type RecipientEnd = Readonly<{ recipient: string; end: End; blockedSender: string | null }>;

/** The audit mark of a mail. `verdicts`: of this notice, and the finals of the others. */
export function markOf(plan: Plan, verdicts: Verdicts): AuditMark {
  const courses = plan.kind === "carry" ? plan.courses : [];
  const own = new Set(courses.flatMap((course) => (course.kind === "refuse" ? [] : [addressKey(course.recipient)])));
  const forwards = forwardsByDelivery(courses);
  const ends = [...courses.map((course) => ownEnd(course, forwards, verdicts)), ...otherEnds(verdicts, own)];
  const invalidInboxes = ends.filter(({ end }) => end === "invalid").map(({ recipient }) => recipient);
  const blockedSender = ends.find((each) => each.blockedSender !== null)?.blockedSender ?? null;
  const dropped: readonly End[] = plan.kind === "discard" ? ["refused"] : [];
  return { status: statusOfEnds([...ends.map(({ end }) => end), ...dropped]), invalidInboxes, blockedSender };
}

/** The forwards of each delivery, stand-ins left out: recipients below one rule row share them. */
function forwardsByDelivery(courses: readonly Course[]): ReadonlyMap<EffectKey, readonly EffectKey[]> {
  const found = new Map<EffectKey, EffectKey[]>();
  for (const effect of courses.flatMap((course) => (course.kind === "serve" ? course.effects : []))) {
    if (effect.kind !== "forward" || effect.standIn !== null) continue;
    for (const delivery of effect.when.anyOf) {
      const keys = found.get(delivery) ?? [];
      keys.push(effect.key);
      found.set(delivery, keys);
    }
  }
  return found;
}

function ownEnd(course: Course, forwards: ReadonlyMap<EffectKey, readonly EffectKey[]>, verdicts: Verdicts): RecipientEnd {
  const { recipient } = course;
  if (course.kind === "block") return { recipient, end: "blocked", blockedSender: course.matched };
  if (course.kind === "refuse") return { recipient, end: "refused", blockedSender: null };
  // A relayed forward counts as a delivery: an address may exist only to pass mail on. A stand-in does not.
  const key = course.effects.find(({ kind }) => kind === "deliver")?.key;
  const delivery = key && verdicts.get(key);
  const carried = (key && forwards.get(key)) ?? [];
  return {
    recipient,
    end: endOf(
      delivery,
      carried.map((forward) => verdicts.get(forward)),
    ),
    blockedSender: blockedIn(delivery),
  };
}

function blockedIn(delivery: Verdict | undefined): string | null {
  return delivery?.action === "skipped" && delivery.reason === "blocked" ? (delivery.detail ?? null) : null;
}

/** The ends of recipients whom this notice does not name. */
function otherEnds(verdicts: Verdicts, own: ReadonlySet<AddressKey>): readonly RecipientEnd[] {
  const parsed = [...verdicts].flatMap(([key, verdict]) => {
    const effect = parseEffectKey(key);
    return effect === null ? [] : [{ ...effect, verdict }];
  });
  // A forward stands under the row whose rule made it. A stand-in does not count.
  const forwards = new Map<string, Verdict[]>();
  for (const { kind, recipient, verdict } of parsed) {
    if (kind !== "forward" || (verdict.action === "relayed" && verdict.standIn)) continue;
    const row = addressKey(recipient);
    const list = forwards.get(row) ?? [];
    list.push(verdict);
    forwards.set(row, list);
  }
  return parsed.flatMap(({ kind, recipient, verdict }) => {
    if (kind !== "deliver" || own.has(addressKey(recipient))) return [];
    const carried = tableKeys(recipient).flatMap((row) => forwards.get(row) ?? []);
    return [{ recipient, end: endOf(verdict, carried), blockedSender: blockedIn(verdict) }];
  });
}

function endOf(delivery: Verdict | undefined, forwards: readonly (Verdict | undefined)[]): End {
  if ([delivery, ...forwards].some((verdict) => verdict?.action === "delivered" || verdict?.action === "relayed")) return "good";
  if (delivery?.action === "skipped") return delivery.reason === "blocked" ? "blocked" : "refused";
  return delivery?.action === "failed" && delivery.status.startsWith("5.1.") ? "invalid" : "failed";
}

function statusOfEnds(ends: readonly End[]): AuditStatus {
  const some = (end: End) => ends.includes(end);
  const bad = some("failed") || some("invalid") || some("refused");
  if (some("good")) return bad ? "partial" : "delivered";
  const others = ends.filter((end) => end !== "blocked");
  if (ends.length > 0 && others.length === 0) return "blocked";
  return others.every((end) => end === "invalid") && others.length > 0 ? "all_invalid" : "rejected";
}
