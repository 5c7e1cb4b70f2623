// Log: writes journal events as JSON lines to standard output. An event never holds body text, a subject or a secret, so a
// line does not either. docs/logs.md lists every event.

import type { Journal, JournalEvent, Plan, Verdict } from "@sesame/core";
import type { Logger } from "pino";
import { closingFields, closingText } from "./closing-line.ts";

/** Whether the log shows addresses as they are, or as `a***@example.com`. */
export type LogAddresses = "plain" | "masked";

/** The journal that writes log lines. */
export function logJournal(logger: Logger, domain: string, addresses: LogAddresses): Journal {
  const shown = addresses === "plain" ? logger : maskedLogger(logger);
  return {
    note: (event) => {
      if (!isForDebugging(event) || logger.isLevelEnabled("debug")) write(shown, domain, event);
    },
  };
}

/** Each mail has some eight such events. Their lines are not made where nobody reads them. */
function isForDebugging(event: JournalEvent): boolean {
  return event.kind === "stage" || (event.kind === "deed" && event.verdict.action !== "delayed");
}

type Levels = Record<"debug" | "info" | "warn" | "error", (line: object, text: string) => void>;

function maskedLogger(logger: Logger): Levels {
  const masked = (level: keyof Levels) => (line: object, text: string) => logger[level](maskAll(line), maskAddresses(text));
  return { debug: masked("debug"), info: masked("info"), warn: masked("warn"), error: masked("error") };
}

/** Masks all but the first character of each local part, also in the answers of mail servers. */
export function maskAddresses(text: string): string {
  let masked = "";
  let at = 0;
  let quotesFrom = 0; // no quoted string starts before
  while (at < text.length) {
    const isQuote = text.charAt(at) === '"';
    const end = !isQuote ? endOfAtom(text, at) : at < quotesFrom ? at + 1 : endOfQuoted(text, at);
    if (isQuote && at >= quotesFrom) quotesFrom = end < 0 ? text.length : end;
    const local = isQuote ? endOfQuotedLocal(text, end) : endOfLocal(text, at, end);
    const next = local > 0 ? local : isQuote ? at + 1 : Math.max(end, at + 1);
    masked += local > 0 ? `${String.fromCodePoint(text.codePointAt(at) ?? 0)}***` : text.slice(at, next);
    at = next;
  }
  return masked;
}

const atom = /[^\s"<>(),:;]*/y;

function endOfAtom(text: string, at: number): number {
  atom.lastIndex = at;
  return at + (atom.exec(text)?.[0].length ?? 0);
}

/** -1 if it is not closed; then no later one is. */
function endOfQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text.charAt(i) === "\\") i++;
    else if (text.charAt(i) === '"') return i + 1;
  }
  return -1;
}

function endOfQuotedLocal(text: string, end: number): number {
  return end > 0 && isSign(text, end) ? end : -1;
}

/** The end of the local part in an atom that may hold several @: the last one that a domain follows counts. */
function endOfLocal(text: string, start: number, end: number): number {
  for (let i = end - 1; i > start; i--) if (isSign(text, i)) return i;
  return -1;
}

/** Whether an @ stands here, and something that may be a domain behind it. */
function isSign(text: string, at: number): boolean {
  return text.charAt(at) === "@" && /^[^\s@]/.test(text.slice(at + 1, at + 2));
}

function maskAll(value: unknown): object {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) => (typeof item === "string" ? maskAddresses(item) : item));
}

function write(logger: Levels, domain: string, event: JournalEvent): void {
  if (event.kind === "mail") logger[hasWarnings(event.plan) ? "warn" : "info"](closingFields(event, domain), closingText(event));
  else writeEvent(logger, domain, event);
}

function writeEvent(logger: Levels, domain: string, event: Exclude<JournalEvent, { readonly kind: "mail" }>): void {
  const { kind, ...fields } = event;
  const line = { event: kind, domain, ...logFields(fields) };
  switch (event.kind) {
    case "deed":
      writeEffect(logger, line, event.verdict);
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
    case "mark-honoured":
      logger.info(line, "an earlier program processed this mail: acknowledged without a delivery");
      break;
    case "erase-waits":
      logger.info(line, "blocked by all recipients: deleted later, if no other notice names somebody else");
      break;
    case "erased":
      logger.info(line, "blocked by all recipients: deleted");
      break;
    case "unrecorded":
      logger.error(line, "done, but not recorded: may be delivered more than once");
      break;
    case "entry-undecodable":
    case "port-error":
    case "audit-failed":
    case "set-aside":
      logger.error(line, kind);
      break;
    case "taken-over":
      logger.warn(line, "taken over from a worker that crashed: may be delivered more than once");
      break;
    case "fenced":
      logger.warn(line, event.keys.length === 0 ? kind : "sent, and another worker has the mail now: may be delivered more than once");
      break;
    case "blocked-kept":
      logger.warn(line, "blocked by all recipients, and kept: nobody could tell in time that no other recipient needs it");
      break;
    case "object-missing":
      logger.warn(line, kind);
      break;
    default:
      event satisfies never;
  }
}

/** The field `standIn` of an event is `notice` in the log. */
function logFields(fields: object & { standIn?: unknown }): object {
  const { standIn, ...others } = fields;
  return standIn === undefined ? others : { ...others, notice: standIn };
}

/** The closing line repeats every verdict. Only verdicts that need attention at once are logged above debug. */
function writeEffect(logger: Levels, line: object, verdict: Verdict): void {
  if (verdict.action !== "delayed") logger.debug(line, "deed");
  else if (verdict.possibleDuplicate) logger.warn(line, "no answer after the mail was sent: may be delivered more than once");
  else if (verdict.reason === "refused-us")
    logger.error(line, "the mail server or SES refuses us, not this mail: see refused-us in docs/operations.md");
  else logger.debug(line, "deed");
}

/** An invalid rule or a malformed mail raises the level of the closing line. */
function hasWarnings(plan: Plan): boolean {
  return plan.kind === "carry" && plan.courses.some((course) => course.kind !== "refuse" && course.warnings.length > 0);
}
