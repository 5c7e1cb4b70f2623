// Active period: the times between which a rule applies, decoded from two texts and a time zone. A boundary is an instant with an
// offset (RFC 3339 §5.6, and the shorter offsets of ISO 8601), or a date, which means the whole day in the time zone. The rules
// of time zones come from Intl. The functions read no clock.

import { err, ok, quote, type Result } from "../result.ts";
import { dayMs, type EpochMs, instant } from "../time.ts";

/**
 * `from`: the first instant at which a rule applies. `until`: the first instant at which it no longer applies. `null`: no limit.
 */
export type ActivePeriod = Readonly<{ from: EpochMs | null; until: EpochMs | null }>;

/** The texts of a row, named like its attributes; "" for an absent one. */
export type PeriodAttributes = Readonly<{ ooo_start: string; ooo_end: string; ooo_timezone: string }>;

/** What is wrong with a period, and the attribute that says so. */
export type PeriodProblem = Readonly<{ field: keyof PeriodAttributes; text: string }>;

const boundaryForm = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?))?$/;

/**
 * Decodes a period. An error for an invalid boundary or zone, and for an end that is not after the start: such a rule would never
 * apply, which its owner did not intend.
 */
export function decodeActivePeriod({ ooo_start, ooo_end, ooo_timezone }: PeriodAttributes): Result<ActivePeriod, PeriodProblem> {
  const calendar = calendarOf(ooo_timezone === "" ? "UTC" : ooo_timezone);
  if (calendar === null) return refuse("ooo_timezone", "must be an IANA name", ooo_timezone);
  const from = decodeBoundary("ooo_start", ooo_start, calendar, 0);
  if (!from.ok) return from;
  const until = decodeBoundary("ooo_end", ooo_end, calendar, 1);
  if (!until.ok) return until;
  if (from.value !== null && until.value !== null && until.value <= from.value)
    return refuse("ooo_end", "must come after ooo_start", `${ooo_start}/${ooo_end}`);
  return ok({ from: from.value, until: until.value });
}

/** Whether a period contains an instant, for example the time at which a mail was received. */
export function isActive({ from, until }: ActivePeriod, at: EpochMs): boolean {
  return (from === null || at >= from) && (until === null || at < until);
}

function refuse(field: keyof PeriodAttributes, rule: string, value: string): Result<never, PeriodProblem> {
  return err({ field, text: `Cannot use the out-of-office rule: ${field} ${rule}, is ${quote(value)}` });
}

/** Decodes a date or an instant. `addDays`: 1 for the end, because a date as the end includes that whole day. */
function decodeBoundary(
  name: "ooo_start" | "ooo_end",
  text: string,
  calendar: Intl.DateTimeFormat,
  addDays: 0 | 1,
): Result<EpochMs | null, PeriodProblem> {
  if (text === "") return ok(null);
  const refused = refuse(name, "must be a date or an ISO 8601 instant with offset", text);
  const match = boundaryForm.exec(text.toUpperCase());
  if (match === null) return refused;
  const [, year = "", month = "", date = "", hour, minute = "0", second = "0", sign, offsetHours = "0", offsetMinutes = "0"] = match;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(date));
  // Platforms handle 30 February differently, so check that the date is the same after conversion.
  if (new Date(midnight).toISOString().slice(0, 10) !== `${year}-${month}-${date}`) return refused;
  if (hour === undefined) return ok(firstInstantOf(calendar, midnight + addDays * dayMs));
  const [h, m, s, oh, om] = [hour, minute, second, offsetHours, offsetMinutes].map(Number) as [number, number, number, number, number];
  if (h > 23 || m > 59 || s > 60 || oh > 23 || om > 59) return refused; // RFC 3339 §5.6: 60 is a leap second
  const offset = (oh * 60 + om) * (sign === "-" ? -1 : 1);
  return ok(instant(midnight + ((h * 60 + m - offset) * 60 + s) * 1000));
}

/**
 * The first instant at which the local date of a zone is this day or a later one. Midnight can be skipped or occur twice when the
 * clock changes at night, and a zone that crosses the date line can skip a whole day (Samoa, 30 December 2011).
 */
function firstInstantOf(calendar: Intl.DateTimeFormat, midnight: number): EpochMs {
  const guess = midnight - (localTimeOf(calendar, midnight) - midnight);
  if (localTimeOf(calendar, guess) === midnight && localTimeOf(calendar, guess - 1000) < midnight) return instant(guess); // nearly always
  let [before, atOrAfter] = [midnight - dayMs, midnight + dayMs]; // every offset is less than a day
  while (atOrAfter - before > 1000) {
    const middle = before + Math.floor((atOrAfter - before) / 2000) * 1000;
    if (localTimeOf(calendar, middle) >= midnight) atOrAfter = middle;
    else before = middle;
  }
  return instant(atOrAfter);
}

/**
 * The calendar of a zone; `null` for an unknown name. Offsets such as `+02:00` are refused, because not all platforms accept
 * them.
 */
function calendarOf(zone: string): Intl.DateTimeFormat | null {
  if (!/^[A-Za-z]/.test(zone)) return null;
  const shown = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  try {
    return new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone: zone, hourCycle: "h23", ...shown });
  } catch {
    return null;
  }
}

/** The local time of a zone, as milliseconds as if it were UTC. */
function localTimeOf(calendar: Intl.DateTimeFormat, at: number): number {
  const part = Object.fromEntries(calendar.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
}
