// Log text: turns the JSON lines of a log into lines for people, one after another. Where the day changes it says so, so that a line
// needs no date.

import { textLine } from "./text-line.ts";
import type { TextStyle } from "./text-style.ts";

/** A function from JSON lines to lines for people. `today`: the day of the lines before the first; without it the first day is named. */
export function logText(style: TextStyle, today?: Date): (line: string) => string {
  let day = today === undefined ? "" : dayOf(today);
  return (line) => {
    const text = textLine(line, style);
    const next = text === "" ? "" : dayOf(new Date(timeIn(line)));
    if (next === "" || next === day) return text;
    day = next;
    return `${day}\n${text}`;
  };
}

/** The time of a line; "" without one. */
function timeIn(line: string): string {
  const at = line.indexOf('"time":"');
  return at < 0 ? "" : line.slice(at + 8, line.indexOf('"', at + 8));
}

/** `Tuesday 24 November 2026`; "" for what is no time. */
function dayOf(at: Date): string {
  if (Number.isNaN(at.getTime())) return "";
  return at.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).replace(",", "");
}
