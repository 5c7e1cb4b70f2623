// Mail: a header block and an untouched body, opened from the first octets alone. What is read here are views; the
// octets are the truth and leave as they came. RFC 5322 §3.6. The body is not looked at (see body.ts, bounce.ts).

import { decodeWords } from "./encoded-word.ts";
import { firstValue, type HeaderBlock, type HeaderDefect, splitHeader, valuesOf } from "./header.ts";
import { type Mailbox, maxMailboxes, parseMailboxes } from "./mailbox.ts";

/** An opened mail. */
export type Mail = Readonly<{
  /** Octets of the whole mail, of which `head` may be only the first. */
  size: number;
  head: Uint8Array;
  block: HeaderBlock;
  /** Where the body starts in `head`. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
  /** Answers of `mailboxesOf` that were given already: every recipient's decisions ask the same, and lists are long. */
  mailboxes: Map<string, readonly Mailbox[]>;
}>;

/** Opens a mail from its first octets. Any octets are a mail; what is odd about them is listed. */
export function openMail(head: Uint8Array, size: number): Mail {
  const split = splitHeader(head, size <= head.length);
  const isNulBelow = !split.defects.includes("nul") && head.includes(0, split.bodyStart);
  return { size, head, ...split, mailboxes: new Map(), defects: isNulBelow ? [...split.defects, "nul"] : split.defects };
}

/** Whether its topmost fields can be edited. Where they cannot, the mail is delivered exactly as it is. */
export function isEditable({ defects, block }: Mail): boolean {
  if (defects.includes("no-header-block") || defects.includes("mbox-line")) return false;
  return block.fields.length > 1 || !defects.includes("header-too-long"); // the last field of such a block is cut
}

const unreadable: readonly HeaderDefect[] = ["no-header-block", "header-too-long", "too-many-fields"];

/** Whether rules apply: without a whole header block nobody knows whether a mail is automatic. */
export function isReadable(mail: Mail): boolean {
  return !mail.defects.some((defect) => unreadable.includes(defect));
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
 * The mailboxes of all fields of these names, each address once, at most `maxMailboxes`. An encoded word may hide an address from
 * a plain reader and show it to another, so each value is read both as it stands and decoded.
 */
export function mailboxesOf({ block, mailboxes }: Mail, ...names: readonly string[]): readonly Mailbox[] {
  const question = names.join(" ");
  const answer = mailboxes.get(question) ?? mailboxesIn(names.flatMap((name) => valuesOf(block, name)));
  mailboxes.set(question, answer);
  return answer;
}

/** The same for the values of fields. */
export function mailboxesIn(values: readonly string[]): readonly Mailbox[] {
  const found = new Map<string, Mailbox>();
  for (const value of values) {
    for (const { name, address } of parseMailboxes(value)) keep({ name: decodeWords(name), address });
    if (value.includes("=?")) for (const mailbox of parseMailboxes(decodeWords(value))) keep(mailbox);
  }
  return [...found.values()];

  function keep(mailbox: Mailbox): void {
    if (found.size < maxMailboxes && !found.has(mailbox.address)) found.set(mailbox.address, mailbox);
  }
}

/** How many hosts the mail came through (RFC 5321 §6.3). */
export function hopsOf(mail: Mail): number {
  return mail.block.fields.reduce((count, field) => count + (field.key === "received" ? 1 : 0), 0);
}
