// Log: journal events as JSON lines on standard output, one closing line for each mail. No body text, no subject and no
// secret is ever part of an event, so none can be part of a line.

import type { Effect, EffectKey, Journal, JournalEvent, Plan, Verdict } from "@sesame/core";
import { describeCourse } from "@sesame/core/plan";
import pino, { type DestinationStream, type Logger, type LoggerOptions } from "pino";
import type { Redact } from "./secrets.ts";

/** A logger of the documented form: `time` in RFC 3339 UTC, `level` as a word. Each line passes `redact` last of all. */
export function makeLogger(level: string, redact: Redact, to: DestinationStream = process.stdout): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: { streamWrite: (line) => oneLine(redact(line)) },
  };
  return pino(options, to);
}

/** Data in JSON (RFC 8259 §7), but line ends to some of those who read a log. */
function oneLine(line: string): string {
  return line.replace(/[\u0085\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Whether addresses stand in the log as they are, or as `a***@example.com`. */
export type LogAddresses = "plain" | "masked";

/** The journal that writes log lines. */
export function logJournal(logger: Logger, domain: string, addresses: LogAddresses): Journal {
  const shown = addresses === "plain" ? logger : maskedLogger(logger);
  return { note: (event) => write(shown, domain, event) };
}

type Levels = Record<"debug" | "info" | "warn" | "error", (line: object, text: string) => void>;

function maskedLogger(logger: Logger): Levels {
  const masked = (level: keyof Levels) => (line: object, text: string) => logger[level](maskAll(line), maskAddresses(text));
  return { debug: masked("debug"), info: masked("info"), warn: masked("warn"), error: masked("error") };
}

/** Keeps the first character of each local part; a mail server's answer may repeat addresses too. */
export function maskAddresses(text: string): string {
  return text.replace(/(?:"(?:[^"\\]|\\.)*"|[^\s"<>(),:;]+)@(?=[^\s@])/gu, (local) => `${[...local][0]}***@`);
}

function maskAll(value: unknown): object {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) => (typeof item === "string" ? maskAddresses(item) : item));
}

function write(logger: Levels, domain: string, event: JournalEvent): void {
  const { kind, ...fields } = event;
  const line = { event: kind, domain, ...fields };
  switch (event.kind) {
    case "mail":
      logger[hasWarnings(event.plan) ? "warn" : "info"](closingLine(event, domain), summary(event));
      break;
    case "deed":
      writeDeed(logger, line, event.verdict);
      break;
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
    case "unrecorded":
      logger.error(line, "done and not recorded: may be delivered more than once");
      break;
    case "entry-undecodable":
    case "port-error":
    case "audit-failed":
    case "set-aside":
      logger.error(line, kind);
      break;
    case "taken-over":
      logger.warn(line, "taken over from a worker that stopped: may be delivered more than once");
      break;
    case "object-missing":
    case "fenced":
      logger.warn(line, kind);
      break;
    default:
      event satisfies never;
  }
}

/** What was done is told by the closing line; what an administrator must know of at once is told here. */
function writeDeed(logger: Levels, line: object, verdict: Verdict): void {
  if (verdict.action !== "delayed") logger.debug(line, "deed");
  else if (verdict.possibleDuplicate) logger.warn(line, "in doubt: may be delivered more than once");
  else if (verdict.reason === "refused-us") logger.error(line, "refused because of our configuration: see docs/operations.md");
  else logger.debug(line, "deed");
}

/** A rule that is off, or an odd mail, shall be heard. */
function hasWarnings(plan: Plan): boolean {
  return plan.kind === "carry" && plan.courses.some((course) => course.kind !== "refuse" && course.warnings.length > 0);
}

type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;

function closingLine(event: MailEvent, domain: string): Record<string, unknown> {
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

/** The closing line in words: what was decided and why. */
function summary({ plan, verdicts, settlement }: MailEvent): string {
  const end = settlement.kind === "close" ? settlement.mark.status : `retry in ${settlement.afterSeconds} s: ${settlement.reason}`;
  if (plan.kind === "discard") return `dropped: ${plan.reason}`;
  const courses = plan.courses.map((course) => {
    if (course.kind !== "serve") return `${course.recipient} ${describeCourse(course)}`;
    const done = course.effects.map((effect) => `${deedOf(effect)} ${inWords(verdicts.get(effect.key))}`);
    const withheld = course.withheld.map(({ kind, to, reason }) => `no ${kind}${to ? ` to ${to}` : ""} (${reason})`);
    return `${course.recipient} ${[...done, ...withheld].join(", ")}`;
  });
  return `${end}: ${courses.join("; ")}`;
}

function deedOf(effect: Effect): string {
  if (effect.kind === "deliver") return "delivery";
  if (effect.kind === "forward" && effect.standIn !== null) return `notice to ${effect.to} that a forward is not made (${effect.standIn})`;
  return `${effect.kind} to ${effect.to}`;
}

function inWords(verdict: Verdict | undefined): string {
  if (!verdict) return "not begun";
  if (verdict.action === "skipped" || verdict.action === "failed" || verdict.action === "delayed")
    return `${verdict.action} (${verdict.reason})`;
  return verdict.action;
}
