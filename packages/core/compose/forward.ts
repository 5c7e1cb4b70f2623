// Forward: a new mail from the forwarding mailbox with the unchanged body of the original. SES sends only for verified senders,
// and From must be in a domain that we sign (DMARC alignment, RFC 7489 §3.1). The header block is new; kept-fields.ts lists the
// fields that it copies. The body is not read, so attachments, signatures and encrypted parts stay intact. plan/plan-forward.ts
// decides whether and to whom to forward.

import { derivedId } from "../derived-id.ts";
import { type Address, domainOf } from "../mail/address.ts";
import { valuesOf } from "../mail/header.ts";
import { mailboxValue, safeText, writeFields } from "../mail/header-write.ts";
import { loopMarksIn } from "../mail/loop-mark.ts";
import { type Mail, subjectOf } from "../mail/mail.ts";
import { utf8 } from "../octets.ts";
import type { MailId } from "../ses/notice.ts";
import { sesMaxAddressees } from "../ses/ses-limits.ts";
import type { EpochMs } from "../time.ts";
import type { Draft, OutgoingRoute } from "./content.ts";
import { loopFields, mailDate, type NewField, structured } from "./generated-header.ts";
import { addresseeFields, otherFields, receivedFields } from "./kept-fields.ts";
import { authorName, originalFromFields, replyToFields, threadFields } from "./original-fields.ts";

/** The input for one forward. Addresses are 7-bit. */
export type ForwardInput = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  /** The forwarding mailbox. */
  recipient: Address;
  /** The recipient of the forward. */
  target: Address;
  route: OutgoingRoute;
  loopKey: Uint8Array;
  /** The fields taken from the original, read once for all recipients and targets: `readForwardFields(mail)`. */
  original: ForwardFields;
}>;

/** Composes the forward to one target. */
export function composeForward(input: ForwardInput): Draft {
  const { mailId, receivedAt, recipient, target, route, loopKey, original } = input;
  const own = {
    from: structured("From", mailboxValue(`${original.author} via ${domainOf(recipient)}`, recipient)),
    to: structured("To", recipient), // for a mail without To and Cc
    date: structured("Date", original.date ?? mailDate(receivedAt)),
    id: structured("Message-ID", `<${derivedId("forward", mailId, recipient, target)}@${domainOf(recipient)}>`),
  };
  const head = [
    original.received,
    writeFields([own.from]),
    original.replyTo,
    original.addressees[route] || writeFields([own.to]),
    original.subject,
    writeFields([own.date, own.id]),
    original.thread,
    writeFields(loopFields(loopKey, { address: recipient, target, mailId, receivedAt })),
    original.others,
    "\r\n",
  ];
  return { head: utf8(head.join("")), body: "original" };
}

/** Octets of the fields of a forward that are not equal for all targets, at most. */
const ownFieldOctets = 4096;

/** About how many octets the header block of a forward has, never fewer. */
export function forwardHeadSize({ original, route }: ForwardInput): number {
  return original.size[route] + ownFieldOctets;
}

/** What a long header block leaves out, in this order. */
export type LeftOut = "References" | "Received" | "List fields";

/**
 * The parts of a forward that are equal for all recipients and targets, as written header lines; "" where there are none.
 * `date`: `null` if the original has no valid Date. `size`: octets of all lines, for each route.
 */
export type ForwardFields = Readonly<{
  author: string;
  date: string | null;
  subject: string;
  received: string;
  replyTo: string;
  addressees: Readonly<Record<OutgoingRoute, string>>;
  thread: string;
  others: string;
  size: Readonly<Record<OutgoingRoute, number>>;
  leftOut: readonly LeftOut[];
}>;

const maxAddressees = 1000; // mailboxes in To and Cc
const maxHead = 32 * 1024; // octets of a composed header block; mail servers and SES refuse much longer ones
const newestReceived = 5; // fields whose text is kept in a header block that is too long
/** Stands for an older Received field: their number must stay, because it ends loops (RFC 5321 §6.3). */
const emptyReceived: WrittenField = { name: "Received", lines: "Received: (shortened)\r\n" };

/**
 * Reads the fields of the original. Do this once for each mail: every recipient can have 50 targets, and the header can be long.
 * A header block that would be too long leaves out what readers miss least; never an address, and nothing that describes the body.
 */
