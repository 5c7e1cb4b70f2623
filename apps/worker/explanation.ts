// Explanation: a plan as JSON for programs and as text for people. It shows what plan.ts decided and decides nothing.

import { type Course, concat, type Draft, describeCourse, type Effect, type Plan, type Warning, type Withheld } from "@sesame/core";

/** The plan in the form of the JSON answer; a draft is the whole outgoing mail in Base64. */
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
  return { kind, key, from, to, route, when, draft: Buffer.from(outgoing(effect.draft, mail, bodyStart)).toString("base64") };
}

/** All octets of a generated mail. */
export function outgoing(draft: Draft, mail: Uint8Array, bodyStart: number): Uint8Array {
  return concat([draft.head, draft.body === "original" ? mail.subarray(bodyStart) : draft.body]);
}

/** One block per recipient, each decision with its reason. */
export function planText(plan: Plan): string {
  if (plan.kind === "discard") return `The mail is dropped: ${plan.reason}\n`;
  return plan.courses.map(courseText).join("\n");
}

function courseText(course: Course): string {
  const lines: string[] = [];
  if (course.kind !== "serve") lines.push(describeCourse(course));
  else {
    lines.push(...course.effects.map(effectText), ...course.withheld.map(withheldText));
  }
  if (course.kind !== "refuse") lines.push(...course.warnings.map(warningText));
  return `${course.recipient}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function effectText(effect: Effect): string {
  const path = effect.from === null ? "<>" : `<${effect.from}>`;
  switch (effect.kind) {
    case "deliver": {
      const edits = effect.edits.map((edit) =>
        edit.kind === "remove" ? `remove ${edit.name}` : `${edit.kind} ${edit.name}: ${edit.value}`,
      );
      return `deliver    from ${path}${edits.length > 0 ? ` (${edits.join("; ")})` : ", every octet as it came"}`;
    }
    case "reply":
      return `reply      to <${effect.to}> from ${path} by ${effect.route}, once it is delivered`;
    case "forward":
      return `forward    to <${effect.to}> from ${path} by ${effect.route}, once the delivery is final`;
    default:
      return effect satisfies never;
  }
}

function withheldText({ kind, to, reason }: Withheld): string {
  return `no ${kind}${to ? ` to <${to}>` : ""}: ${reason}`;
}

function warningText(warning: Warning): string {
  switch (warning.kind) {
    case "rule-invalid":
      return `warning    ${warning.table} of ${warning.key}: ${warning.text}`;
    case "mail-defect":
      return `warning    the mail is odd: ${warning.defect}`;
    default:
      return `warning    ${warning.kind}`;
  }
}
