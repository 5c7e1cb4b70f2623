// Period: from when to when a rule applies, read from two texts and a time zone. An edge is an instant with its offset
// (RFC 3339 §5.6, and the shorter offsets of ISO 8601), or a date, which means that whole day in the zone. The zones' rules
// are the platform's Intl data. It asks no clock.

import { err, ok, quote, type Result } from "../result.ts";
import type { EpochMs } from "../time.ts";

/** First instant at which a rule applies, and first at which it no longer does; `null` is open. */
export type Period = Readonly<{ from: EpochMs | null; until: EpochMs | null }>;

/** The texts of a row; "" is absent. The names of its attributes stand in the error texts. */
export type PeriodTexts = Readonly<{ ooo_start: string; ooo_end: string; ooo_timezone: string }>;

const day = 86_400_000; // ms
const edgeForm = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?))?$/;

/** Reads a period. An end that lets it never apply is an error: whoever wrote it meant something else. */
export function decodePeriod({ ooo_start, ooo_end, ooo_timezone }: PeriodTexts): Result<Period> {
  const clock = clockOf(ooo_timezone === "" ? "UTC" : ooo_timezone);
  if (clock === null) return refuse("ooo_timezone must be an IANA name", ooo_timezone);
  const from = decodeEdge("ooo_start", ooo_start, clock, 0);
  if (!from.ok) return from;
  const until = decodeEdge("ooo_end", ooo_end, clock, 1);
  if (!until.ok) return until;
  if (from.value !== null && until.value !== null && until.value <= from.value)
    return refuse("ooo_end must come after ooo_start", `${ooo_start}/${ooo_end}`);
  return ok({ from: from.value, until: until.value });
}

/** Whether a period covers an instant. */
export function covers({ from, until }: Period, at: EpochMs): boolean {
  return (from === null || at >= from) && (until === null || at < until);
}

function refuse(rule: string, value: string): Result<never> {
  return err(`Cannot use the out-of-office rule: ${rule}, is ${quote(value)}`);
}

/** `daysOn`: a date begins at its first instant and ends with the first of the next day. */
function decodeEdge(name: string, text: string, clock: Intl.DateTimeFormat, daysOn: 0 | 1): Result<EpochMs | null> {
  if (text === "") return ok(null);
  const refused = refuse(`${name} must be a date or an ISO 8601 instant with offset`, text);
  const match = edgeForm.exec(text.toUpperCase());
  if (match === null) return refused;
  const [, year = "", month = "", date = "", hour, minute = "0", second = "0", sign, offsetHours = "0", offsetMinutes = "0"] = match;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(date));
  // Platforms differ on the 30th of February, so this asks whether the day comes back as it went in.
  if (new Date(midnight).toISOString().slice(0, 10) !== `${year}-${month}-${date}`) return refused;
  if (hour === undefined) return ok(firstInstantOf(clock, midnight + daysOn * day));
  const [h, m, s, oh, om] = [hour, minute, second, offsetHours, offsetMinutes].map(Number) as [number, number, number, number, number];
  if (h > 23 || m > 59 || s > 60 || oh > 23 || om > 59) return refused; // RFC 3339 §5.6: 60 is a leap second
  const offset = (oh * 60 + om) * (sign === "-" ? -1 : 1);
  return ok((midnight + ((h * 60 + m - offset) * 60 + s) * 1000) as EpochMs);
}

/**
 * The first instant at which a zone's clocks show this day or a later one. Midnight itself may be skipped or come twice
 * where summer time changes at night, and a whole day was where a zone crossed the date line (Samoa, 30 December 2011).
 */
function firstInstantOf(clock: Intl.DateTimeFormat, midnight: number): EpochMs {
  const guess = midnight - (shownBy(clock, midnight) - midnight);
  if (shownBy(clock, guess) === midnight && shownBy(clock, guess - 1000) < midnight) return guess as EpochMs; // nearly always
  let [before, atOrAfter] = [midnight - day, midnight + day]; // no offset is as large as a day
  while (atOrAfter - before > 1000) {
    const middle = before + Math.floor((atOrAfter - before) / 2000) * 1000;
    if (shownBy(clock, middle) >= midnight) atOrAfter = middle;
    else before = middle;
  }
  return atOrAfter as EpochMs;
}

/** The clock of a zone, `null` where there is no such zone. Names only: whether an offset is one depends on the platform. */
function clockOf(zone: string): Intl.DateTimeFormat | null {
  if (!/^[A-Za-z]/.test(zone)) return null;
  const shown = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  try {
    return new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", { timeZone: zone, hourCycle: "h23", ...shown });
  } catch {
    return null;
  }
}

/** What a clock shows, as if it were UTC. */
function shownBy(clock: Intl.DateTimeFormat, at: number): number {
  const part = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
}
