// Events for tests of the page: the closing line of a mail whose plan comes from the core, with verdicts by kind of effect.

import type { EffectKey, JournalEvent, Plan, Verdict } from "@sesame/core";
import type { AuditStatus, Settlement } from "@sesame/core/journey";
import type { MailEvent } from "../../apps/worker/page/mail-record.ts";
import { type Case, factsOf, planOf } from "../core/sample.ts";

export const start: number = Date.parse("2026-11-25T03:14:18Z");

export const delivered: Verdict = { action: "delivered", detail: "250 2.0.0 Ok: queued as 4XyZ12ab34z1K" };
export const relayed: Verdict = { action: "relayed", detail: "0100db01ee4316d6-56325f40" };
export const full: Verdict = {
  action: "delayed",
  status: "4.2.2",
  reason: "try-later",
  scope: "recipient",
  detail: "452 4.2.2 Mailbox full",
  possibleDuplicate: false,
};
export const unknown: Verdict = {
  action: "failed",
  status: "5.1.1",
  reason: "no-such-mailbox",
  scope: "recipient",
  detail: "550 5.1.1 User unknown in virtual mailbox table",
};

export const closed = (status: AuditStatus): Settlement => ({
  kind: "close",
  mark: { status, invalidInboxes: [], blockedSender: null },
  erase: false,
});
export const again: Settlement = { kind: "retry", afterSeconds: 60, reason: "try-later" };

export type MailCase = Case &
  Readonly<{ id?: string; settlement?: Settlement; verdictOf?: (recipientKey: string) => Verdict; event?: Partial<MailEvent> }>;

/** The closing line of a case. Deliveries are delivered and other effects relayed, if `verdictOf` does not say otherwise. */
export async function mailEvent({ id = "example-com-emails/1", settlement, verdictOf, event, ...one }: MailCase): Promise<MailEvent> {
  const plan: Plan = await planOf(one);
  const verdicts = new Map<EffectKey, Verdict>();
  for (const { kind, key } of plan.courses.flatMap((course) => (course.kind === "serve" ? course.effects : [])))
    verdicts.set(key, verdictOf?.(key) ?? (kind === "deliver" ? delivered : relayed));
  const facts = factsOf(one);
  return {
    kind: "mail",
    mailId: id as MailEvent["mailId"],
    sesId: id,
    from: one.from === undefined ? "bob@remote.test" : one.from,
    receivedAt: (start - 600) as MailEvent["receivedAt"],
    receiveCount: 1,
    plan,
    verdicts,
    settlement: settlement ?? closed("delivered"),
    seconds: 0.2,
    sesVerdicts: facts.sesVerdicts,
    ...event,
  };
}

/** What an effect became, as the journal tells it. */
export function effectEvent(verdict: Verdict, effect: "deliver" | "reply" | "forward" = "deliver"): JournalEvent {
  const route = effect === "deliver" ? "mailbox" : "ses";
  return {
    kind: "deed",
    mailId: "example-com-emails/1" as MailEvent["mailId"],
    effect,
    key: "deliver a@b.test" as EffectKey,
    route,
    verdict,
  };
}
