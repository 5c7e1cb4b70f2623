// Generated header: the fields that all mails composed by Sesame share. mail/header-write.ts writes them.

import { domainOf } from "../mail/address.ts";
import type { FieldValue } from "../mail/header-write.ts";
import { loopMark, type MarkedMail } from "../mail/loop-mark.ts";
import { idsOf, type Mail } from "../mail/mail.ts";
import type { EpochMs } from "../time.ts";

/** A field to write. */
export type NewField = Readonly<{ name: string; value: FieldValue }>;

/** Makes a field whose value is ASCII and already encoded. */
export function structured(name: string, text: string): NewField {
  return { name, value: { kind: "structured", text } };
}

/** Returns the fields that identify a mail of Sesame. Only the keyed mark in X-Loop is checked when the mail comes back. */
export function loopFields(loopKey: Uint8Array, mail: MarkedMail): readonly NewField[] {
  return [structured("X-SES-Worker-Processed", `worker-${domainOf(mail.address)}`), structured("X-Loop", loopMark(loopKey, mail))];
}

/** Returns a date in the form of RFC 5322 §3.3, in UTC. */
export function mailDate(at: EpochMs): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

/**
 * Returns the value of References for an answer to this mail (RFC 5322 §3.6.4), "" if no id is known. `last`: the Message-ID of
 * the mail. Of a long thread the first id and the last ones are kept.
 */
export function referencesValue(mail: Mail, last: string | null): string {
  const known = idsOf(mail, "References");
  const parents = idsOf(mail, "In-Reply-To"); // several ids do not identify one thread
  const earlier = (known.length > 0 || parents.length !== 1 ? known : parents).filter((id) => id !== last);
  const kept = earlier.length > 20 ? [...earlier.slice(0, 1), ...earlier.slice(-19)] : earlier;
  return [...kept, ...(last === null ? [] : [last])].join(" ");
}
