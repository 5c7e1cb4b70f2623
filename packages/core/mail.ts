// Mail: a header block and an untouched body, opened from the first octets alone. What is read here are views; the
// octets are the truth and leave as they came. RFC 5322 §3.6. The body is not looked at (see body.ts, bounce.ts).

import { type Mailbox, parseMailboxes } from "./address.ts";
import { decodeWords } from "./encoded-word.ts";
import { firstValue, type HeaderBlock, type HeaderDefect, splitHeader, valuesOf } from "./header.ts";

/** An opened mail. */
export type Mail = Readonly<{
  /** Octets of the whole mail, of which `head` may be only the first. */
  size: number;
  head: Uint8Array;
  block: HeaderBlock;
  /** Where the body starts in `head`. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
}>;

/** Opens a mail from its first octets. Any octets are a mail; what is odd about them is listed. */
export function openMail(head: Uint8Array, size: number): Mail {
  return { size, head, ...splitHeader(head, size <= head.length) };
}

/** Whether its header block can be edited. Where it cannot, the mail is delivered exactly as it is. */
export function isEditable(mail: Mail): boolean {
  return !mail.defects.includes("no-header-block") && !mail.defects.includes("mbox-line");
}

/** Whether rules apply: without a whole header block nobody knows whether a mail is automatic. */
export function isReadable(mail: Mail): boolean {
  return !mail.defects.includes("no-header-block") && !mail.defects.includes("header-too-long");
}

/** The Message-ID with its angle brackets, or `null` (RFC 5322 §3.6.4). */
export function messageIdOf(mail: Mail): string | null {
  return idsOf(mail, "Message-ID")[0] ?? null;
}

const maxId = 250; // longer ones would not fit a folded line with company

/** The ids of a field such as References: only what can stand in a header again. */
export function idsOf(mail: Mail, name: string): readonly string[] {
  const ids =
    valuesOf(mail.block, name)
      .join(" ")
      .match(/<[^<>\s]+>/g) ?? [];
  return ids.filter((id) => id.length <= maxId && /^[!-~]+$/.test(id));
}

/** The subject as people read it, or `null`. Hostile until written again: it may hold decoded line ends. */
export function subjectOf(mail: Mail): string | null {
  const value = firstValue(mail.block, "Subject");
  return value === null ? null : decodeWords(value);
}

/**
 * Every mailbox of all fields of these names. An encoded word may hide an address from a plain reader and show it to
 * another, so each value is read both as it stands and decoded.
 */
export function mailboxesOf(mail: Mail, ...names: readonly string[]): readonly Mailbox[] {
  return mailboxesIn(names.flatMap((name) => valuesOf(mail.block, name)));
}

/** The same for the values of fields. */
export function mailboxesIn(values: readonly string[]): readonly Mailbox[] {
  const seen = new Set<string>();
  const found: Mailbox[] = [];
  for (const value of values) {
    const readings = value.includes("=?") ? [value, decodeWords(value)] : [value];
    for (const box of readings.flatMap(parseMailboxes)) {
      if (!seen.has(box.address)) found.push({ name: decodeWords(box.name), address: box.address });
      seen.add(box.address);
    }
  }
  return found;
}

/** How many hosts the mail came through (RFC 5321 §6.3). */
export function hopsOf(mail: Mail): number {
  return mail.block.fields.reduce((count, field) => count + (field.key === "received" ? 1 : 0), 0);
}
