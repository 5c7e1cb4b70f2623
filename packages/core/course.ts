// Course: what a plan is made of. One course for each recipient, and a word for all that is not done: why a mail is dropped, a
// recipient refused, a sender blocked, a reply or forward withheld. The words are closed unions, and the log, the metrics and
// `sesame explain` use the very same. Who decides is plan.ts.

import type { Address } from "./address.ts";
import type { AutomaticReason } from "./automatic.ts";
import type { Effect } from "./effect.ts";
import type { HeaderDefect } from "./header.ts";
import type { MailId } from "./notice.ts";
import { quote } from "./result.ts";

/** Why a whole mail is dropped: the operator chose to, and only these two verdicts of SES let him. */
export type DiscardReason = "spam-verdict" | "virus-verdict";
/** Why a recipient of the notice is not served: of a domain that is not ours, or no address. It is named in the mark. */
export type RefuseReason = "foreign-domain" | "invalid-address";

/** Why a reply or forward is not made although a rule asks for it. */
export type WithheldReason =
  | AutomaticReason
  | "spam-verdict"
  | "virus-verdict"
  | "dmarc-verdict"
  | "own-mark" // the mail is a forward or reply of ours that came back
  | "ses-bounce" // never answered
  | "bounce-of-ours" // a bounce of a forward or reply of ours
  | "not-active" // out-of-office is set for another time
  | "already-answered"
  | "to-self" // the target is the recipient
  | "to-sender" // the target sent the mail
  | "too-many-hops"
  | "header-unreadable"
  | "address-unsupported" // a local part outside ASCII (RFC 6531), or by SES a domain that it takes for none
  | "sender-unreadable";

/** A reply or forward that a rule asks for and that is not made. `to`: the target of a forward. */
export type Withheld = Readonly<{ kind: "reply" | "forward"; to?: Address; reason: WithheldReason }>;

/** What an administrator should know; nothing stopped because of it. */
export type Warning =
  | { readonly kind: "rule-invalid"; readonly table: "rules" | "blocked"; readonly key: string; readonly text: string }
  | { readonly kind: "blocks-everybody"; readonly key: string; readonly text: string } // a pattern such as `*`
  | { readonly kind: "mail-defect"; readonly defect: HeaderDefect }
  | { readonly kind: "loop-mark-forged" }
  | { readonly kind: "reverse-path-unreadable" };

/** What shall be done for one recipient. A refused one is named as the notice spells it, since it may be no address. */
export type Course =
  | { readonly kind: "refuse"; readonly recipient: string; readonly reason: RefuseReason }
  | {
      readonly kind: "block";
      readonly recipient: Address;
      readonly pattern: string;
      readonly matched: Address;
      /** Table key of the row that holds the pattern. */
      readonly row: string;
      readonly warnings: readonly Warning[];
    }
  | Serve;
/** Serve a recipient: the delivery first, then the reply, then the forwards. */
export type Serve = Readonly<{
  kind: "serve";
  recipient: Address;
  /** Table key of the rules that apply; `null` where there are none. */
  row: string | null;
  effects: readonly Effect[];
  withheld: readonly Withheld[];
  warnings: readonly Warning[];
}>;

/** The first decision: drop the mail, or carry it, with one course for each recipient in the order of the envelope. */
export type Plan =
  | { readonly kind: "discard"; readonly reason: DiscardReason }
  | { readonly kind: "carry"; readonly mailId: MailId; readonly courses: readonly Course[] };

/** Names a course that serves nobody in one line, for logs and for people. */
export function describeCourse(course: Exclude<Course, Serve>): string {
  if (course.kind === "refuse") return `refused: ${course.reason}`;
  return `blocked: ${course.matched} matches ${quote(course.pattern)}`;
}
