// Explanation of times: instants as people read them, when a rule is active, when an effect runs, and how long a sender
// is remembered. All in UTC, as the log has them.

import { addressKey } from "../mail/address.ts";
import type { Facts } from "../plan/facts.ts";
import type { Serve, When } from "../plan/types.ts";
import type { ReplyRule } from "../rules/rule-row.ts";
import { type EpochMs, hourMs } from "../time.ts";

/** `2026-01-05 12:00:00 UTC`; dates beyond what the calendar of the language holds are "never". */
export function formatInstant(at: EpochMs): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "never" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** When the out-of-office of a row is active. */
export function timesOfRow(row: string, { rules }: Facts): string {
  const reply = rules.get(row)?.reply ?? null;
  return reply === null ? "never" : timesOf(reply);
}

/** When a rule is active: its first instant, and the first that is no more. */
export function timesOf({ from, until }: ReplyRule): string {
  if (from === null && until === null) return "at all times";
  return [from === null ? "" : `from ${formatInstant(from)}`, until === null ? "" : `until ${formatInstant(until)}`]
    .filter((part) => part !== "")
    .join(" ");
}

/** When a forward or reply runs. */
export function whenText({ needs, waitsUntil }: When, { receivedAt }: Facts): string {
  if (needs === "delivered") return "once delivered";
  if (waitsUntil === null) return "once the delivery is final";
  const wait = waitsUntil - receivedAt === hourMs ? "after an hour" : "at the latest";
  return `once the delivery is final, or ${wait} (${formatInstant(waitsUntil)})`;
}

/** Until when this sender is remembered for this recipient. */
export function memoryText({ recipient }: Serve, { answered }: Facts): string {
  const memory = answered.get(addressKey(recipient));
  return memory === undefined ? "nothing" : `answered for ${memory.mailId}, and remembered until ${formatInstant(memory.until)}`;
}
