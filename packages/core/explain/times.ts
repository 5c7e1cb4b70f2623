// Times: instants as text, when a rule is active, when an effect runs, and how long a sender is remembered. All in UTC, as in
// the log.

import type { Facts } from "../plan/facts.ts";
import { memoryKeys } from "../plan/recipient.ts";
import type { Serve, When } from "../plan/types.ts";
import type { ReplyRule } from "../rules/rule-row.ts";
import type { EpochMs } from "../time.ts";

/** `2026-01-05 12:00:00 UTC`; an instant outside the range of JavaScript dates is "never". */
export function formatInstant(at: EpochMs): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "never" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** When the auto-reply of a row is active. */
export function timesOfRow(row: string, { rules }: Facts): string {
  const reply = rules.get(row)?.reply ?? null;
  return reply === null ? "never" : timesOf(reply);
}

/** When a rule is active: start (inclusive) and end (exclusive). */
export function timesOf({ from, until }: ReplyRule): string {
  if (from === null && until === null) return "at all times";
  return [from === null ? "" : `from ${formatInstant(from)}`, until === null ? "" : `until ${formatInstant(until)}`]
    .filter((part) => part !== "")
    .join(" ");
}

/** When a forward or reply runs. */
export function whenText({ anyOf, needs, waitsUntil }: When): string {
  const one = anyOf.length > 1 ? ` to one of ${anyOf.length} recipients` : "";
  if (needs === "delivered") return `when the mail is delivered${one}`;
  if (waitsUntil === null) return `when the delivery${one} is final`;
  return `when the delivery${one} is final, at the latest at ${formatInstant(waitsUntil)}`;
}

/** Until when this sender is remembered for this recipient. */
export function memoryText({ recipient }: Serve, { answered }: Facts): string {
  const [memory] = memoryKeys(recipient).flatMap((key) => answered.get(key) ?? []);
  return memory === undefined ? "nothing" : `answered for ${memory.mailId}, remembered until ${formatInstant(memory.until)}`;
}
