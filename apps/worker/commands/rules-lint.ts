// sesame rules lint: looks over all rows of both users' tables, and with --fix writes older spellings in today's. Without --yes it
// writes nothing. Exit code 2: a rule is off or a row is never used; 1: warnings with --strict; else 0.

import type { EpochMs, Result } from "@sesame/core";
import type { RuleBook } from "@sesame/core/journey";
import { type Config, decodeConfig } from "../config.ts";
import { type LintContext, type LintReport, lintTables } from "../lint/lint-tables.ts";
import { reportText, visible } from "../lint/report-text.ts";
import { applyRewrites, type Rewrite, rewriteLines, rewritesOf } from "../lint/rewrite.ts";
import type { StoredTables } from "../lint/row-finding.ts";
import { listTables } from "../rule-tables.ts";

export type LintOptions = Readonly<{ json?: boolean; strict?: boolean; fix?: boolean; yes?: boolean; aws?: boolean }>;

type Streams = Readonly<{ out: NodeJS.WritableStream; problems: NodeJS.WritableStream }>;

/** Looks over the tables of a rule book. `env`: DOMAINS and RULE_SPELLINGS are read. Returns the exit code. */
export async function lintRules(
  book: RuleBook,
  options: LintOptions,
  { env, now, out, problems }: Streams & Readonly<{ env: Readonly<Record<string, string | undefined>>; now: EpochMs }>,
): Promise<number> {
  const config = settingsOf(env);
  if (!config.ok) return fail(config.error, problems);
  // `sesame local` serves example.com where DOMAINS is not set.
  const isKnown = Boolean(env["DOMAINS"]) || !options.aws;
  if (!isKnown) problems.write("Note: DOMAINS is not set: rows and targets of domains that are not served are not looked for\n");
  const context: LintContext = { domains: isKnown ? config.value.domains : null, now, spellings: config.value.RULE_SPELLINGS };
  const { tables, notes } = await listTables(book);
  for (const note of notes) problems.write(`Note: ${note}\n`);
  const report = lintTables(tables, context);
  if (!options.fix) {
    out.write(`${options.json ? JSON.stringify(report, null, 2) : reportText(report, context.spellings).join("\n")}\n`);
    return codeOf(report, options);
  }
  const code = await fix(book, tables, report, options, { out, problems });
  return Math.max(code, codeOf(options.yes ? lintTables((await listTables(book)).tables, context) : report, options));
}

function settingsOf({ DOMAINS, RULE_SPELLINGS }: Readonly<Record<string, string | undefined>>): Result<Config> {
  return decodeConfig({ DOMAINS, RULE_SPELLINGS }, { DOMAINS: "example.com" });
}

async function fix(
  book: RuleBook,
  tables: StoredTables,
  report: LintReport,
  { json = false, yes = false }: LintOptions,
  { out, problems }: Streams,
): Promise<number> {
  const rewrites = rewritesOf(tables);
  const left = yes ? await applyRewrites(book, rewrites) : [];
  if (json) out.write(`${JSON.stringify({ written: yes, changes: rewrites.filter((each) => !left.includes(each)), left }, null, 2)}\n`);
  else out.write(`${fixText(rewrites, left, yes, switchedOn(rewrites, report)).map(visible).join("\n")}\n`);
  for (const rewrite of left)
    problems.write(
      visible(`Cannot write the row ${rewrite.before.key}: it was changed in the meantime. Run the command again`).concat("\n"),
    );
  return left.length > 0 ? 1 : 0;
}

function fixText(
  rewrites: readonly Rewrite[],
  left: readonly Rewrite[],
  isWritten: boolean,
  effects: readonly string[],
): readonly string[] {
  if (rewrites.length === 0) return ["Nothing to rewrite"];
  const lines = rewrites.filter((each) => !left.includes(each)).flatMap(rewriteLines);
  const end = isWritten
    ? `${rewrites.length - left.length} of ${rewrites.length} rows written. They apply to the next mail`
    : "Nothing was changed. To write these rows: sesame rules lint --fix --yes";
  return [...lines, ...(effects.length === 0 ? [] : ["", "This switches on:", ...effects.map((text) => `  ${text}`), ""]), end];
}

/** What a person must know before rows are rewritten: which rules begin with the next mail. */
function switchedOn(rewrites: readonly Rewrite[], { legacy }: LintReport): readonly string[] {
  const moved = rewrites.filter(({ before, after }) => after.key !== before.key && after.row !== null);
  return [...legacy.map(({ text }) => text), ...moved.map(({ after, table }) => `the row ${after.key} of ${table}, which was never used`)];
}

function codeOf({ findings }: LintReport, { strict = false }: LintOptions): number {
  if (findings.some(({ level }) => level === "error")) return 2;
  return strict && findings.some(({ level }) => level === "warning") ? 1 : 0;
}

function fail(text: string, problems: NodeJS.WritableStream): number {
  problems.write(`${text}\n`);
  return 2;
}
