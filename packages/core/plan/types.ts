// Types of a plan: one course per recipient, made of effects, and a reason for everything that is not done. Reasons are closed
// unions; the log, the metrics and `sesame explain` print the same words. plan.ts decides, execute.ts carries out.

import type { OutgoingRoute } from "../compose/content.ts";
import type { LeftOut } from "../compose/forward.ts";
import type { Recipe } from "../compose/recipe.ts";
import type { Unforwardable } from "../compose/stand-in.ts";
import { type Address, type AddressKey, addressKey, parseAddress, type ReversePath } from "../mail/address.ts";
import type { HeaderDefect } from "../mail/header.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { endOfQuoted } from "../mail/token.ts";
import { quote } from "../result.ts";
import type { AutomaticReason } from "../rules/automatic.ts";
import type { RuleRow } from "../rules/rule-row.ts";
import type { MailId } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";
import type { RefuseReason } from "./recipient.ts";

/** Why a whole mail is dropped. Only SPAM_VERDICT=drop and VIRUS_VERDICT=drop do this. */
export type DiscardReason = "spam-verdict" | "virus-verdict";

/** Why a reply or forward is not made although a rule asks for it. */
export type WithheldReason =
  | AutomaticReason
  | "spam-verdict"
  | "virus-verdict"
  | "dmarc-verdict"
  | "spf-verdict" // replies only: the reverse-path is forged (RFC 7208 §2.6.4)
  | "own-mark" // the mail is a forward or reply of this recipient that came back
  | "ses-bounce" // never answered
  | "bounce-of-ours" // a bounce of a forward or reply of ours
  | "not-active" // out-of-office is set for another time
  | "already-answered"
  | "once-per-mail" // another recipient of this mail has the reply or forward of the same rule row
  | "to-self" // the target is the recipient
  | "to-sender" // the target sent the mail
  | "too-many-hops"
  | "header-unreadable"
  | "address-unsupported" // a local part outside ASCII (RFC 6531), or by SES a domain that it takes for none
  | "source-route" // our own mail server may send it on to a host that the local part names
  | "sender-unreadable";

/** A reply or forward that a rule asks for and that is not made. `to`: the target of a forward. */
export type Withheld = Readonly<{ kind: "reply" | "forward"; to?: Address; reason: WithheldReason }>;

/** Something an administrator should know. It stops nothing. */
export type Warning =
  | { readonly kind: "rule-invalid"; readonly table: "rules" | "blocked"; readonly key: string; readonly text: string }
  | { readonly kind: "blocks-everybody"; readonly key: string; readonly text: string } // a pattern such as `*`
  | { readonly kind: "mail-defect"; readonly defect: HeaderDefect }
  | { readonly kind: "loop-mark-forged" }
  | { readonly kind: "loop-mark-expired" } // stops nothing any more
  | { readonly kind: "forward-header-shortened"; readonly leftOut: readonly LeftOut[] }
  | { readonly kind: "reverse-path-unreadable" };

/** What shall be done for one recipient. A refused recipient keeps the spelling of the notice: it may be no address. */
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

/** The rule row of a recipient, and its table key. */
export type FoundRow = Readonly<{ key: string; row: RuleRow }>;

/** The first decision: drop the mail, or carry it with one course per recipient in the order of the envelope. */
export type Plan =
  | { readonly kind: "discard"; readonly reason: DiscardReason; readonly bounce: BounceOutcome }
  | { readonly kind: "carry"; readonly mailId: MailId; readonly bounce: BounceOutcome; readonly courses: readonly Course[] };

/** A bounce of SES: "rewritten" shows the address that failed, "unknown" has no row in the outbound table and is not changed. */
export type BounceOutcome = "rewritten" | "unknown" | "not-a-bounce";

/** A refused or blocked course in one line, for logs and for people. */
export function describeCourse(course: Exclude<Course, Serve>): string {
  if (course.kind === "refuse") return `refused: ${course.reason}`;
  return `blocked: ${course.matched} matches ${quote(course.pattern)}`;
}

/**
 * Names one effect of one mail in the ledger: `deliver a+tag@x`, `forward a@x b@y`, `reply *@x`. Equal in every attempt. A
 * delivery has the recipient in it, a forward or reply the table key of the rule row.
 */
export type EffectKey = string & { readonly [effectKey]: true };
declare const effectKey: unique symbol;

/** Where a courier takes a mail: the recipient's mailbox, our own server past its transport maps, or Amazon SES. */
export type Route = "mailbox" | OutgoingRoute;

/** When a forward or reply may run, given the verdicts of deliveries. */
export type When = Readonly<{
  /** The deliveries to its recipients. One that permits it is enough. */
  anyOf: readonly EffectKey[];
  /** "delivered": only then. "final": after any final verdict but a refusal of content or policy. */
  needs: "delivered" | "final";
  /** From this instant a forward no longer waits for a delayed delivery; `null` waits for ever. */
  waitsUntil: EpochMs | null;
  /** From this instant the effect is given up; `null` never. */
  notAfter: EpochMs | null;
}>;

