// Rule row: the rules of a user, decoded from a stored row. Decoding is strict: a wrong type disables that rule and gives an
// error text. It must never enable one by accident (`Boolean("false")` is true). The out-of-office reply and the forwards of a
// row are decoded separately. active-period.ts decodes the times. Absent, NULL and "" mean the same for an optional text.

import { sha256 } from "@noble/hashes/sha2.js";
import { z } from "zod";
import { type Address, addressKey, parseAddress, tableKeys } from "../mail/address.ts";
import { hex, utf8 } from "../octets.ts";
import type { Pause } from "../pause.ts";
import { err, ok, quote, type Result } from "../result.ts";
import { finish, finishWithPauses, type Steps } from "../steps.ts";
import { type ActivePeriod, decodeActivePeriod } from "./active-period.ts";
import { type RowSpellings, respellRuleRow } from "./row-spelling.ts";

/** An out-of-office reply and the time during which it is sent. */
export type ReplyRule = ActivePeriod &
  Readonly<{
    text: string;
    contentType: "text" | "html";
    subject: string | null;
    /**
     * Identifies the reply text: the reply memory is kept for each text (RFC 5230 §4.2). It depends on the stored type, subject
     * and text only, so neither the answered mail nor a new end date changes it.
     */
    textHash: string;
  }>;

/** A decoded row: the valid rules, and an error text for each rule that was disabled. */
export type RuleRow = Readonly<{
  reply: ReplyRule | null;
  forwards: readonly Address[];
  errors: readonly string[];
}>;

/** A row without rules. */
export const noRules: RuleRow = { reply: null, forwards: [], errors: [] };

const maxText = 64 * 1024; // octets; every sender gets the text
const maxSubject = 4096; // octets; a reply shows far fewer
const maxForwards = 50; // SES accepts 50 destinations in one call

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
  ooo_subject: optionalText.refine((value) => utf8(value).length <= maxSubject, { error: `must have at most ${maxSubject} octets` }),
  ooo_start: optionalText,
  ooo_end: optionalText,
  ooo_timezone: optionalText,
});

/** A problem of a row and the attribute that has it; `null`: the row itself. */
export type RowProblem = Readonly<{ field: string | null; text: string }>;

/**
 * Decodes a row of the rules table. Unknown attributes are ignored. It never throws: problems are in `errors`, of the auto-reply the
 * first one.
 */
export function decodeRuleRow(row: unknown, spellings: RowSpellings = "strict"): RuleRow {
  const fields = fieldsOf(row, spellings);
  if (fields === null) return { ...noRules, errors: [noMap(row)] };
  const reply = decodeReply(fields);
  const forwards = decodeForwards(fields["forwards"]);
  return {
    reply: reply.ok ? reply.value : null,
    forwards: forwards.addresses,
    errors: [...(reply.ok ? [] : reply.error.slice(0, 1).map(({ text }) => text)), ...forwards.errors],
  };
}

/** All problems of a row, each with its attribute. Without one, `decodeRuleRow` has no errors. */
export function ruleRowProblems(row: unknown, spellings: RowSpellings = "strict"): readonly RowProblem[] {
  const fields = fieldsOf(row, spellings);
  if (fields === null) return [{ field: null, text: noMap(row) }];
  const reply = decodeReply(fields);
  const { errors } = decodeForwards(fields["forwards"]);
  return [...(reply.ok ? [] : reply.error), ...errors.map((text) => ({ field: "forwards", text }))];
}

/** Decodes rows by table key. */
export function decodeRuleRows(rows: ReadonlyMap<string, unknown>, spellings: RowSpellings = "strict"): ReadonlyMap<string, RuleRow> {
  return finish(decodeRows(rows, spellings));
}

/** The same, with a pause after each row: the hash of a long text takes milliseconds. */
export function decodeRuleRowsWithPauses(
  rows: ReadonlyMap<string, unknown>,
  pause: Pause,
  spellings: RowSpellings = "strict",
): Promise<ReadonlyMap<string, RuleRow>> {
  return finishWithPauses(decodeRows(rows, spellings), pause);
}

function* decodeRows(rows: ReadonlyMap<string, unknown>, spellings: RowSpellings): Steps<ReadonlyMap<string, RuleRow>> {
  const decoded = new Map<string, RuleRow>();
  for (const [key, row] of rows) {
    decoded.set(key, decodeRuleRow(row, spellings));
    yield;
  }
  return decoded;
}

/** The attributes of a row; `null` if it is no map. */
function fieldsOf(row: unknown, spellings: RowSpellings): Readonly<Record<string, unknown>> | null {
  if (typeof row !== "object" || row === null || Array.isArray(row)) return null;
  return (spellings === "legacy" ? respellRuleRow(row).value : row) as Readonly<Record<string, unknown>>;
}

function noMap(row: unknown): string {
  return `Cannot read a row of rules: must be a map, is ${quote(row)}`;
}

/**
 * Returns the nearest row for a recipient and its table key (see `tableKeys`). Rows are not merged. Without a row: `noRules` and
 * `null`.
 */
export function ruleRowFor(recipient: Address, rows: ReadonlyMap<string, RuleRow>): Readonly<{ key: string | null; row: RuleRow }> {
  const key = tableKeys(recipient).find((each) => rows.has(each));
  return { key: key ?? null, row: (key === undefined ? undefined : rows.get(key)) ?? noRules };
}

function decodeReply(fields: Readonly<Record<string, unknown>>): Result<ReplyRule | null, readonly RowProblem[]> {
  if (fields["ooo_active"] === undefined || fields["ooo_active"] === false) return ok(null);
  const parsed = replyShape.safeParse(fields);
  if (!parsed.success) {
    return err(
      parsed.error.issues.map(({ path, message }) => {
        const field = String(path[0]);
        return { field, text: `Cannot use the out-of-office rule: ${field} ${message}, is ${errorValue(field, fields[field])}` };
      }),
    );
  }
  const { ooo_message, ooo_content_type, ooo_subject, ...texts } = parsed.data;
  const period = decodeActivePeriod(texts);
  if (!period.ok) return err([period.error]);
  const subject = ooo_subject === "" ? null : ooo_subject;
  const textHash = hex(sha256(utf8(JSON.stringify([ooo_content_type, subject, ooo_message])))).slice(0, 32);
  return ok({ text: ooo_message, contentType: ooo_content_type, subject, ...period.value, textHash });
}

/** The value in an error text. Error texts are logged, so the text of a user is described by its size or type and not quoted. */
function errorValue(name: string, value: unknown): string {
  if (name !== "ooo_message" && name !== "ooo_subject") return quote(value);
  if (typeof value === "string") return `${utf8(value).length} octets`;
  return typeof value !== "object" || value === null ? quote(value) : Array.isArray(value) ? "a list" : "a map";
}

/** The valid targets, each once and in order, and an error for each invalid one. */
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
  if (list.length > maxForwards) errors.push(`Cannot forward to all targets: at most ${maxForwards} are allowed, found ${list.length}`);
  return { addresses: [...targets.values()], errors };
}
