// Report text: what `sesame rules lint` prints for people. It has no I/O.

import type { RowSpellings } from "@sesame/core/rules";
import type { LintReport } from "./lint-tables.ts";
import type { RowFinding, RowLevel } from "./row-finding.ts";

/** The lines of a report. */
export function reportText({ rows, findings, legacy }: LintReport, spellings: RowSpellings): readonly string[] {
  const count = (level: RowLevel) => findings.filter((each) => each.level === level).length;
  const verb = spellings === "legacy" ? "RULE_SPELLINGS=legacy switches on" : "RULE_SPELLINGS=legacy would switch on";
  return [
    ...findings.flatMap(linesOf),
    ...(legacy.length === 0 ? [] : ["", `${verb}:`, ...legacy.map(({ text }) => `  ${visible(text)}`)]),
    ...(findings.length === 0 ? [] : [""]),
    `${number(count("error"), "error")}, ${number(count("warning"), "warning")}, ${number(count("note"), "note")} in ${number(rows, "row")}`,
  ];
}

function linesOf({ level, table, key, field, text, mend }: RowFinding): readonly string[] {
  const place = `${table} ${visible(key)}${field === null ? "" : ` ${field}`}`;
  return [`${level.padEnd(8)} ${place}: ${visible(text)}`, `         ↳ ${visible(mend)}`];
}

function number(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A text whose characters all show: a key or a value may hold codes that a terminal obeys. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
