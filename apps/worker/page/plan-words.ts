// Plan words: a plan in a few lines, for the comparison of Try: what would be done for each recipient. `explain` has the reasons.

import type { Course, Effect, Plan } from "@sesame/core";
import { describeCourse } from "@sesame/core/plan";

/** One line for each act: `alice@example.com: delivered`. */
export function planLines(plan: Plan): readonly string[] {
  if (plan.kind === "discard") return [`dropped: ${plan.reason}`];
  return plan.courses.flatMap(courseLines);
}

function courseLines(course: Course): readonly string[] {
  if (course.kind !== "serve") return [`${course.recipient}: ${describeCourse(course)}`];
  const withheld = course.withheld.map(({ kind, to, reason }) =>
    kind === "reply" ? `no auto-reply (${reason})` : `not forwarded to ${to} (${reason})`,
  );
  return [...course.effects.map(effectLine), ...withheld].map((line) => `${course.recipient}: ${line}`);
}

function effectLine(effect: Effect): string {
  if (effect.kind === "deliver") return "delivered";
  if (effect.kind === "reply") return `auto-reply to ${effect.to}`;
  return effect.standIn === null ? `forwarded to ${effect.to}` : `a stand-in sent to ${effect.to} (${effect.standIn})`;
}
