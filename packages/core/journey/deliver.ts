// Deliver: hands the mail to the mailboxes of its recipients. Those who get the same octets share a transaction. A refusal of the
// whole transaction, and a known mailbox that is refused for the first time, are not believed at once.

import { deliveryContent } from "../compose/content.ts";
import type { Deliver, EffectKey, Serve } from "../plan/types.ts";
import type { Verdict } from "../plan/verdict.ts";
import { type EffectRun, noAnswer } from "./effect-run.ts";
import { awaitsSecondTry, firstRefusal, isTooEarly, needsSecondTry } from "./known-mailbox.ts";

const maxGroup = 50; // recipients of one transaction
const refusalsAlone = 2; // equal refusals in a row, after which the others are not tried alone

type Delivery = Readonly<{ course: Serve; effect: Deliver }>;

/** Runs the deliveries that have no final yet. */
export async function deliverAll(run: EffectRun, served: readonly Serve[]): Promise<void> {
  for (const group of groupDeliveries(due(run, served))) await deliver(run, group);
}

/** The deliveries that may be tried now. A known mailbox that was refused a short time ago waits. */
function due(run: EffectRun, served: readonly Serve[]): readonly Delivery[] {
  const all = served.flatMap((course) =>
    course.effects.flatMap((effect): Delivery[] => (effect.kind === "deliver" && !run.hasVerdict(effect.key) ? [{ course, effect }] : [])),
  );
  const now = run.ports.clock.now();
  const isEarly = ({ effect }: Delivery) => isTooEarly(run.firstRefusals.get(effect.key), now);
  run.note("deliver", "mailbox", new Map(all.filter(isEarly).map(({ effect }) => [effect.key, awaitsSecondTry])));
  return all.filter((delivery) => !isEarly(delivery));
}

/** Deliveries of the same octets from the same path go in one transaction. */
function groupDeliveries(deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const groups = new Map<string, Delivery[][]>();
  for (const delivery of deliveries) {
    const alike = JSON.stringify([delivery.effect.from, delivery.effect.edits]);
    const list = groups.get(alike) ?? [];
    groups.set(alike, list);
    const last = list.at(-1);
    if (last && last.length < maxGroup) last.push(delivery);
    else list.push([delivery]);
  }
  return [...groups.values()].flat();
}

async function deliver(run: EffectRun, group: readonly Delivery[]): Promise<void> {
  const verdicts = await sendGroup(run, group);
  const refused = group.length > 1 ? group.filter(({ effect }) => refusesAll(verdicts.get(effect.key))) : [];
  const settled = group.filter((delivery) => !refused.includes(delivery));
  noteDeliveries(run, settled, ({ effect }) => verdicts.get(effect.key) ?? noAnswer);
  await deliverAlone(run, refused);
}

/**
 * One SMTP reply refused a whole transaction: its recipients are tried alone before that is final for them. The reason may lie
 * with one of them; when two in a row are refused alike, it lies with the mail, and the others get the same verdict.
 */
async function deliverAlone(run: EffectRun, refused: readonly Delivery[]): Promise<void> {
  let alike: readonly Verdict[] = [];
  for (const [index, delivery] of refused.entries()) {
    const verdict = (await sendGroup(run, [delivery])).get(delivery.effect.key) ?? noAnswer;
    noteDeliveries(run, [delivery], () => verdict);
    alike = refusesAll(verdict) && isAlike(alike.at(-1), verdict) ? [...alike, verdict] : [verdict];
    if (alike.length === refusalsAlone) return noteDeliveries(run, refused.slice(index + 1), () => verdict);
  }
}

async function sendGroup(run: EffectRun, group: readonly Delivery[]): Promise<ReadonlyMap<EffectKey, Verdict>> {
  const [first] = group;
  if (!first) return new Map();
  const content = deliveryContent(run.opened, first.effect.edits);
  const recipients = group.map(({ course, effect }) => ({ address: course.recipient, key: effect.key }));
  return run.transact("mailbox", { mailId: run.mailId, from: first.effect.from, recipients, content });
}

function noteDeliveries(run: EffectRun, deliveries: readonly Delivery[], verdictOf: (delivery: Delivery) => Verdict): void {
  run.note("deliver", "mailbox", new Map(deliveries.map((each) => [each.effect.key, believed(run, each, verdictOf(each))])));
}

/** A known mailbox is believed to be gone only when the server has said so twice. */
function believed(run: EffectRun, { course, effect }: Delivery, verdict: Verdict): Verdict {
  const { mailboxes, clock } = run.ports;
  if (verdict.action === "delivered") mailboxes.tookMail(course.recipient);
  if (run.firstRefusals.has(effect.key) || !needsSecondTry(verdict, course.recipient, course.row, mailboxes)) return verdict;
  run.remember(...firstRefusal(effect.key, clock.now(), verdict));
  return awaitsSecondTry;
}

function refusesAll(verdict: Verdict | undefined): boolean {
  return verdict?.action === "failed" && verdict.scope === "mail";
}

/** Servers write ids of their own into the text, so that it says nothing. */
function isAlike(before: Verdict | undefined, verdict: Verdict): boolean {
  return before?.action === "failed" && verdict.action === "failed" && before.status === verdict.status && before.reason === verdict.reason;
}
