// Explanation of reasons: a word, its sentence, the header fields in which it is seen, and what would change it; and the
// warnings of a plan, those about the mail and those about rows.

import { valuesOf } from "../mail/header.ts";
import { safeText } from "../mail/header-write.ts";
import type { Mail } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import type { Warning } from "../plan/types.ts";
import { defectSentences, type Sentence, warningSentences } from "./reason-sentences.ts";
import type { Line } from "./text-lines.ts";

/** A word with its sentence, where it is seen and what would change it. */
export function reasonLines(level: 0 | 1, label: string, word: string, sentence: Sentence, facts: Facts): readonly Line[] {
  return [
    { level, label, text: `${word}: ${sentence.why}` },
    ...seenLines(sentence, facts.mail),
    { level: 2, label: "to change", text: sentence.change },
  ];
}

const shownFields = 3;

/** The fields in which a reason is seen, as they stand in the mail. */
export function seenLines({ fields = [] }: Sentence, mail: Mail): readonly Line[] {
  const found = fields.flatMap((name) => valuesOf(mail.block, name).map((value) => `${name}: ${safeText(value, 160)}`));
  return found.slice(0, shownFields).map((text): Line => ({ level: 2, label: "seen", text }));
}

/** What is wrong with rows: each fault in the words of its decoder, those of a kind together. */
export function rowWarnings(warnings: readonly Warning[], facts: Facts): readonly Line[] {
  const rows = warnings.filter(isAboutRow);
  return [...new Set(rows.map(({ kind }) => kind))].flatMap((kind): Line[] => {
    const faults = rows.filter((warning) => warning.kind === kind).map(faultLine);
    const [first, ...others] = reasonLines(1, "warning", kind, warningSentences[kind], facts);
    return [...(first ? [first] : []), ...faults, ...others];
  });
}

type RowWarning = Extract<Warning, { readonly key: string }>;

/** Whether a warning is about a row, which belongs to one recipient, and not about the mail. */
export function isAboutRow(warning: Warning): warning is RowWarning {
  return "key" in warning;
}

function faultLine(warning: RowWarning): Line {
  const table = warning.kind === "rule-invalid" && warning.table === "rules" ? "rules" : "blocklist";
  return { level: 2, label: "row", text: `${warning.key} of the ${table}: ${warning.text}` };
}

/** What is odd about the mail. */
export function oddityLines(warning: Warning, facts: Facts): readonly Line[] {
  if (warning.kind === "mail-defect") return reasonLines(0, "Odd", warning.defect, defectSentences[warning.defect], facts);
  return reasonLines(0, "Odd", warning.kind, warningSentences[warning.kind], facts);
}
