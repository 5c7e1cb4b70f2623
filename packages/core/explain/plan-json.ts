// Plan as JSON: an explanation for programs. It shows what plan.ts decided, and decides nothing. Fields may be added; existing
// fields keep their names and meaning.

import { composeDraft, type Recipe } from "../compose/recipe.ts";
import { base64, concat } from "../octets.ts";
import type { Course, Effect, Plan } from "../plan/types.ts";

/** The plan as JSON. A `draft` is the whole outgoing mail in Base64. */
export function planJson(plan: Plan, mail: Uint8Array, bodyStart: number): Record<string, unknown> {
  if (plan.kind === "discard") return { kind: "discard", reason: plan.reason, courses: [] };
  return { kind: "carry", courses: plan.courses.map((course) => courseJson(course, mail, bodyStart)) };
}

function courseJson(course: Course, mail: Uint8Array, bodyStart: number): Record<string, unknown> {
  switch (course.kind) {
    case "refuse":
      return { kind: "refuse", recipient: course.recipient, reason: course.reason, effects: [], withheld: [], warnings: [] };
    case "block": {
      const { kind, recipient, pattern, matched, row, warnings } = course;
      return { kind, recipient, pattern, matched, row, effects: [], withheld: [], warnings };
    }
    case "serve": {
      const { kind, recipient, row, withheld, warnings } = course;
      return { kind, recipient, row, effects: course.effects.map((effect) => effectJson(effect, mail, bodyStart)), withheld, warnings };
    }
    default:
      return course satisfies never;
  }
}

function effectJson(effect: Effect, mail: Uint8Array, bodyStart: number): Record<string, unknown> {
  const { kind, key, from } = effect;
  if (effect.kind === "deliver") return { kind, key, from, edits: effect.edits };
  const { to, route, when } = effect;
  const notice = effect.kind === "forward" ? { notice: effect.standIn } : {};
  const draft = base64(outgoing(effect.recipe, mail, bodyStart));
  return { kind, key, from, to, route, when, ...notice, draft };
}

/** All octets of a generated mail. */
export function outgoing(recipe: Recipe, mail: Uint8Array, bodyStart: number): Uint8Array {
  const { head, body } = composeDraft(recipe);
  return concat([head, body === "original" ? mail.subarray(bodyStart) : body]);
}
