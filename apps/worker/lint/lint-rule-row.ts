// Lint of one row of rules: what cannot be read, what only an older worker could read, and a time that is over.

import { decodeRuleRow, type EpochMs, quote } from "@sesame/core";
import { formatInstant, shellWord } from "@sesame/core/explain";
import { type Respelling, type RowProblem, type RowSpellings, respellRuleRow, ruleRowProblems } from "@sesame/core/rules";
import type { RowFinding, StoredRow } from "./row-finding.ts";

/** `spellings`: those that the worker reads. */
export function ruleRowFindings(
  { key, row }: StoredRow,
  { now, spellings }: Readonly<{ now: EpochMs; spellings: RowSpellings }>,
): readonly RowFinding[] {
  const place = { table: "rules", key } as const;
  const strict = ruleRowProblems(row);
  const findings: RowFinding[] = respellRuleRow(row).changes.map((change) => ({
    ...place,
    ...olderSpelling(change, { isOff: strict.some(({ field }) => field === change.field), spellings }),
  }));
  // What is still wrong when the older spellings are read: nothing is named twice.
  for (const problem of ruleRowProblems(row, "legacy"))
    findings.push({ ...place, level: "error", kind: "unreadable", field: problem.field, ...unreadable(problem, key) });
  const until = decodeRuleRow(row, "legacy").reply?.until ?? null;
  if (until !== null && until <= now) {
    const mend = `${set(key)} --end with a later day, --end "" for no end, or --off`;
    findings.push({
      ...place,
      level: "warning",
      kind: "window-past",
      field: "ooo_end",
      text: `the auto-reply ended at ${formatInstant(until)}`,
      mend,
    });
  }
  return findings;
}

/** The finding of an attribute in an older spelling. `isOff`: strict reading switches its rule off. */
export function olderSpelling(
  { field, from, to }: Respelling,
  { isOff, spellings }: Readonly<{ isOff: boolean; spellings: RowSpellings }>,
): Pick<RowFinding, "level" | "kind" | "field" | "text" | "mend"> {
  const is = `is ${quote(from)}${typeof from === "string" ? " (text)" : ""}, which an older worker read as ${quote(to)}`;
  const means =
    spellings === "legacy"
      ? "Sesame reads it so too, because RULE_SPELLINGS is legacy"
      : isOff
        ? `Sesame does not read it: ${offBy[field] ?? "the rule is off"}. RULE_SPELLINGS=legacy would switch it on`
        : "Sesame does not read it. Nothing is off because of it, as the auto-reply is off";
  const level = spellings === "strict" && isOff ? "error" : "note";
  return { level, kind: "old-spelling", field, text: `${is}. ${means}`, mend: "sesame rules lint --fix writes it in today's spelling" };
}

const offBy: Readonly<Record<string, string>> = {
  ooo_active: "the auto-reply is off",
  ooo_content_type: "the auto-reply is off",
  forwards: "nothing is forwarded",
  blocked_patterns: "nobody is blocked",
};

function unreadable({ field, text }: RowProblem, key: string): Pick<RowFinding, "text" | "mend"> {
  const means = field === null ? "the row is not used" : field === "forwards" ? "this is not forwarded to" : "the auto-reply is off";
  const options = field === null ? "--ooo or --forward" : (optionsOf[field] ?? "--ooo");
  const remove = field === null ? `sesame rules remove ${shellWord(key)}, then ` : "";
  return { text: `${text}; ${means}`, mend: `${remove}${set(key)} ${options}` };
}

const optionsOf: Readonly<Record<string, string>> = {
  ooo_active: "--ooo with the text, or --off",
  ooo_message: "--ooo with the text, or --off",
  ooo_content_type: "--ooo with the text, and --html if it is HTML",
  ooo_subject: "--ooo-subject with a shorter subject",
  ooo_start: "--start with a day (2026-12-24) or a time with offset",
  ooo_end: "--end with a day (2026-12-24) or a time with offset",
  ooo_timezone: "--timezone with a name such as Europe/Berlin",
  forwards: "--forward with all addresses that are meant",
};

function set(key: string): string {
  return `sesame rules set ${shellWord(key)}`;
}
