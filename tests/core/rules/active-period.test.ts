// When a rule applies: whole days in zones of every kind, days that are shorter, skipped or begin late, and instants.

import { describe, expect, test } from "bun:test";
import { decodeRuleRow, type EpochMs, type RuleRow } from "@sesame/core";
import { decodeActivePeriod, isActive } from "../../../packages/core/rules/active-period.ts";
import { busyTime } from "../../busy-time.ts";
import { away } from "../sample.ts";

const at = (text: string) => Date.parse(text) as EpochMs;
const activeAt = (rules: RuleRow, text: string) => rules.reply !== null && isActive(rules.reply, at(text));

describe("isActive() knows when a period begins and ends:", () => {
  type Edges = readonly [why: string, row: object, first: string | null, last: string | null];
  const edges: readonly Edges[] = [
    [
      "dates are whole days of UTC by default",
      { ooo_start: "2026-01-02", ooo_end: "2026-01-03" },
      "2026-01-02T00:00:00Z",
      "2026-01-04T00:00:00Z",
    ],
    ["one day", { ooo_start: "2026-01-02", ooo_end: "2026-01-02" }, "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
    ["the last day of a year", { ooo_end: "2026-12-31" }, null, "2027-01-01T00:00:00Z"],
    ["a leap day", { ooo_start: "2028-02-29", ooo_end: "2028-02-29" }, "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"],
    ["no start", { ooo_end: "2026-01-03" }, null, "2026-01-04T00:00:00Z"],
    ["no end", { ooo_start: "2026-01-02" }, "2026-01-02T00:00:00Z", null],
    [
      "a day in Berlin",
      { ooo_start: "2026-01-02", ooo_end: "2026-01-02", ooo_timezone: "Europe/Berlin" },
      "2026-01-01T23:00:00Z",
      "2026-01-02T23:00:00Z",
    ],
    [
      "the zone's name in other letters, with blanks",
      { ooo_start: "2026-01-02", ooo_timezone: " europe/berlin " },
      "2026-01-01T23:00:00Z",
      null,
    ],
    [
      "a day of 23 hours",
      { ooo_start: "2026-03-29", ooo_end: "2026-03-29", ooo_timezone: "Europe/Berlin" },
      "2026-03-28T23:00:00Z",
      "2026-03-29T22:00:00Z",
    ],
    [
      "a day of 25 hours",
      { ooo_start: "2026-10-25", ooo_end: "2026-10-25", ooo_timezone: "Europe/Berlin" },
      "2026-10-24T22:00:00Z",
      "2026-10-25T23:00:00Z",
    ],
    ["half an hour beside the hour", { ooo_start: "2026-01-02", ooo_timezone: "Asia/Kolkata" }, "2026-01-01T18:30:00Z", null],
    ["three quarters", { ooo_start: "2026-01-02", ooo_timezone: "Asia/Kathmandu" }, "2026-01-01T18:15:00Z", null],
    ["the earliest zone", { ooo_start: "2026-01-02", ooo_timezone: "Pacific/Kiritimati" }, "2026-01-01T10:00:00Z", null],
    [
      "the latest zone",
      { ooo_start: "2026-01-02", ooo_end: "2026-01-02", ooo_timezone: "Etc/GMT+12" },
      "2026-01-02T12:00:00Z",
      "2026-01-03T12:00:00Z",
    ],
    // Summer time began at midnight: the day has no 00:00 and begins with 01:00.
    [
      "a day without midnight",
      { ooo_start: "2018-11-04", ooo_end: "2018-11-04", ooo_timezone: "America/Sao_Paulo" },
      "2018-11-04T03:00:00Z",
      "2018-11-05T02:00:00Z",
    ],
    ["an end on the eve of such a day", { ooo_end: "2018-11-03", ooo_timezone: "America/Sao_Paulo" }, null, "2018-11-04T03:00:00Z"],
    ["such a day in Cairo", { ooo_start: "2023-04-28", ooo_timezone: "Africa/Cairo" }, "2023-04-27T22:00:00Z", null],
    // Summer time ended at midnight: the eve has a second 23:00.
    [
      "an eve of 25 hours",
      { ooo_start: "2018-02-17", ooo_end: "2018-02-17", ooo_timezone: "America/Sao_Paulo" },
      "2018-02-17T02:00:00Z",
      "2018-02-18T03:00:00Z",
    ],
    // Summer time ended at 01:00: the day has two midnights and begins with the first.
    [
      "a day with two midnights",
      { ooo_start: "2023-11-05", ooo_end: "2023-11-05", ooo_timezone: "America/Havana" },
      "2023-11-05T04:00:00Z",
      "2023-11-06T05:00:00Z",
    ],
    [
      "two midnights east of Greenwich",
      { ooo_start: "2021-10-29", ooo_end: "2021-10-29", ooo_timezone: "Asia/Amman" },
      "2021-10-28T21:00:00Z",
      "2021-10-29T22:00:00Z",
    ],
    // Samoa went over the date line: its 29 December was followed by the 31st.
    [
      "a start on a day that Samoa skipped",
      { ooo_start: "2011-12-30", ooo_end: "2011-12-31", ooo_timezone: "Pacific/Apia" },
      "2011-12-30T10:00:00Z",
      "2011-12-31T10:00:00Z",
    ],
    [
      "an end on a day that Samoa skipped",
      { ooo_start: "2011-12-29", ooo_end: "2011-12-30", ooo_timezone: "Pacific/Apia" },
      "2011-12-29T10:00:00Z",
      "2011-12-30T10:00:00Z",
    ],
    ["an instant in UTC", { ooo_start: "2026-01-01T08:00:00Z" }, "2026-01-01T08:00:00Z", null],
    ["small letters", { ooo_start: "2026-01-01t08:00:00z" }, "2026-01-01T08:00:00Z", null],
    [
      "an offset, which the zone does not change",
      { ooo_start: "2026-01-01T08:00+01:00", ooo_timezone: "Asia/Tokyo" },
      "2026-01-01T07:00:00Z",
      null,
    ],
    ["an offset without a colon", { ooo_end: "2026-01-01T08:00+0530" }, null, "2026-01-01T02:30:00Z"],
    ["an offset of hours", { ooo_end: "2026-01-01T08:00:00-05" }, null, "2026-01-01T13:00:00Z"],
    ["fractions of a second, passed over", { ooo_start: "2026-01-01T08:00:00.123456Z" }, "2026-01-01T08:00:00Z", null],
    ["a leap second", { ooo_start: "2016-12-31T23:59:60Z" }, "2017-01-01T00:00:00Z", null],
    [
      "an instant and a date",
      { ooo_start: "2026-01-01T16:00+01:00", ooo_end: "2026-01-02", ooo_timezone: "Europe/Berlin" },
      "2026-01-01T15:00:00Z",
      "2026-01-02T23:00:00Z",
    ],
  ];
  for (const [why, row, first, end] of edges) {
    test(`F87 ${why}`, () => {
      const rules = decodeRuleRow({ ...away, ...row });
      expect(rules.errors).toEqual([]);
      const iso = (edge: number | null | undefined) => (edge === null ? null : new Date(edge ?? 0).toISOString().replace(".000Z", "Z"));
      expect([iso(rules.reply?.from), iso(rules.reply?.until)]).toEqual([first, end]);
      if (first !== null)
        expect([at(first) - 1, at(first)].map((ms) => rules.reply && isActive(rules.reply, ms as EpochMs))).toEqual([false, true]);
      if (end !== null)
        expect([at(end) - 1, at(end)].map((ms) => rules.reply && isActive(rules.reply, ms as EpochMs))).toEqual([true, false]);
    });
  }
});

test("decodeActivePeriod() begins each day of a year where the day before ends, in zones of every kind", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Cairo"]) {
    let last: number | null = null;
    for (let day = Date.UTC(2011, 9, 1); day < Date.UTC(2012, 3, 1); day += 86_400_000) {
      const date = new Date(day).toISOString().slice(0, 10);
      const texts = { ooo_start: date, ooo_end: "", ooo_timezone: zone };
      const begins = decodeActivePeriod(texts);
      const ends = decodeActivePeriod({ ...texts, ooo_start: "", ooo_end: date });
      if (!begins.ok || !ends.ok) throw new Error(`${zone} ${date}`);
      if (last !== null) expect([zone, date, begins.value.from]).toEqual([zone, date, last as EpochMs]);
      last = ends.value.until;
    }
  }
});

test("isActive() is true always when no edge is set", () => {
  for (const instant of ["1970-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
    expect(activeAt(decodeRuleRow(away), instant)).toBe(true);
});
test("decodeActivePeriod() takes little time in any zone", () => {
  const busyMs = busyTime();
  for (let i = 0; i < 100; i++) decodeActivePeriod({ ooo_start: "2026-03-01", ooo_end: "2026-04-01", ooo_timezone: "Europe/Berlin" });
  expect(busyMs() / 100).toBeLessThan(10);
});
