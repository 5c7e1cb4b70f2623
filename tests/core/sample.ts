// Facts for tests: one mail from bob to alice, to be varied.

import {
  type Address,
  compileBlocklist,
  type Domain,
  decodeRuleRows,
  type EpochMs,
  type Facts,
  type MailId,
  openMail,
  type Plan,
  parseRecipients,
  parseReversePath,
  plan,
} from "@sesame/core";
import { scanAttachments } from "../../packages/core/mail/attachments.ts";
import { loopMark } from "../../packages/core/mail/loop-mark.ts";
import type { Serve } from "../../packages/core/plan/types.ts";
import { allPassed } from "../../packages/core/ses/ses-verdicts.ts";

/** Header of an ordinary mail from a person. */
export const personal = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hello\r\nMessage-ID: <m1@remote.test>\r\n";

export type Case = Readonly<{
  header?: string;
  body?: string;
  from?: string | null;
  to?: readonly string[];
  rules?: Readonly<Record<string, unknown>>;
  blocked?: Readonly<Record<string, unknown>>;
  facts?: Partial<Facts>;
}>;

/** A row with an active reply. */
export const away = { ooo_active: true, ooo_message: "I am away" };

/** Facts of a case; what it does not name is ordinary. */
export function factsOf({
  header = personal,
  body = "Hi Alice\r\n",
  from = "bob@remote.test",
  to = ["alice@example.com"],
  rules = {},
  blocked = {},
  facts = {},
}: Case): Facts {
  const octets = new TextEncoder().encode(`${header}\r\n${body}`);
  const domains = ["example.com" as Domain, "another.test" as Domain];
  return {
    mailId: "example-com-emails/1" as MailId,
    receivedAt: Date.parse("2026-01-05T12:00:00Z") as EpochMs,
    envelope: { reversePath: parseReversePath(from), recipients: parseRecipients(to, facts.domains ?? domains) },
    sesVerdicts: allPassed,
    domains,
    mail: openMail(octets, octets.length),
    bounce: "not-a-bounce",
    rules: decodeRuleRows(new Map(Object.entries(rules))),
    blocklist: compileBlocklist(new Map(Object.entries(blocked))),
    finals: new Map(),
    answered: new Map(),
    attachments: scanAttachments(openMail(octets, octets.length)).names(),
    loopKey: new Uint8Array(32).fill(7),
    ...facts,
  };
}

/** The mark of a mail that an address sent outside when it got the mail of a case, or `daysBefore`. */
export function markOf(address: string, daysBefore = 0, loopKey = factsOf({}).loopKey): string {
  const receivedAt = (factsOf({}).receivedAt - daysBefore * 86_400_000) as EpochMs;
  return loopMark(loopKey, { address: address as Address, target: "x@other.test" as Address, mailId: "bucket/0", receivedAt });
}

/** The plan of a case, which must carry. */
export async function planOf(one: Case): Promise<Extract<Plan, { readonly kind: "carry" }>> {
  const decided = await plan(factsOf(one));
  if (decided.kind !== "carry") throw new Error(`the plan is ${decided.kind}`);
  return decided;
}

/** The only course, which must serve. */
export async function serveOf(one: Case): Promise<Serve> {
  const { courses } = await planOf(one);
  const [course] = courses;
  if (course?.kind !== "serve" || courses.length !== 1) throw new Error(`the courses are ${JSON.stringify(courses)}`);
  return course;
}

/** What becomes of the reply: "reply" or the word why not. */
export async function replyOf(one: Case): Promise<string> {
  const course = await serveOf({ rules: { "alice@example.com": away }, ...one });
  const reply = course.effects.some(({ kind }) => kind === "reply");
  return reply ? "reply" : (course.withheld.find(({ kind }) => kind === "reply")?.reason ?? "no rule");
}
