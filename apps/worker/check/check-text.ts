// Check text: the findings of `sesame check` for a person, in sections and columns: all problems with what to do, and of what is well the
// first ones and a number. For a program one line for each finding, with tabs. It decides nothing.

import { counted, type Mark } from "../log-text/said.ts";
import type { TextStyle } from "../log-text/text-style.ts";
import { visibleText } from "../log-text/visible-text.ts";
import { padded, tableText } from "../table-text.ts";
import type { Finding } from "./finding.ts";

/** How findings are shown. `heading`: what was looked at. `all`: each finding that is well, too. */
export type CheckTextOptions = Readonly<{ heading: string; all: boolean; isTerminal: boolean; style: TextStyle }>;

const shownWell = 2; // of a section; more would hide what is not well
const mostSubject = 40; // columns
const mailServer = "mail server ";
const marks: Readonly<Record<Finding["level"], Mark>> = { ok: "well", note: "note", warning: "look", error: "bad" };

/** The findings, with their number in the last line. */
export function checkText(findings: readonly Finding[], options: CheckTextOptions): string {
  if (!options.isTerminal) return tabbed(findings);
  const rows = joined(findings.filter(({ subject, level }) => subject !== "region" || level !== "ok")); // the heading has it
  const width = Math.min(mostSubject, Math.max(0, ...rows.map(({ subject }) => Bun.stringWidth(shownSubject(subject)))));
  const sections = [...new Set(rows.map(sectionOf))].map((title) =>
    sectionText(
      title,
      rows.filter((row) => sectionOf(row) === title),
      width,
      options,
    ),
  );
  return [`${options.heading}\n`, ...sections, sumText(rows, sections.join("").includes("more well\n"))].join("\n");
}

function tabbed(findings: readonly Finding[]): string {
  const columns = ["LEVEL", "SUBJECT", "FOUND", "TO DO"].map((title) => ({ title }));
  return tableText(
    columns,
    findings.map(({ level, subject, text, mend }) => [level, subject, text, mend ?? ""]),
    false,
  );
}

/** What is well about one subject is one row. */
function joined(findings: readonly Finding[]): readonly Finding[] {
  const rows: Finding[] = [];
  for (const finding of findings) {
    const last = rows.at(-1);
    if (last?.level === "ok" && finding.level === "ok" && last.subject === finding.subject)
      rows[rows.length - 1] = { ...last, text: `${last.text}; ${finding.text}` };
    else rows.push(finding);
  }
  return rows;
}

function sectionOf({ subject }: Finding): string {
  if (subject.startsWith(mailServer)) return "Mail server";
  return subject === "configuration" ? "Configuration" : "AWS";
}

function shownSubject(subject: string): string {
  return visibleText(subject.startsWith(mailServer) ? subject.slice(mailServer.length) : subject);
}

function sectionText(title: string, rows: readonly Finding[], width: number, { all, style }: CheckTextOptions): string {
  const well = rows.filter(({ level }) => level === "ok");
  const hidden = new Set(all || well.length <= shownWell + 1 ? [] : well.slice(shownWell)); // "1 more well" is as long as the row
  const shown = rows.filter((row) => !hidden.has(row)).map((row) => rowText(row, width, style));
  const more = hidden.size === 0 ? [] : [`  ${style.paint("well", style.signs.well)} ${hidden.size} more well\n`];
  return [`${title}\n`, ...shown, ...more].join("");
}

function rowText({ level, subject, text, mend }: Finding, width: number, { signs, hook, paint }: TextStyle): string {
  const mark = marks[level];
  const first = `  ${paint(mark, signs[mark])} ${padded(shownSubject(subject), width)}   ${visibleText(text)}\n`;
  return mend === null ? first : `${first}    ${hook} ${visibleText(mend)}\n`;
}

function sumText(rows: readonly Finding[], hasMore: boolean): string {
  const count = (level: Finding["level"]) => rows.filter((row) => row.level === level).length;
  const [errors, warnings, notes] = [count("error"), count("warning"), count("note")];
  const parts = [
    ...(errors > 0 ? [counted(errors, "error", "errors")] : []),
    ...(warnings > 0 ? [counted(warnings, "warning", "warnings")] : []),
    ...(notes > 0 ? [counted(notes, "note", "notes")] : []),
    `${count("ok")} well`,
  ];
  return `${parts.join(", ")}${hasMore ? ". --all shows each" : ""}\n`;
}
