// Mail record: what the page keeps of one mail, made from the closing lines of its tries. At most 4 KB: what is too long is cut,
// and recipients that find no room are counted. It holds no subject and no text of the mail, as the journal has none.

import type { Course, Effect, EffectKey, JournalEvent, Verdict } from "@sesame/core";
import type { Settlement, Stage } from "@sesame/core/journey";
import type { Warning, Withheld } from "@sesame/core/plan";

export type MailEvent = Extract<JournalEvent, { readonly kind: "mail" }>;

/** A delivery, forward or auto-reply. `at`: when its last answer came. */
export type ActRecord = Readonly<{
  kind: Effect["kind"];
  /** Target of a forward or reply. */
  to: string | null;
  route: "internal" | "ses" | null;
  standIn: string | null;
  action: Verdict["action"] | "not-started";
  /** The word of a verdict that is no success. */
  reason: string | null;
  detail: string;
  at: number;
  /** Earlier answers that made it wait, the latest last. */
  earlier: readonly Readonly<{ at: number; reason: string; detail: string }>[];
}>;

export type RecipientRecord =
  | Readonly<{ kind: "refuse"; recipient: string; reason: string }>
  | Readonly<{ kind: "block"; recipient: string; pattern: string; matched: string; row: string }>
  | Readonly<{
      kind: "serve";
      recipient: string;
      row: string | null;
      acts: readonly ActRecord[];
      withheld: readonly Readonly<{ kind: Withheld["kind"]; to: string | null; reason: Withheld["reason"] }>[];
      warnings: readonly string[];
    }>;

export type TryRecord = Readonly<{
  /** When it ended, in milliseconds since 1970. */
  at: number;
  seconds: number;
  receiveCount: number;
  stages: readonly (readonly [Stage, number])[];
  /** `null`: the mail was done. */
  again: Readonly<{ afterSeconds: number; reason: string }> | null;
}>;

/** How a mail stands, in the words of the page and of the log. */
export type Outcome = "delivered" | "partial" | "blocked" | "rejected" | "all_invalid" | "retry" | "discard";

export type MailRecord = Readonly<{
  id: string;
  /** The name of its queue, as in the log. */
  label: string;
  from: string;
  receivedAt: number;
  outcome: Outcome;
  /** Why a mail was dropped. */
  discard: string | null;
  tries: readonly TryRecord[];
  /** Tries between the first and the others that are not kept. */
  triesLeftOut: number;
  recipients: readonly RecipientRecord[];
  recipientsLeftOut: number;
  /** What SES found, as `spam pass`. */
  sesVerdicts: readonly string[];
  /** Of a bounce: the addresses that failed. */
  bounceOf: readonly string[];
}>;

/** A record in JSON takes at most so many octets. */
export const mostOctets = 4096;
const mostText = 200;
const mostTries = 4;
const mostEarlier = 3;
const mostRecipients = 100;
const surelyFits = 400; // characters of texts: six octets each in JSON, and what stands around them

/** Adds a try to what is known of a mail. `now`: when it ended. */
export function recordOf(
  event: MailEvent,
  label: string,
  now: number,
  stages: readonly (readonly [Stage, number])[],
  before: MailRecord | undefined,
): MailRecord {
  const { plan, settlement } = event;
  const courses = plan.kind === "carry" ? plan.courses : [];
  const next: TryRecord = { at: now, seconds: event.seconds, receiveCount: event.receiveCount, stages, again: againOf(settlement) };
  const tries = [...(before?.tries ?? []), next];
  const kept = tries.length <= mostTries ? tries : [...tries.slice(0, 1), ...tries.slice(1 - mostTries)];
  const record: MailRecord = {
    id: event.mailId,
    label,
    from: cut(event.from ?? "<>"),
    receivedAt: event.receivedAt,
    outcome: outcomeOf(event),
    discard: plan.kind === "discard" ? plan.reason : null,
    tries: kept,
    triesLeftOut: (before?.triesLeftOut ?? 0) + tries.length - kept.length,
    recipients: courses.slice(0, mostRecipients).map((course) => recipientOf(course, event.verdicts, now, before)),
    recipientsLeftOut: Math.max(0, courses.length - mostRecipients),
    sesVerdicts: verdictWords(event),
    bounceOf: (event.bounce ?? []).slice(0, 3).map(cut),
  };
  return fitted(record);
}

/** With the stage that ended after its closing line. */
export function withStage(record: MailRecord, stage: Stage, seconds: number): MailRecord {
  const last = record.tries.at(-1);
  if (last === undefined || last.stages.length >= 8) return record;
  return { ...record, tries: [...record.tries.slice(0, -1), { ...last, stages: [...last.stages, [stage, seconds]] }] };
}

/** When its last try ended. */
export function endedAt({ tries, receivedAt }: MailRecord): number {
  return tries.at(-1)?.at ?? receivedAt;
}

function againOf(settlement: Settlement): TryRecord["again"] {
  return settlement.kind === "retry" ? { afterSeconds: settlement.afterSeconds, reason: settlement.reason } : null;
}

