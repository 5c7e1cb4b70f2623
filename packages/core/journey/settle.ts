// Settle: the second decision. It takes the plan and the verdicts and says whether the entry must come back and when, or how the
// mail ended. Data in, data out: no I/O, no clock. Action words are those of RFC 3464 §2.3.3.

import type { Course, EffectKey, Plan } from "../plan/types.ts";
import { type DelayReason, delayed, isFinal, type Verdict } from "../plan/verdict.ts";
import type { MailId } from "../ses/notice.ts";
import type { AuditMark } from "./audit-mark.ts";
import { markOf } from "./recipient-ends.ts";
import { retryDelay } from "./retry-delay.ts";

/** How the work on an entry ends. `erase`: the mail may be deleted when no other notice of it can come. */
export type Settlement =
  | { readonly kind: "retry"; readonly afterSeconds: number; readonly reason: DelayReason }
  | { readonly kind: "close"; readonly mark: AuditMark; readonly erase: boolean };

/** Whether a mail that every recipient blocked is deleted some time after its audit mark is written. */
export type BlockedMail = "delete" | "keep";

/** Decides. `verdicts`: those of the plan, and the finals of the mail's other notices. `receiveCount`: this time included. */
export function settle(
  plan: Plan,
  mailId: MailId,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
  receiveCount: number,
  blockedMail: BlockedMail,
): Settlement {
  const waiting = plan.kind === "carry" ? firstDelayed(plan.courses, verdicts) : null;
  if (waiting !== null) return { kind: "retry", afterSeconds: retryDelay(waiting, mailId, receiveCount), reason: waiting.reason };
  const mark = markOf(plan, verdicts);
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
