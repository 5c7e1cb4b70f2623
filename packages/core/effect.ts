// Effect: one thing that shall be done for one recipient, as data, with the key under which its end is remembered.
// It does nothing by itself; execute.ts acts and settle.ts judges.

import type { Address, AddressKey, ReversePath } from "./address.ts";
import type { HeaderEdit } from "./header.ts";
import type { EpochMs } from "./notice.ts";

/** Names one effect of one mail in the ledger: `deliver a@x`, `forward a@x b@y`, `reply a@x`. Equal in every attempt. */
export type EffectKey = string & { readonly [effectKey]: true };
declare const effectKey: unique symbol;

/** Where a courier takes a mail: the recipient's mailbox, our own server past its transport maps, or Amazon SES. */
export type Route = "mailbox" | "internal" | "ses";

/** When a forward or reply may run, given the verdict of its recipient's delivery. */
export type When = Readonly<{
  /** "delivered": only then. "final": after any final verdict but a refusal of content or policy. */
  needs: "delivered" | "final";
  /** From this instant a forward no longer waits for a delayed delivery; `null` waits for ever. */
  waitsUntil: EpochMs | null;
  /** From this instant the effect is given up; `null` never. */
  notAfter: EpochMs | null;
}>;

/** A generated mail: a new header block over the stored body, or over a body of its own. */
export type Draft = Readonly<{ head: Uint8Array; body: "original" | Uint8Array }>;

/** Hand the mail to the recipient's mailbox, with at most three kinds of header edit. At least once. */
export type Deliver = Readonly<{
  kind: "deliver";
  key: EffectKey;
  from: ReversePath;
  edits: readonly HeaderEdit[];
}>;

/** Why Amazon SES would refuse a forward, so that a short notice goes to the target in its place. */
export type Unforwardable =
  | "too-large" // SES Developer Guide, "Service quotas in Amazon SES"
  | "forbidden-attachment"; // SES Developer Guide, "Amazon SES unsupported attachment types"

/** Send the mail on under a rule. At least once, and once only unless the end of a transaction was in doubt. */
export type Forward = Readonly<{
  kind: "forward";
  key: EffectKey;
  when: When;
  from: ReversePath;
  to: Address;
  route: Exclude<Route, "mailbox">;
  draft: Draft;
  /** `null`: the draft is the forward. Else it is a notice that tells the target why the forward is not made. */
  notice: Unforwardable | null;
}>;

/** Send the automatic reply. At most once. */
export type Reply = Readonly<{
  kind: "reply";
  key: EffectKey;
  when: When;
  from: ReversePath;
  to: Address;
  route: Exclude<Route, "mailbox">;
  draft: Draft;
  /** Hash of the rule's text: the same text is not sent twice to one sender within the period (RFC 5230 §4.2). */
  textHash: string;
  /** Under which key the sender is remembered: a person, where the path is made anew for each mail. */
  rememberAs: AddressKey;
  /** The sender is remembered until then. */
  rememberUntil: EpochMs;
}>;

/** One thing to be done. */
export type Effect = Deliver | Forward | Reply;

/** Makes the key of an effect from the recipient and, for a forward, its target. */
export function keyOf(kind: Effect["kind"], recipient: Address, to?: Address): EffectKey {
  return [kind, recipient, ...(to === undefined ? [] : [to])].join(" ") as EffectKey;
}