/** Hand the mail to the recipient's mailbox, with these header edits. Done at least once. */
export type Deliver = Readonly<{
  kind: "deliver";
  key: EffectKey;
  from: ReversePath;
  edits: readonly HeaderEdit[];
}>;

/** Send the mail on under a rule. Done at least once; twice only if the answer to a transaction was lost. */
export type Forward = Readonly<{
  kind: "forward";
  key: EffectKey;
  /** Keys that earlier versions gave it, one for each recipient. Their finals count (see `finalsOfPlan`). */
  formerKeys: readonly EffectKey[];
  when: When;
  from: ReversePath;
  to: Address;
  route: OutgoingRoute;
  /** What is sent, composed when its turn comes. */
  recipe: Recipe;
  /** `null`: the recipe is the forward. Else it is a stand-in that tells the target why the forward is not made. */
  standIn: Unforwardable | null;
}>;

/** Send the auto-reply. Done at most once. */
export type Reply = Readonly<{
  kind: "reply";
  key: EffectKey;
  /** Keys that earlier versions gave it, one for each recipient. Their finals count (see `finalsOfPlan`). */
  formerKeys: readonly EffectKey[];
  when: When;
  from: ReversePath;
  to: Address;
  route: OutgoingRoute;
  /** What is sent, composed when its turn comes. */
  recipe: Recipe;
  /** Hash of the rule's text: the same text is not sent twice to one sender within the period (RFC 5230 §4.2). */
  textHash: string;
  /** Who answers, in the reply memory: the recipient without its tag. */
  mailbox: AddressKey;
  /** The key under which the sender is remembered (see `rememberedSenderOf`). */
  rememberAs: AddressKey;
  /** The sender is remembered until then. */
  rememberUntil: EpochMs;
  /** The reply is counted before it is sent, and not sent if there were too many. */
  limits: ReplyLimits;
}>;

/**
 * How many auto-replies a mailbox may send in an hour, and `sender` may get in a day; 0: any number. `sender` has no tag. The hour
 * and the day are those in which the mail came, so that every attempt counts in the same ones.
 */
export type ReplyLimits = Readonly<{
  sender: AddressKey;
  perHour: number;
  perDay: number;
  receivedAt: EpochMs;
}>;

/** One thing to be done. */
export type Effect = Deliver | Forward | Reply;

/**
 * Makes the key of an effect from the recipient and, for a forward, its target. All spellings of one mailbox give one key: two
 * notices of a mail may spell it differently, and it must not get the mail twice.
 */
export function keyOf(kind: Effect["kind"], recipient: Address, to?: Address): EffectKey {
  return [kind, keySpelling(recipient), ...(to === undefined ? [] : [keySpelling(to)])].join(" ") as EffectKey;
}

/** Makes the key of a forward or reply from the table key of its rule row (see `tableKeys`), which is an address or `*@domain`. */
export function ruleKeyOf(kind: "forward" | "reply", row: string, to?: Address): EffectKey {
  return [kind, spelled(row), ...(to === undefined ? [] : [keySpelling(to)])].join(" ") as EffectKey;
}

function keySpelling(address: Address): string {
  return spelled(addressKey(address));
}

/** An address key, its local part quoted only if it must be (RFC 5321 §4.1.2), so that it can be parsed again. */
function spelled(key: string): string {
  if (parseAddress(key).ok) return key;
  const at = key.lastIndexOf("@");
  return `"${key.slice(0, at).replace(/["\\]/g, "\\$&")}"${key.slice(at)}`;
}

/** Finals under the keys that `keyOf` makes today. Rows of earlier versions may have another spelling; the first final counts. */
export function withCanonicalKeys<T>(finals: ReadonlyMap<EffectKey, T>): ReadonlyMap<EffectKey, T> {
  const found = new Map<EffectKey, T>();
  for (const [key, final] of finals) {
    const parsed = parseEffectKey(key);
    const canonical = parsed === null ? key : keyOf(parsed.kind, parsed.recipient, parsed.to ?? undefined);
    if (!found.has(canonical)) found.set(canonical, final);
  }
  return found;
}

/** An effect's key, taken apart. `to` is the target of a forward. */
export type ParsedEffectKey = Readonly<{ kind: Effect["kind"]; recipient: Address; to: Address | null }>;

/** Takes apart what `keyOf` made; `null` where the text is no such key. A quoted local part may hold spaces (RFC 5321 §4.1.2). */
export function parseEffectKey(key: string): ParsedEffectKey | null {
  const [, kind, rest = ""] = /^(deliver|forward|reply) (.+)$/s.exec(key) ?? [];
  const end = rest.startsWith('"') ? endOfQuoted(rest, 0) : 0;
  const cut = end < 0 ? -1 : rest.indexOf(" ", end);
  const recipient = parseAddress(cut < 0 ? rest : rest.slice(0, cut));
  if (kind === undefined || !recipient.ok) return null;
  const to = cut < 0 ? null : parseAddress(rest.slice(cut + 1));
  if ((kind === "forward") !== (to !== null) || to?.ok === false) return null;
  return { kind: kind as Effect["kind"], recipient: recipient.value, to: to?.ok ? to.value : null };
}
