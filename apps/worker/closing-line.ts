// Closing line: the one log line that ends each attempt at a mail, as fields and as text. Per recipient it says what was done,
// what was not done and why. It decides nothing: the reasons are the words of the plan and of the verdicts.

import type { Effect, EffectKey, JournalEvent, Plan, Verdict } from "@sesame/core";
import { describeCourse } from "@sesame/core/plan";

type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;

/** The fields of the line, as docs/logs.md lists them. */
export function closingFields(event: MailEvent, domain: string): Record<string, unknown> {
  const { mailId, sesId, from, receivedAt, receiveCount, plan, verdicts, settlement, seconds } = event;
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
    ...(event.bounce !== undefined && { bounce: event.bounce }),
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
    const withheld = course.withheld.map(({ kind, to, reason }) =>
      kind === "reply" ? `no auto-reply (${reason})` : `not forwarded to ${to} (${reason})`,
    );
    return `${course.recipient}: ${[...effects, ...withheld].join("; ")}`;
  });
  return `${courses.length > 0 ? courses.join(" | ") : "no recipients"} [${end}]`;
}

function effectText(effect: Effect, verdict: Verdict | undefined): string {
  switch (effect.kind) {
    case "deliver":
      return outcomeText(verdict, "delivered", "delivery", "not delivered");
    case "reply":
      return outcomeText(verdict, `auto-reply to ${effect.to} sent`, `auto-reply to ${effect.to}`, `no auto-reply to ${effect.to}`);
    case "forward": {
      const { to, standIn } = effect;
      if (standIn === null) return outcomeText(verdict, `forwarded to ${to}`, `forward to ${to}`, `not forwarded to ${to}`);
      return `not forwarded to ${to}: ${outcomeText(verdict, "stand-in sent", "stand-in", "no stand-in")} (${standIn})`;
    }
    default:
      return effect satisfies never;
  }
}

/** `done` after success; else the name of the effect or of its absence, with the reason. */
function outcomeText(verdict: Verdict | undefined, done: string, name: string, notDone: string): string {
  switch (verdict?.action) {
    case undefined:
      return `${name} not started`;
    case "delivered":
    case "relayed":
      return done;
    case "failed":
    case "delayed":
      return `${name} ${verdict.action} (${verdict.reason})`;
    case "skipped":
      return `${notDone} (${verdict.reason})`;
    default:
      return verdict satisfies never;
  }
}
