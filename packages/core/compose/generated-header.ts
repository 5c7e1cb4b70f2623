// Draft parts: what every mail that Sesame composes has in common. The header itself is written by header.ts.

import { type Address, domainOf } from "../mail/address.ts";
import type { FieldValue } from "../mail/header-write.ts";
import { loopMark } from "../mail/loop-mark.ts";
import { idsOf, type Mail } from "../mail/mail.ts";
import type { MailId } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";

/** A field to be written. */
export type NewField = Readonly<{ name: string; value: FieldValue }>;

/** A field whose value is ASCII and encoded already. */
export function structured(name: string, text: string): NewField {
  return { name, value: { kind: "structured", text } };
}

/** The fields by which a mail of ours is known; only the mark is ever believed. */
export function ownFields(loopKey: Uint8Array, recipient: Address, mailId: MailId): readonly NewField[] {
  return [
    structured("X-SES-Worker-Processed", `worker-${domainOf(recipient)}`),
    structured("X-Loop", loopMark(loopKey, recipient, mailId)),
  ];
}

/** A date as RFC 5322 §3.3 writes it, in UTC. */
export function mailDate(at: EpochMs): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

/** The thread so far and this mail, "" where neither is known; a long one loses its middle (RFC 5322 §3.6.4). */
export function references(mail: Mail, last: string | null): string {
  const known = idsOf(mail, "References");
  const parents = idsOf(mail, "In-Reply-To"); // several do not say which thread it is
  const earlier = (known.length > 0 || parents.length !== 1 ? known : parents).filter((id) => id !== last);
  const kept = earlier.length > 20 ? [...earlier.slice(0, 1), ...earlier.slice(-19)] : earlier;
  return [...kept, ...(last === null ? [] : [last])].join(" ");
}
