// Rule: what a user asked for, decoded from a stored row. Decoding is strict: a wrong type switches that one rule off,
// aloud, and never on by accident (`Boolean("false")` is true). Out-of-office and forwards are separate rules of a row.
// It also says whether out-of-office is active at an instant; time zones come from the platform's Intl data.

import { sha256 } from "@noble/hashes/sha2.js";
import { z } from "zod";
import { type Address, addressKey, parseAddress } from "./address.ts";
import { hex, utf8 } from "./bytes.ts";
import type { EpochMs } from "./notice.ts";
import { err, ok, quote, type Result } from "./result.ts";

/** An out-of-office text and its time. */
export type ReplyRule = Readonly<{
  text: string;
  contentType: "text" | "html";
  subject: string | null;
  /** First instant at which it applies, and first at which it no longer does; `null` is open. */
  from: EpochMs | null;
  until: EpochMs | null;
  /** Names the text: the reply memory is kept for each text (RFC 5230 §4.2). */
  textHash: string;
}>;

/** A row, decoded: what is valid in it, and an error text for each rule that was switched off. */
export type Rules = Readonly<{
  reply: ReplyRule | null;
  forwards: readonly Address[];
  errors: readonly string[];
}>;

/** No rules at all. */
export const noRules: Rules = { reply: null, forwards: [], errors: [] };

const maxText = 64 * 1024; // a reply is a note, and every sender gets it
const maxForwards = 50; // SES takes 50 destinations in a call

const replyShape = z.object({
  ooo_active: z.boolean(),
  ooo_message: z.string().min(1).max(maxText),
  ooo_content_type: z.enum(["text", "html"]).default("text"),
  ooo_subject: z.string().nullish(),
  ooo_start: z.string().nullish(),
  ooo_end: z.string().nullish(),
  ooo_timezone: z.string().nullish(),
});

/** Decodes a row of the rules table. Attributes that it does not know are passed over. */
export function decodeRules(row: unknown): Rules {
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    return { ...noRules, errors: [`Cannot read a row of rules as it must be a map: current value is ${quote(row)}`] };
  }
  const fields = row as Readonly<Record<string, unknown>>;
  const reply = decodeReply(fields);
  const forwards = decodeForwards(fields["forwards"]);
  return {
    reply: reply.ok ? reply.value : null,
    forwards: forwards.addresses,
    errors: [...(reply.ok ? [] : [reply.error]), ...forwards.errors],
  };
}

function decodeReply(fields: Readonly<Record<string, unknown>>): Result<ReplyRule | null> {
  if (fields["ooo_active"] === undefined || fields["ooo_active"] === false) return ok(null);
  const parsed = replyShape.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    return err(`Cannot use the out-of-office rule as ${name}: ${issue?.message}: current value is ${quote(fields[name])}`);
  }
  const row = parsed.data;
  const zone = row.ooo_timezone ?? "UTC";
  if (!isTimeZone(zone))
    return err(`Cannot use the out-of-office rule as ooo_timezone must be an IANA name: current value is ${quote(zone)}`);
  const from = parseEdge("ooo_start", row.ooo_start, zone, 0);
  const until = parseEdge("ooo_end", row.ooo_end, zone, 1);
  if (!from.ok) return from;
  if (!until.ok) return until;
  const subject = row.ooo_subject?.trim() || null;
  const textHash = hex(sha256(utf8(JSON.stringify([row.ooo_content_type, subject, row.ooo_message])))).slice(0, 32);
  return ok({ text: row.ooo_message, contentType: row.ooo_content_type, subject, from: from.value, until: until.value, textHash });
}

/** Whether out-of-office applies to a mail received at this instant. */
export function isActive(rule: ReplyRule, at: EpochMs): boolean {
  return (rule.from === null || at >= rule.from) && (rule.until === null || at < rule.until);
}

/** An instant with offset, or a date: its whole day in the zone, so an end is the next midnight (RFC 3339 §5.6). */
function parseEdge(name: string, text: string | null | undefined, zone: string, addDays: 0 | 1): Result<EpochMs | null> {
  const value = text?.trim() ?? "";
  if (value === "") return ok(null);
  const refused = err(
    `Cannot use the out-of-office rule as ${name} must be a date or an ISO 8601 instant with offset: current value is ${quote(text)}`,
  );
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value);
  if (date) {
    const midnight = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3]) + addDays);
    const exists = new Date(Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3]))).toISOString().startsWith(value);
    return exists ? ok(midnightIn(zone, midnight)) : refused;
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/i.test(value)) return refused;
  const instant = Date.parse(value.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  return Number.isNaN(instant) ? refused : ok(instant as EpochMs);
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The instant at which a zone's clocks show this midnight; twice, because the offset may change on the way. */
function midnightIn(zone: string, utcMidnight: number): EpochMs {
  const once = utcMidnight - offsetAt(zone, utcMidnight);
  return (utcMidnight - offsetAt(zone, once)) as EpochMs;
}

function offsetAt(zone: string, at: number): number {
  const format = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
  return shown - Math.floor(at / 1000) * 1000;
}

/** Valid targets, each once, in order; each invalid one is named and left out. */
function decodeForwards(value: unknown): { addresses: readonly Address[]; errors: readonly string[] } {
  if (value === undefined || value === null) return { addresses: [], errors: [] };
  const list = value instanceof Set ? [...value] : value;
  if (!Array.isArray(list)) {
    return {
      addresses: [],
      errors: [`Cannot use the forwards as they must be a list or set of addresses: current value is ${quote(value)}`],
    };
  }
  const errors: string[] = [];
  const targets = new Map<string, Address>();
  for (const item of list.slice(0, maxForwards)) {
    const parsed = parseAddress(typeof item === "string" ? item : "");
    if (parsed.ok) targets.set(addressKey(parsed.value), targets.get(addressKey(parsed.value)) ?? parsed.value);
    else errors.push(`Cannot forward as a target must be an address: current value is ${quote(item)}`);
  }
  if (list.length > maxForwards)
    errors.push(`Cannot forward to all targets as ${maxForwards} are allowed: current value is ${list.length}`);
  return { addresses: [...targets.values()], errors };
}
