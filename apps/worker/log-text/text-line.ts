// Text line: makes the line that a person reads from a JSON line of the log, after redaction and masking. A pure function: equal lines
// and styles give equal texts. Nothing is cut off.

import { eventSaid } from "./event-said.ts";
import { type Fields, parseFields, textIn } from "./fields.ts";
import type { Said } from "./said.ts";
import type { TextStyle } from "./text-style.ts";
import { visibleText } from "./visible-text.ts";

const subjectColumns = 37; // a longer subject moves its sentence to the right
const indent = " ".repeat(9);

/**
 * The lines for one line of the log, each with its line end; "" for what a person need not read. Other text than a line of the log
 * stays as it is, without control characters. What a container engine writes before the object is left out.
 */
export function textLine(line: string, style: TextStyle): string {
  const fields = parseFields(line) ?? parseFields(line.slice(Math.max(0, line.indexOf("{"))));
  if (fields === null || typeof fields["event"] !== "string") return `${visibleText(line.trimEnd())}\n`;
  const said = eventSaid(fields);
  return said === null ? "" : layOut(said, timeOf(fields, style), style);
}

function timeOf(fields: Fields, { timeOfDay }: TextStyle): string {
  const at = new Date(textIn(fields["time"]));
  return Number.isNaN(at.getTime()) ? "--:--:--" : timeOfDay(at);
}

function layOut({ mark, subject, text, more = [] }: Said, time: string, style: TextStyle): string {
  const shown = typeof subject === "string" ? subject : subject.join(` ${style.arrow} `);
  const gap = " ".repeat(Math.max(2, subjectColumns + 2 - Bun.stringWidth(shown)));
  const first = `${time} ${style.paint(mark, style.signs[mark])} ${shown}${gap}${paintHead(text, mark, style)}\n`;
  return [first, ...more.map((each) => `${indent}${style.hook} ${each}\n`)].join("");
}

/** The first words say how it ended; only they have the colour of the mark. */
function paintHead(text: string, mark: Said["mark"], { paint }: TextStyle): string {
  if (mark === "note") return text;
  const [head = ""] = /^(?:not delivered|nothing is taken|try \d+|[^\s:;,(]+)/.exec(text) ?? [];
  return `${paint(mark, head)}${text.slice(head.length)}`;
}
