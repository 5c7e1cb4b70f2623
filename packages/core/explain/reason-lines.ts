// Reason lines: a reason word with its sentence, the header fields that show it, and how to change the result; and the warnings
// of a plan, about the mail and about rows.

import { valuesOf } from "../mail/header.ts";
import { safeText } from "../mail/header-write.ts";
import type { Mail } from "../mail/mail.ts";
import type { Warning } from "../plan/types.ts";
import type { ExplainCommands, ExplainContext } from "./explain-context.ts";
import { defectSentences, type Sentence, warningSentences } from "./reason-sentences.ts";
import type { Line } from "./text-lines.ts";

/** A word with its sentence, the fields that show it, and how to change the result. */
export function reasonLines(
  level: 0 | 1,
  label: string,
  word: string,
  sentence: Sentence,
  { facts, commands }: ExplainContext,
): readonly Line[] {
  return [
    { level, label, text: `${word}: ${sentence.why}` },
    ...seenLines(sentence, facts.mail),
    { level: 2, label: "to change", text: changeText(sentence, commands) },
  ];
}

/** How to change the result, with the names of the commands. */
export function changeText({ change }: Sentence, commands: ExplainCommands): string {
  return typeof change === "string" ? change : change(commands);
}

const shownFields = 3;

/** The fields that show a reason, as they are in the mail. */
export function seenLines({ fields = [] }: Sentence, mail: Mail): readonly Line[] {
  const found = fields.flatMap((name) => valuesOf(mail.block, name).map((value) => `${name}: ${safeText(value, 160)}`));
  return found.slice(0, shownFields).map((text): Line => ({ level: 2, label: "seen", text }));
}

/** Warnings about rows, by kind; each fault in the words of its decoder. */
export function rowWarnings(warnings: readonly Warning[], context: ExplainContext): readonly Line[] {
  const rows = warnings.filter(isAboutRow);
  return [...new Set(rows.map(({ kind }) => kind))].flatMap((kind): Line[] => {
    const faults = rows.filter((warning) => warning.kind === kind).map(faultLine);
    const [first, ...others] = reasonLines(1, "warning", kind, warningSentences[kind], context);
    return [...(first ? [first] : []), ...faults, ...others];
  });
}

type RowWarning = Extract<Warning, { readonly key: string }>;

/** Whether a warning is about a row of one recipient, and not about the mail. */
export function isAboutRow(warning: Warning): warning is RowWarning {
  return "key" in warning;
}

function faultLine(warning: RowWarning): Line {
  const table = warning.kind === "rule-invalid" && warning.table === "rules" ? "rules" : "blocklist";
  return { level: 2, label: "row", text: `${warning.key} in the ${table}: ${warning.text}` };
}

/** A warning about the mail. */
export function mailWarningLines(warning: Warning, context: ExplainContext): readonly Line[] {
  if (warning.kind === "mail-defect") return reasonLines(0, "Warning", warning.defect, defectSentences[warning.defect], context);
  return reasonLines(0, "Warning", warning.kind, warningSentences[warning.kind], context);
}