export function readForwardFields(mail: Mail): ForwardFields {
  let parts = partsOf(mail);
  const leftOut: LeftOut[] = [];
  for (const [what, shorten] of shortenings) {
    if (Math.max(sizeOf(parts, "ses"), sizeOf(parts, "internal")) <= maxHead - ownFieldOctets) break;
    const shorter = shorten(parts);
    if (sizeOf(shorter, "ses") < sizeOf(parts, "ses")) leftOut.push(what);
    parts = shorter;
  }
  return {
    author: authorName(mail),
    date: originalDate(mail),
    subject: parts.subject,
    received: join(parts.received),
    replyTo: parts.replyTo,
    addressees: parts.addressees,
    thread: join(parts.thread),
    others: join(parts.others),
    size: { ses: sizeOf(parts, "ses"), internal: sizeOf(parts, "internal") },
    leftOut,
  };
}

/** A field as it is written, with its line ends. */
type WrittenField = Readonly<{ name: string; lines: string }>;

type Parts = Pick<ForwardFields, "subject" | "replyTo" | "addressees"> &
  Readonly<{ received: readonly WrittenField[]; thread: readonly WrittenField[]; others: readonly WrittenField[] }>;

const shortenings: readonly (readonly [LeftOut, (parts: Parts) => Parts])[] = [
  ["References", (parts) => ({ ...parts, thread: parts.thread.filter(({ name }) => name !== "References") })],
  ["Received", (parts) => ({ ...parts, received: parts.received.map((field, index) => (index < newestReceived ? field : emptyReceived)) })],
  ["List fields", (parts) => ({ ...parts, others: parts.others.filter(({ name }) => !name.startsWith("List-")) })],
];

function partsOf(mail: Mail): Parts {
  const marks = loopMarksIn(mail.block).map((value) => structured("X-Loop", value));
  return {
    received: written(receivedFields(mail)),
    replyTo: writeFields(replyToFields(mail)),
    addressees: { ses: writeFields(addresseeFields(mail, sesMaxAddressees)), internal: writeFields(addresseeFields(mail, maxAddressees)) },
    subject: writeFields([{ name: "Subject", value: { kind: "text", text: forwardSubject(mail) } }]),
    thread: written([...threadFields(mail), ...originalFromFields(mail)]),
    others: written([...marks, ...otherFields(mail)]),
  };
}

function written(fields: readonly NewField[]): readonly WrittenField[] {
  return fields.map((field) => ({ name: field.name, lines: writeFields([field]) }));
}

function join(fields: readonly WrittenField[]): string {
  return fields.map(({ lines }) => lines).join("");
}

/** Octets of all lines. They are ASCII, so that characters are octets. */
function sizeOf({ received, replyTo, addressees, subject, thread, others }: Parts, route: OutgoingRoute): number {
  const fields = [...received, ...thread, ...others].reduce((sum, { lines }) => sum + lines.length, 0);
  return fields + replyTo.length + addressees[route].length + subject.length;
}

/** Adds `FWD: ` unless the subject has such a prefix: FW, FWD, German WG, French TR, also numbered (`Fwd[2]:`). */
function forwardSubject(mail: Mail): string {
  const subject = safeText(subjectOf(mail) ?? "");
  return /^(?:fwd?|wg|tr)\s*(?:\[\d{1,3}\]\s*)?[:：]/i.test(subject) ? subject : safeText(`FWD: ${subject}`);
}

// Day 1-31, hour 0-23, minute 0-59, second 0-60 for a leap second (RFC 5322 §3.3).
const date =
  /^(?:(?:mon|tue|wed|thu|fri|sat|sun)\s*,\s*)?(?:0?[1-9]|[12]\d|3[01])\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+\d{4}\s+(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60))?\s+(?:[+-]\d{4}|[a-z]{1,5})(?:\s+\([ -'*-~]{0,40}\))?$/i;

/** Returns the value of the Date field if it is valid (RFC 5322 §3.3), else `null`. */
export function originalDate(mail: Mail): string | null {
  const value = (valuesOf(mail.block, "Date")[0] ?? "").replace(/\s+/g, " ");
  return date.test(value) ? value : null;
}
