// Rule: what a user asked for, decoded from a stored row. Decoding is strict: a wrong type switches that one rule off,
// aloud, and never on by accident (`Boolean("false")` is true). Out-of-office and forwards are separate rules of a row.
// What it says about time is read by period.ts. Absent, NULL and "" are one and the same for an optional text.

import { sha256 } from "@noble/hashes/sha2.js";
import { z } from "zod";
import { type Address, addressKey, parseAddress, tableKeys } from "../mail/address.ts";
import { hex, utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import type { EpochMs } from "../time.ts";
import { covers, decodePeriod, type Period } from "./active-period.ts";

/** An out-of-office text and its time. */
export type ReplyRule = Period &
  Readonly<{
    text: string;
    contentType: "text" | "html";
    subject: string | null;
    /**
     * Names what is said: the reply memory is kept for each text (RFC 5230 §4.2). Made from the rule as it is stored, so
     * neither the subject of the mail that is answered nor a later end of the same absence makes it another one.
     */
    textHash: string;
  }>;

/** A row, decoded: what is valid in it, and an error text for each rule that was switched off. */
export type RuleRow = Readonly<{
  reply: ReplyRule | null;
  forwards: readonly Address[];
  errors: readonly string[];
}>;

/** No rules at all. */
export const noRules: RuleRow = { reply: null, forwards: [], errors: [] };

const maxText = 64 * 1024; // octets; a reply is a note, and every sender gets it
const maxForwards = 50; // SES takes 50 destinations in a call

const text = z.string({ error: "must be a text" });
const optionalText = text.nullish().transform((value) => value?.trim() ?? "");
const replyShape = z.object({
  ooo_active: z.boolean({ error: "must be true or false" }),
  ooo_message: text
    .refine((value) => value.trim() !== "", { error: "must say something" })
    .refine((value) => utf8(value).length <= maxText, { error: `must have at most ${maxText} octets` }),
  ooo_content_type: z
    .enum(["text", "html"], { error: 'must be "text" or "html"' })
    .nullish()
    .transform((value) => value ?? "text"),
  ooo_subject: optionalText,
  ooo_start: optionalText,
  ooo_end: optionalText,
  ooo_timezone: optionalText,
});

/** Decodes a row of the rules table. Attributes that it does not know are passed over. */
export function decodeRuleRow(row: unknown): RuleRow {
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    return { ...noRules, errors: [`Cannot read a row of rules: must be a map, is ${quote(row)}`] };
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

/** Decodes rows by their table keys. */
export function decodeRuleRows(rows: ReadonlyMap<string, unknown>): ReadonlyMap<string, RuleRow> {
  return new Map([...rows].map(([key, row]) => [key, decodeRuleRow(row)]));
}

/** The row that holds for a recipient, and its table key: the nearest row is taken whole, or there is none. */
export function ruleRowFor(recipient: Address, rows: ReadonlyMap<string, RuleRow>): Readonly<{ key: string | null; row: RuleRow }> {
  const key = tableKeys(recipient).find((each) => rows.has(each));
  return { key: key ?? null, row: (key === undefined ? undefined : rows.get(key)) ?? noRules };
}

function decodeReply(fields: Readonly<Record<string, unknown>>): Result<ReplyRule | null> {
  if (fields["ooo_active"] === undefined || fields["ooo_active"] === false) return ok(null);
  const parsed = replyShape.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    return err(`Cannot use the out-of-office rule: ${name} ${issue?.message}, is ${shown(name, fields[name])}`);
  }
  const { ooo_message, ooo_content_type, ooo_subject, ...texts } = parsed.data;
  const period = decodePeriod(texts);
  if (!period.ok) return period;
  const subject = ooo_subject === "" ? null : ooo_subject;
  const textHash = hex(sha256(utf8(JSON.stringify([ooo_content_type, subject, ooo_message])))).slice(0, 32);
  return ok({ text: ooo_message, contentType: ooo_content_type, subject, ...period.value, textHash });
}

/** An error text goes to a log, where the words of a user have no place, in whatever they are wrapped. */
function shown(name: string, value: unknown): string {
  if (name !== "ooo_message" && name !== "ooo_subject") return quote(value);
  if (typeof value === "string") return `${utf8(value).length} octets`;
  return typeof value !== "object" || value === null ? quote(value) : Array.isArray(value) ? "a list" : "a map";
}

/** Whether out-of-office applies to a mail received at this instant. */
export function isActive(rule: ReplyRule, at: EpochMs): boolean {
  return covers(rule, at);
}

/** Valid targets, each once, in order; each invalid one is named and left out. */
function decodeForwards(value: unknown): { addresses: readonly Address[]; errors: readonly string[] } {
  if (value === undefined || value === null) return { addresses: [], errors: [] };
  const list = value instanceof Set ? [...value] : value;
  if (!Array.isArray(list)) {
    return {
      addresses: [],
      errors: [`Cannot use the forwards: must be a list or set of addresses, is ${quote(value)}`],
    };
  }
  const errors: string[] = [];
  const targets = new Map<string, Address>();
  for (const item of list.slice(0, maxForwards)) {
    const parsed = parseAddress(typeof item === "string" ? item : "");
    if (parsed.ok) targets.set(addressKey(parsed.value), targets.get(addressKey(parsed.value)) ?? parsed.value);
    else errors.push(`Cannot forward: a target must be an address, is ${quote(item)}`);
  }
  if (list.length > maxForwards)
    errors.push(`Cannot forward to all targets: at most ${maxForwards} are allowed, found ${list.length}`);
  return { addresses: [...targets.values()], errors };
}