/** How a mail stands after a try. */
export function outcomeOf({ plan, settlement }: MailEvent): Outcome {
  if (settlement.kind === "retry") return "retry";
  return plan.kind === "discard" ? "discard" : settlement.mark.status;
}

function verdictWords({ sesVerdicts }: MailEvent): readonly string[] {
  if (sesVerdicts === undefined) return [];
  const { spam, virus, spf, dkim, dmarc } = sesVerdicts;
  const named = Object.entries({ spam, virus, SPF: spf, DKIM: dkim, DMARC: dmarc });
  return named.flatMap(([name, status]) => (status === "none" ? [] : [`${name} ${status.toLowerCase().replaceAll("_", " ")}`]));
}

function recipientOf(
  course: Course,
  verdicts: ReadonlyMap<EffectKey, Verdict>,
  now: number,
  before: MailRecord | undefined,
): RecipientRecord {
  const recipient = cut(course.recipient);
  if (course.kind === "refuse") return { kind: "refuse", recipient, reason: course.reason };
  if (course.kind === "block")
    return { kind: "block", recipient, pattern: cut(course.pattern), matched: cut(course.matched), row: cut(course.row) };
  const earlier = before?.recipients.find((each) => each.kind === "serve" && each.recipient === recipient);
  const acts = earlier?.kind === "serve" ? earlier.acts : [];
  return {
    kind: "serve",
    recipient,
    row: course.row === null ? null : cut(course.row),
    acts: course.effects.map((effect) => actOf(effect, verdicts.get(effect.key), now, acts)),
    withheld: course.withheld.map(({ kind, to, reason }) => ({ kind, to: to === undefined ? null : cut(to), reason })),
    warnings: course.warnings.map(warningText),
  };
}

function warningText(warning: Warning): string {
  if ("key" in warning) return cut(`${warning.key}: ${warning.text}`);
  return warning.kind === "mail-defect" ? warning.defect : warning.kind;
}

function actOf(effect: Effect, verdict: Verdict | undefined, now: number, before: readonly ActRecord[]): ActRecord {
  const to = effect.kind === "deliver" ? null : cut(effect.to);
  const known = before.find((act) => act.kind === effect.kind && act.to === to);
  const reason = verdict !== undefined && "reason" in verdict ? verdict.reason : null;
  const detail = cut(verdict?.detail ?? "");
  const action = verdict?.action ?? "not-started";
  // A final verdict is told again at each try: it stands where it came first.
  const isOld = known !== undefined && known.action === action && action !== "delayed" && action !== "not-started";
  const waited = known?.action === "delayed" ? [{ at: known.at, reason: known.reason ?? "", detail: known.detail }] : [];
  return {
    kind: effect.kind,
    to,
    route: effect.kind === "deliver" ? null : effect.route,
    standIn: effect.kind === "forward" ? effect.standIn : null,
    action,
    reason,
    detail,
    at: isOld ? known.at : now,
    earlier: [...(known?.earlier ?? []), ...waited].slice(-mostEarlier),
  };
}

function cut(text: string): string {
  return text.length <= mostText ? text : `${text.slice(0, mostText - 1)}…`;
}

/** Takes out the last recipients until the record has its size. */
function fitted(record: MailRecord): MailRecord {
  if (record.recipients.length <= 2 && textsOf(record) <= surelyFits) return record;
  let fitting = record;
  while (fitting.recipients.length > 0 && octetsOf(fitting) > mostOctets) {
    const keep = Math.floor(fitting.recipients.length / 2);
    const [only] = fitting.recipients;
    if (keep === 0 && only?.kind === "serve" && only.acts.length > 1) {
      // One recipient with very many forwards: the delivery and the first of them.
      const acts = only.acts.slice(0, Math.floor(only.acts.length / 2));
      fitting = { ...fitting, recipients: [{ ...only, acts, withheld: only.withheld.slice(0, 2), warnings: only.warnings.slice(0, 1) }] };
    } else {
      const left = fitting.recipientsLeftOut + fitting.recipients.length - keep;
      fitting = { ...fitting, recipients: fitting.recipients.slice(0, keep), recipientsLeftOut: left };
    }
  }
  return octetsOf(fitting) > mostOctets ? { ...fitting, id: cut(fitting.id), tries: fitting.tries.slice(-1) } : fitting;
}

/** The octets of a record in JSON. */
export function octetsOf(record: MailRecord): number {
  return Buffer.byteLength(JSON.stringify(record));
}

/** The characters of the texts of the recipients, roughly. */
function textsOf({ id, from, recipients, bounceOf, tries }: MailRecord): number {
  let length = id.length + from.length + bounceOf.length * mostText + (tries.length - 1) * 50;
  for (const each of recipients) {
    length += each.recipient.length;
    if (each.kind === "block") length += each.pattern.length + each.matched.length + each.row.length;
    if (each.kind !== "serve") continue;
    length += each.withheld.length * 40 + each.warnings.length * mostText;
    for (const act of each.acts) length += 20 + (act.to?.length ?? 0) + act.detail.length + act.earlier.length * mostText;
  }
  return length;
}
