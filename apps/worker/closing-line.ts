// Closing line: the one log line that ends each attempt at a mail, as fields and as text. Per recipient it says what was done,
// what was not done and why. It decides nothing: the reasons are the words of the plan and of the verdicts.

import type { Effect, EffectKey, JournalEvent, Plan, Verdict } from "@sesame/core";
import { describeCourse } from "@sesame/core/plan";
import { effectWords, withheldWords } from "./effect-words.ts";

type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;

/** The fields of the line, as docs/logs.md lists them. */
export function closingFields(event: MailEvent, domain: string): Record<string, unknown> {
  const { mailId, sesId, from, receivedAt, receiveCount, plan, verdicts, settlement, seconds } = event;
  const bounce = bounceOf(plan);
  return {
    event: "mail",
    domain,
    mailId,
    sesId,
    from: from ?? "<>",
    receivedAt: new Date(receivedAt).toISOString(),
    receiveCount,
    settlement,
    seconds,
    ...(bounce !== null && { bounce }),
    courses: coursesOf(plan, verdicts),
  };
}

function coursesOf(plan: Plan, verdicts: ReadonlyMap<EffectKey, Verdict>): readonly Record<string, unknown>[] {
  if (plan.kind === "discard") return [{ kind: "discard", reason: plan.reason }];
  return plan.courses.map((course) => {
    if (course.kind !== "serve") return course;
    const effects = course.effects.map((effect) => ({
      kind: effect.kind,
      ...(effect.kind !== "deliver" && { to: effect.to, route: effect.route }),
      ...(effect.kind === "forward" && effect.standIn !== null && { notice: effect.standIn }),
      verdict: verdicts.get(effect.key) ?? null,
    }));
    return { kind: course.kind, recipient: course.recipient, effects, withheld: course.withheld, warnings: course.warnings };
  });
}

/** The line in words: `alice@example.com: delivered; auto-reply to bob@remote.test sent [delivered]`. */
export function closingText({ plan, verdicts, settlement }: MailEvent): string {
  const end = settlement.kind === "close" ? settlement.mark.status : `retry in ${settlement.afterSeconds} s: ${settlement.reason}`;
  if (plan.kind === "discard") return `dropped: ${plan.reason} [${end}]`;
  const courses = plan.courses.map((course) => {
    if (course.kind !== "serve") return `${course.recipient}: ${describeCourse(course)}`;
    const effects = course.effects.map((effect) => effectText(effect, verdicts.get(effect.key)));
    const withheld = course.withheld.map(withheldWords);
    return `${course.recipient}: ${[...effects, ...withheld].join("; ")}`;
  });
  return `${courses.length > 0 ? courses.join(" | ") : "no recipients"} [${end}]`;
}

function effectText(effect: Effect, verdict: Verdict | undefined): string {
  const to = effect.kind === "deliver" ? "" : effect.to;
  const standIn = effect.kind === "forward" ? effect.standIn : null;
  const reason = verdict !== undefined && "reason" in verdict ? verdict.reason : "";
  return effectWords({ kind: effect.kind, to, standIn, action: verdict?.action ?? "", reason });
}

/** A bounce from SES: whether it was rewritten, and the address that it shows as its sender. */
function bounceOf(plan: Plan): Readonly<{ result: "rewritten" | "unknown"; failed: string | null }> | null {
  if (plan.bounce === "not-a-bounce") return null;
  const effects = plan.kind === "carry" ? plan.courses.flatMap((course) => (course.kind === "serve" ? course.effects : [])) : [];
  const edits = effects.flatMap((effect) => (effect.kind === "deliver" ? effect.edits : []));
  const from = plan.bounce === "rewritten" ? edits.find((edit) => edit.kind === "replace" && edit.name === "From") : undefined;
  return { result: plan.bounce, failed: from?.kind === "replace" ? from.value : null };
}
