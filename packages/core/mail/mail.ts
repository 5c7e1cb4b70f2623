// Mail: a header block and a body, opened from the first octets alone (RFC 5322 §3.6). The functions here read values and change
// no octet. The body is not read here (see body-text.ts, attachments.ts, dsn.ts).

import { decodeWords } from "./encoded-word.ts";
import { firstValue, type HeaderBlock, type HeaderDefect, splitHeader, valuesOf } from "./header.ts";
import { type Mailbox, maxMailboxes, parseSomeMailboxes } from "./mailbox.ts";

/** A mail whose header was read. */
export type Mail = Readonly<{
  /** Size of the whole mail in octets. `head` may be only its start. */
  size: number;
  head: Uint8Array;
  block: HeaderBlock;
  /** Position of the body in `head`. */
  bodyStart: number;
  defects: readonly HeaderDefect[];
  /** Lists of mailboxes that were read: the decisions for every recipient read the same ones, and they can be long. */
  mailboxes: Map<string, readonly Mailbox[]>;
}>;

/** Opens a mail from its first octets. `size`: octets of the whole mail. It never throws: violations are listed as defects. */
export function openMail(head: Uint8Array, size: number): Mail {
  const split = splitHeader(head, size <= head.length);
  const isNulBelow = !split.defects.includes("nul") && head.includes(0, split.bodyStart);
  return { size, head, ...split, mailboxes: new Map(), defects: isNulBelow ? [...split.defects, "nul"] : split.defects };
}

/** Whether the header can be edited. If not, the mail is delivered exactly as it is stored. */
export function isEditable({ defects, block }: Mail): boolean {
  if (defects.includes("no-header-block") || defects.includes("mbox-line")) return false;
  return block.fields.length > 1 || !defects.includes("header-too-long"); // the last field of such a block may be incomplete
}

const unreadable: readonly HeaderDefect[] = ["no-header-block", "header-too-long", "too-many-fields"];

/** Whether rules apply. Without the complete header block Sesame cannot tell whether a mail is automatic. */
export function isReadable(mail: Mail): boolean {
  return !mail.defects.some((defect) => unreadable.includes(defect));
}

/** Returns the Message-ID with its angle brackets, or `null` (RFC 5322 §3.6.4). */
export function messageIdOf(mail: Mail): string | null {
  return idsOf(mail, "Message-ID")[0] ?? null;
}

const maxId = 250; // octets; several longer ones would not fit in a folded line

/**
 * Returns the message ids in the fields of a name, such as References. Ids that cannot be written in a header again are left out.
 */
export function idsOf(mail: Mail, name: string): readonly string[] {
  return idsIn(valuesOf(mail.block, name).join(" "));
}

/** Returns the message ids in the value of a field, with their angle brackets, like those of `idsOf`. */
export function idsIn(value: string): readonly string[] {
  const ids = value.match(/<[^<>\s]+>/g) ?? [];
  return ids.filter((id) => id.length <= maxId && /^[!-~]+$/.test(id));
}

/** Returns the decoded subject, or `null`. It is untrusted and can contain line ends: use `safeText` before writing it. */
export function subjectOf(mail: Mail): string | null {
  const value = firstValue(mail.block, "Subject");
  return value === null ? null : decodeWords(value);
}

/**
 * Returns the mailboxes of all fields of these names, each address once, at most `maxMailboxes`. Each value is read as it is and
 * also decoded: an encoded word can hide an address that some mail programs show.
 */
export function mailboxesOf(mail: Mail, ...names: readonly string[]): readonly Mailbox[] {
  const [name = "", ...others] = names;
  return others.length === 0 ? mailboxesOfField(mail, name) : distinctMailboxes(names.flatMap((each) => mailboxesOfField(mail, each)));
}

function mailboxesOfField({ block, mailboxes }: Mail, name: string): readonly Mailbox[] {
  const found = mailboxes.get(name) ?? mailboxesIn(valuesOf(block, name));
  mailboxes.set(name, found);
  return found;
}

function distinctMailboxes(all: readonly Mailbox[]): readonly Mailbox[] {
  const found = new Map<string, Mailbox>();
  for (const mailbox of all) if (!found.has(mailbox.address)) found.set(mailbox.address, mailbox);
  return [...found.values()].slice(0, maxMailboxes);
}

/** Returns the mailboxes in field values, read like those of `mailboxesOf`. */
export function mailboxesIn(values: readonly string[]): readonly Mailbox[] {
  const found = new Map<string, Mailbox>();
  let left = maxMailboxes;
  for (const value of values) {
    if (left <= 0) break;
    for (const { name, address } of parseSomeMailboxes(value, left)) add({ name: decodeWords(name), address });
    if (value.includes("=?")) for (const mailbox of parseSomeMailboxes(decodeWords(value), left)) add(mailbox);
  }
  return [...found.values()];

  function add(mailbox: Mailbox): void {
    left--;
    if (!found.has(mailbox.address)) found.set(mailbox.address, mailbox);
  }
}

/** Returns the number of Received fields: how many hosts the mail passed (RFC 5321 §6.3). */
export function hopsOf(mail: Mail): number {
  return mail.block.fields.reduce((count, field) => count + (field.key === "received" ? 1 : 0), 0);
}
