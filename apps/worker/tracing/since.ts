// Since: the value of `--since`, and why a time may be too long ago for a comparison with the ledger.

import { type EpochMs, err, ok, quote, type Result } from "@sesame/core";

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `2026-11-20` (midnight UTC), an ISO 8601 instant with an offset, or an age such as `90m`, `36h` or `3d`. */
export function sinceOf(text: string, now: number): Result<EpochMs> {
  const [, count = "", unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const ageMs = units[unit];
  if (ageMs !== undefined) return ok((now - Number(count) * ageMs) as EpochMs);
  const isInstant = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  const at = isInstant ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    return err(`Cannot read --since: must be a day, an instant with an offset, or an age such as 36h or 3d, is ${quote(text)}`);
  return at > now ? err(`Cannot read --since: must not be in the future, is ${quote(text)}`) : ok(at as EpochMs);
}

const dayMs = 86_400_000;

/** What a comparison must know: the ledger must remember each mail of that time. */
export type Memory = Readonly<{ LEDGER: "table" | "memory"; LEDGER_DAYS: number }>;

/** Refuses a time of which the ledger may have forgotten mails: each of them would look as if no worker had taken it. */
export function rememberedSince(since: EpochMs, now: number, { LEDGER, LEDGER_DAYS }: Memory): Result<null> {
  if (LEDGER === "memory")
    return err('Cannot compare with the ledger: LEDGER must be table, is "memory". Then only the worker that took a mail knows of it');
  if (since >= now - (LEDGER_DAYS - 1) * dayMs) return ok(null);
  const days = `LEDGER_DAYS − 1 (${LEDGER_DAYS - 1} days)`;
  return err(
    `Cannot compare mails since ${new Date(since).toISOString()}: --since must be at most ${days} ago, for the ledger forgets older mails`,
  );
}
