// Log: journal events as JSON lines on standard output, one closing line for each mail. No body text, no subject and no
// secret is ever part of an event, so none can be part of a line.

import { describeCourse, type EffectKey, type Journal, type JournalEvent, type Plan, type Verdict } from "@sesame/core";
import pino, { type Logger } from "pino";

/** A logger of the documented form: `time` in RFC 3339 UTC, `level` as a word. */
export function makeLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } });
}

/** The journal that writes log lines. */
export function logJournal(logger: Logger, domain: string): Journal {
  return { note: (event) => write(logger, domain, event) };
}

function write(logger: Logger, domain: string, event: JournalEvent): void {
  const { kind, ...fields } = event;
  const line = { event: kind, domain, ...fields };
  switch (event.kind) {
    case "mail":
      logger[hasWarnings(event.plan) ? "warn" : "info"](closingLine(event, domain), summary(event));
      break;
    case "deed":
    case "stage":
      logger.debug(line, kind);
      break;
    case "entry-ignored":
    case "event-noted":
    case "already-closed":
    case "busy-elsewhere":
    case "bounce":
      logger.info(line, kind);
      break;
    case "entry-undecodable":
    case "port-error":
    case "audit-failed":
    case "unrecorded":
    case "set-aside":
      logger.error(line, kind);
      break;
    case "taken-over":
    case "object-missing":
    case "fenced":
      logger.warn(line, kind);
      break;
    default:
      event satisfies never;
  }
}

/** A rule that is off, or an odd mail, shall be heard. */
function hasWarnings(plan: Plan): boolean {
  return plan.kind === "carry" && plan.courses.some((course) => course.kind !== "refuse" && course.warnings.length > 0);
}

type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;

function closingLine(event: MailEvent, domain: string): Record<string, unknown> {
  const { mailId, sesId, from, receiveCount, plan, verdicts, settlement, seconds } = event;
  return {
    event: "mail",
    domain,
    mailId,
    sesId,
    from: from ?? "<>",
    receiveCount,
    settlement,
    seconds,
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
      verdict: verdicts.get(effect.key) ?? null,
    }));
    return { kind: course.kind, recipient: course.recipient, effects, withheld: course.withheld, warnings: course.warnings };
  });
}

/** The closing line in words: what was decided and why. */
function summary({ plan, verdicts, settlement }: MailEvent): string {
  const end =
    settlement.kind === "close" ? (settlement.mark?.status ?? "closed") : `retry in ${settlement.afterSeconds} s: ${settlement.reason}`;
  if (plan.kind === "discard") return `dropped: ${plan.reason}`;
  const courses = plan.courses.map((course) => {
    if (course.kind !== "serve") return `${course.recipient} ${describeCourse(course)}`;
    const done = course.effects.map(
      (effect) => `${effect.kind === "deliver" ? "delivery" : `${effect.kind} to ${effect.to}`} ${inWords(verdicts.get(effect.key))}`,
    );
    const withheld = course.withheld.map(({ kind, to, reason }) => `no ${kind}${to ? ` to ${to}` : ""} (${reason})`);
    return `${course.recipient} ${[...done, ...withheld].join(", ")}`;
  });
  return `${end}: ${courses.join("; ")}`;
}

function inWords(verdict: Verdict | undefined): string {
  if (!verdict) return "not begun";
  if (verdict.action === "skipped" || verdict.action === "failed" || verdict.action === "delayed")
    return `${verdict.action} (${verdict.reason})`;
  return verdict.action;
}
