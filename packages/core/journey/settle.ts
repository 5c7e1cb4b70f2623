// Settle: the second decision. It takes the plan and the verdicts and says whether the entry must come back and when, or how the
// mail ended. Data in, data out: no I/O, no clock. Action words are those of RFC 3464 §2.3.3.

import type { Course, EffectKey, Plan } from "../plan/types.ts";
import { type DelayReason, delayed, isFinal, type Verdict } from "../plan/verdict.ts";
import type { MailId } from "../ses/notice.ts";
import type { AuditMark, AuditStatus } from "./audit-mark.ts";
import { retryDelay } from "./retry-delay.ts";

/** How the work on an entry ends. */
export type Settlement =
  | { readonly kind: "retry"; readonly afterSeconds: number; readonly reason: DelayReason }
  | { readonly kind: "close"; readonly mark: AuditMark; readonly erase: boolean };

/** Whether a mail that every recipient blocked is deleted after its audit mark is written. */
export type BlockedMail = "delete" | "keep";

/** Decides. `receiveCount`: how often the entry was received, this time included. */
export function settle(
  plan: Plan,
  mailId: MailId,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
  receiveCount: number,
  blockedMail: BlockedMail,
): Settlement {
  if (plan.kind === "discard")
    return { kind: "close", mark: { status: "rejected", invalidInboxes: [], blockedSender: null }, erase: false };
  const waiting = firstDelayed(plan.courses, verdicts);
  if (waiting !== null) return { kind: "retry", afterSeconds: retryDelay(waiting, mailId, receiveCount), reason: waiting.reason };
  const mark = markOf(plan.courses, verdicts);
  return { kind: "close", mark, erase: mark.status === "blocked" && blockedMail === "delete" };
}

type Delayed = Extract<Verdict, { readonly action: "delayed" }>;

const notBegun: Delayed = delayed("stopped", "mail", "not begun");

/** The first effect without a final verdict; `null` when all are final. */
function firstDelayed(courses: readonly Course[], verdicts: ReadonlyMap<EffectKey, Verdict>): Delayed | null {
  for (const effect of courses.flatMap((course) => (course.kind === "serve" ? course.effects : []))) {
    const verdict = verdicts.get(effect.key);
    if (!verdict) return notBegun;
    if (!isFinal(verdict)) return verdict;
  }
  return null;
}

type End = "good" | "invalid" | "failed" | "blocked" | "refused";

function markOf(courses: readonly Course[], verdicts: ReadonlyMap<EffectKey, Verdict>): AuditMark {
  const ends = courses.map((course) => endOf(course, verdicts));
  const invalidInboxes = courses.filter((_, index) => ends[index] === "invalid").map(({ recipient }) => recipient);
  const block = courses.find((course) => course.kind === "block");
  return { status: statusOfEnds(ends), invalidInboxes, blockedSender: block?.matched ?? null };
}

/** A relayed forward counts as a delivery: an address may exist only to pass mail on. A stand-in does not. */
function endOf(course: Course, verdicts: ReadonlyMap<EffectKey, Verdict>): End {
  if (course.kind === "block") return "blocked";
  if (course.kind === "refuse") return "refused";
  const carriers = course.effects.filter((effect) => effect.kind === "deliver" || (effect.kind === "forward" && effect.standIn === null));
  const reached = carriers.map(({ key }) => verdicts.get(key));
  if (reached.some((verdict) => verdict?.action === "delivered" || verdict?.action === "relayed")) return "good";
  const [delivery] = reached;
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
