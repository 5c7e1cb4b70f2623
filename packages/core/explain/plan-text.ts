// Explanation as text: a plan for people. What is known of the mail, then a block per recipient: what is done and when,
// what is not done and why, which row says so, and what would change it. It shows what plan.ts decided and decides nothing.

import { safeText } from "../mail/header-write.ts";
import { hopsOf, subjectOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import type { Course, Plan, Serve, Warning, Withheld } from "../plan/types.ts";
import { quote } from "../result.ts";
import { isFromSesDaemon, isSesBounce } from "../ses/bounce.ts";
import { effectLines } from "./effect-lines.ts";
import { isAboutRow, oddityLines, reasonLines, rowWarnings, seenLines } from "./reason-lines.ts";
import { discardSentences, refuseSentences, withheldSentences } from "./reason-sentences.ts";
import { deadKeyLines, letThrough, lookupLines, placeOf, unforwardCommand } from "./row-lines.ts";
import { type Line, renderLines } from "./text-lines.ts";
import { formatInstant, memoryText, timesOfRow } from "./times.ts";

/** The whole explanation; the plan must be that of these facts. */
export function explainText(plan: Plan, facts: Facts): string {
  if (plan.kind === "discard")
    return renderLines([...mailLines(facts, []), ...reasonLines(0, "Dropped", plan.reason, discardSentences[plan.reason], facts)]);
  const blocks = plan.courses.map((course) => `${renderLines(courseLines(course, facts))}`);
  const dead = deadKeyLines(facts);
  const nobody = plan.courses.length === 0 ? [renderLines([{ level: 0, label: "Nobody", text: "the envelope names no recipient" }])] : [];
  return [renderLines([...mailLines(facts, oddities(plan.courses)), ...dead]), ...blocks, ...nobody].join("\n");
}

/** What is known of the mail as a whole. */
function mailLines(facts: Facts, odd: readonly Warning[]): readonly Line[] {
  const { mail, receivedAt, envelope, sesVerdicts } = facts;
  const { reversePath, recipients } = envelope;
  const subject = subjectOf(mail);
  const sender =
    reversePath === undefined ? "unreadable" : reversePath === null ? "<>, the null reverse-path of notices" : `<${reversePath}>`;
  const { spam, virus, spf, dkim, dmarc, dmarcPolicy } = sesVerdicts;
  const known = Object.entries({ spam, virus, SPF: spf, DKIM: dkim, DMARC: dmarc }).filter(([, status]) => status !== "none");
  const verdictText = known.map(([name, status]) => `${name} ${status}`).join(", ");
  return [
    { level: 0, label: "Mail", text: subject === null ? "without a subject" : quote(safeText(subject, 100)) },
    {
      level: 0,
      label: "Received",
      text: `${formatInstant(receivedAt)} for ${count(recipients.length, "recipient")}, ${count(mail.size, "octet")}`,
    },
    { level: 0, label: "Sender", text: sender },
    { level: 0, label: "Verdicts", text: `${verdictText || "none"}${dmarcPolicy === null ? "" : `, policy ${dmarcPolicy}`}` },
    ...bounceLines(facts),
    ...odd.flatMap((warning) => oddityLines(warning, facts)),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What a mail of the mail daemon turned out to be. */
function bounceLines({ mail, bounce }: Facts): readonly Line[] {
  const line = (text: string): readonly Line[] => [{ level: 0, label: "Bounce", text }];
  if (typeof bounce === "object") {
    const failed = bounce.recipients.length > 0 ? bounce.recipients.join(", ") : "nobody it names";
    return line(`of a ${bounce.kind ?? "mail"} of ${bounce.source || "an unknown sender"} to ${failed}, by its row of the outbound table`);
  }
  if (bounce === "unknown") return line("by Amazon SES, but no row of the outbound table says of which mail: From stays as it came");
  if (!isFromSesDaemon(mail) || isSesBounce(mail)) return [];
  return line("From names the mail daemon of Amazon SES, but the topmost Received names none of its hosts: not believed");
}

/** Warnings about the mail itself, which every course repeats, once. */
function oddities(courses: readonly Course[]): readonly Warning[] {
  const all = courses.flatMap((course) => (course.kind === "serve" ? course.warnings : [])).filter((warning) => !isAboutRow(warning));
  return [...new Map(all.map((warning) => [JSON.stringify(warning), warning])).values()];
}

function courseLines(course: Course, facts: Facts): readonly Line[] {
  const title: Line = { level: 0, label: course.recipient || '""', text: "" };
  switch (course.kind) {
    case "refuse": {
      const served: Line = { level: 2, label: "served", text: facts.domains.join(", ") };
      const [first, ...others] = reasonLines(1, "refuse", course.reason, refuseSentences[course.reason], facts);
      return [title, ...(first ? [first] : []), ...(course.reason === "foreign-domain" ? [served] : []), ...others];
    }
    case "block": {
      const { pattern, row, matched, warnings } = course;
      const text = `${quote(pattern)} in the row ${row} of the blocklist matches <${matched}>, ${placeOf(matched, facts)}`;
      const commands = letThrough(course, facts).map((command): Line => ({ level: 2, label: "let in by", text: command, whole: true }));
      return [title, { level: 1, label: "block", text }, ...commands, ...rowWarnings(warnings, facts)];
    }
    case "serve":
      return [
        title,
        ...course.effects.flatMap((effect) => effectLines(effect, course, facts)),
        ...course.withheld.flatMap((withheld, index) => withheldLines(withheld, course.withheld.slice(0, index), course, facts)),
        ...rowWarnings(course.warnings, facts),
        ...lookupLines(course.recipient, course.row, facts),
      ];
    default:
      return course satisfies never;
  }
}

/** Why a reply or forward is not made; a reason that was told is not told again. */
function withheldLines({ kind, to, reason }: Withheld, told: readonly Withheld[], course: Serve, facts: Facts): readonly Line[] {
  const sentence = withheldSentences[reason];
  const label = `no ${kind}`;
  const whom = to === undefined ? "" : `to <${to}>: `;
  if (told.some((earlier) => earlier.reason === reason)) return [{ level: 1, label, text: `${whom}${reason}, as above` }];
  const command = reason === "to-self" && to !== undefined && course.row !== null ? unforwardCommand(course.row, to, facts) : null;
  const details = [...seenLines(sentence, facts.mail), ...knownLines(reason, course, facts)];
  return [
    { level: 1, label, text: `${whom}${reason}: ${sentence.why}` },
    ...details,
    { level: 2, label: "to change", text: command ?? sentence.change, whole: command !== null },
  ];
}

/** What the facts hold for a reason, beside the fields of the mail. */
function knownLines(reason: Withheld["reason"], course: Serve, facts: Facts): readonly Line[] {
  const line = (label: string, text: string): readonly Line[] => [{ level: 2, label, text }];
  if (reason === "not-active" && course.row !== null) return line("active", timesOfRow(course.row, facts));
  if (reason === "too-many-hops") return line("seen", `${hopsOf(facts.mail)} Received fields`);
  if (reason === "already-answered") return line("known", memoryText(course, facts));
  if (reason === "system-sender" || reason === "from-self") return line("seen", `the sender is <${facts.envelope.reversePath ?? ""}>`);
  return [];
}
