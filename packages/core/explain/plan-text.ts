// Plan as text: an explanation for people. First the mail, then one block per recipient: what is done and when, what is not done
// and why, which row asks for it, and how to change it. It shows what plan.ts decided, and decides nothing.

import { safeText } from "../mail/header-write.ts";
import { hopsOf, subjectOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import type { Course, Plan, Serve, Warning, Withheld } from "../plan/types.ts";
import { quote } from "../result.ts";
import { isFromSesDaemon, isSesBounce } from "../ses/bounce.ts";
import { effectLines } from "./effect-lines.ts";
import type { Assumed, ExplainCommands, ExplainContext } from "./explain-context.ts";
import { changeText, isAboutRow, mailWarningLines, reasonLines, rowWarnings, seenLines } from "./reason-lines.ts";
import { discardSentences, refuseSentences, withheldSentences } from "./reason-sentences.ts";
import { deadKeyLines, lookupLines, placeOf, unblockCommands, unforwardCommand } from "./row-lines.ts";
import { type Line, renderLines } from "./text-lines.ts";
import { formatInstant, memoryText, timesOfRow } from "./times.ts";

/**
 * The whole explanation. The plan must be made from these facts. `commands`: the names of the commands that it suggests. `assumed`:
 * what the facts did not say.
 */
export function explainText(plan: Plan, facts: Facts, commands: ExplainCommands, assumed: readonly Assumed[] = []): string {
  const context: ExplainContext = { facts, commands, assumed };
  if (plan.kind === "discard")
    return renderLines([...mailLines(context, []), ...reasonLines(0, "Dropped", plan.reason, discardSentences[plan.reason], context)]);
  const blocks = plan.courses.map((course) => `${renderLines(courseLines(course, context))}`);
  const dead = deadKeyLines(facts);
  const nobody =
    plan.courses.length === 0 ? [renderLines([{ level: 0, label: "Recipients", text: "none: the envelope names no recipient" }])] : [];
  return [renderLines([...mailLines(context, mailWarnings(plan.courses)), ...dead]), ...blocks, ...nobody].join("\n");
}

/** The lines about the mail as a whole. */
function mailLines(context: ExplainContext, warnings: readonly Warning[]): readonly Line[] {
  const { facts } = context;
  const { mail, receivedAt, envelope, sesVerdicts } = facts;
  const { reversePath, recipients } = envelope;
  const subject = subjectOf(mail);
  const sender = reversePath === undefined ? "not an address" : reversePath === null ? "<> (null reverse-path)" : `<${reversePath}>`;
  const { spam, virus, spf, dkim, dmarc, dmarcPolicy } = sesVerdicts;
  const known = Object.entries({ spam, virus, SPF: spf, DKIM: dkim, DMARC: dmarc }).filter(([, status]) => status !== "none");
  const said = context.assumed.includes("verdicts") ? " (assumed, because the facts have no verdicts)" : "";
  const verdictText = known.map(([name, status]) => `${name} ${status}`).join(", ");
  return [
    { level: 0, label: "Mail", text: subject === null ? "without a subject" : quote(safeText(subject, 100)) },
    {
      level: 0,
      label: "Received",
      text: `${formatInstant(receivedAt)} for ${count(recipients.length, "recipient")}, ${count(mail.size, "octet")}`,
    },
    { level: 0, label: "Sender", text: sender },
    { level: 0, label: "Verdicts", text: `${verdictText || "none"}${dmarcPolicy === null ? "" : `, policy ${dmarcPolicy}`}${said}` },
    ...bounceLines(facts),
    ...warnings.flatMap((warning) => mailWarningLines(warning, context)),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Whether the mail is a bounce from SES, and of which mail. */
function bounceLines({ mail, bounce }: Facts): readonly Line[] {
  const line = (text: string): readonly Line[] => [{ level: 0, label: "Bounce", text }];
  if (typeof bounce === "object") {
    const failed = bounce.recipients.length > 0 ? bounce.recipients.join(", ") : "unknown recipients";
    return line(`of a ${bounce.kind ?? "mail"} from ${bounce.source || "an unknown sender"} to ${failed} (row of the outbound table)`);
  }
  if (bounce === "unknown") return line("from Amazon SES, but the outbound table has no row for the bounced mail: From is not changed");
  if (!isFromSesDaemon(mail) || isSesBounce(mail)) return [];
  return line("From names the mail daemon of Amazon SES, but the topmost Received field names no SES host: handled as ordinary mail");
}

/** Warnings about the mail. Every course has them; they are printed once. */
function mailWarnings(courses: readonly Course[]): readonly Warning[] {
  const all = courses.flatMap((course) => (course.kind === "serve" ? course.warnings : [])).filter((warning) => !isAboutRow(warning));
  return [...new Map(all.map((warning) => [JSON.stringify(warning), warning])).values()];
}

function courseLines(course: Course, context: ExplainContext): readonly Line[] {
  const { facts } = context;
  const title: Line = { level: 0, label: course.recipient || '""', text: "" };
  switch (course.kind) {
    case "refuse": {
      const served: Line = { level: 2, label: "served", text: facts.domains.join(", ") };
      const [first, ...others] = reasonLines(1, "refuse", course.reason, refuseSentences[course.reason], context);
      return [title, ...(first ? [first] : []), ...(course.reason === "foreign-domain" ? [served] : []), ...others];
    }
    case "block": {
      const { pattern, row, matched, warnings } = course;
      const text = `${quote(pattern)} in the row ${row} of the blocklist matches <${matched}>, ${placeOf(matched, facts)}`;
      const commands = unblockCommands(course, context).map(
        (command): Line => ({ level: 2, label: "unblock", text: command, whole: true }),
      );
      return [title, { level: 1, label: "block", text }, ...commands, ...rowWarnings(warnings, context)];
    }
    case "serve":
      return [
        title,
        ...course.effects.flatMap((effect) => effectLines(effect, course, context)),
        ...course.withheld.flatMap((withheld, index) => withheldLines(withheld, course.withheld.slice(0, index), course, context)),
        ...rowWarnings(course.warnings, context),
        ...lookupLines(course.recipient, course.row, facts),
      ];
    default:
      return course satisfies never;
  }
}

/** Why an auto-reply or forward is not made. Each reason is explained once. */
function withheldLines(
  { kind, to, reason }: Withheld,
  explained: readonly Withheld[],
  course: Serve,
  context: ExplainContext,
): readonly Line[] {
  const { facts, commands } = context;
  const sentence = withheldSentences[reason];
  const label = `no ${kind}`;
  const whom = to === undefined ? "" : `to <${to}>: `;
  if (explained.some((earlier) => earlier.reason === reason)) return [{ level: 1, label, text: `${whom}${reason}, as above` }];
  const command = reason === "to-self" && to !== undefined && course.row !== null ? unforwardCommand(course.row, to, context) : null;
  const details = [...seenLines(sentence, facts.mail), ...knownLines(reason, course, facts)];
  return [
    { level: 1, label, text: `${whom}${reason}: ${sentence.why}` },
    ...details,
    { level: 2, label: "to change", text: command ?? changeText(sentence, commands), whole: command !== null },
  ];
}

/** What the facts, not the header fields, say about a reason. */
function knownLines(reason: Withheld["reason"], course: Serve, facts: Facts): readonly Line[] {
  const line = (label: string, text: string): readonly Line[] => [{ level: 2, label, text }];
  if (reason === "not-active" && course.row !== null) return line("active", timesOfRow(course.row, facts));
  if (reason === "too-many-hops") return line("seen", `${hopsOf(facts.mail)} Received fields`);
  if (reason === "already-answered") return line("known", memoryText(course, facts));
  if (reason === "system-sender" || reason === "from-self") return line("seen", `the sender is <${facts.envelope.reversePath ?? ""}>`);
  return [];
}
