// Forward: a new mail from the forwarding mailbox with the unchanged body of the original. SES sends only for verified senders,
// and From must be in a domain that we sign (DMARC alignment, RFC 7489 §3.1). The header block is new; kept-fields.ts lists the
// fields that it copies. The body is not read, so attachments, signatures and encrypted parts stay intact. plan/plan-forward.ts
// decides whether and to whom to forward.

import { derivedId } from "../derived-id.ts";
import { type Address, domainOf } from "../mail/address.ts";
import { valuesOf } from "../mail/header.ts";
import { mailboxValue, safeText, writeBlock } from "../mail/header-write.ts";
import { loopMarksIn } from "../mail/loop-mark.ts";
import { type Mail, subjectOf } from "../mail/mail.ts";
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
export function composeForward({ mailId, receivedAt, recipient, target, route, loopKey, original }: ForwardInput): Draft {
  const fields: readonly NewField[] = [
    ...original.received,
    structured("From", mailboxValue(`${original.author} via ${domainOf(recipient)}`, recipient)),
    ...original.replyTo,
    // A mail without To and Cc gets the recipient as To.
    ...(original.addressees[route].length > 0 ? original.addressees[route] : [structured("To", recipient)]),
    { name: "Subject", value: { kind: "text", text: original.subject } },
    structured("Date", original.date ?? mailDate(receivedAt)),
    structured("Message-ID", `<${derivedId("forward", mailId, recipient, target)}@${domainOf(recipient)}>`),
    ...original.thread,
    ...loopFields(loopKey, recipient, mailId),
    ...original.marks,
    ...original.others,
  ];
  return { head: writeBlock(fields), body: "original" };
}

/** The parts of a forward that are equal for all recipients and targets. `date`: `null` if the original has no valid Date. */
export type ForwardFields = Readonly<{
  author: string;
  subject: string;
  date: string | null;
  received: readonly NewField[];
  replyTo: readonly NewField[];
  addressees: Readonly<Record<OutgoingRoute, readonly NewField[]>>;
  thread: readonly NewField[];
  marks: readonly NewField[];
  others: readonly NewField[];
}>;

const maxAddressees = 1000; // mailboxes in To and Cc

/**
 * Reads the fields of the original. Do this once for each mail: every recipient can have 50 targets, and the header can be long.
 */
export function readForwardFields(mail: Mail): ForwardFields {
  return {
    author: authorName(mail),
    subject: forwardSubject(mail),
    date: originalDate(mail),
    received: receivedFields(mail),
    replyTo: replyToFields(mail),
    addressees: { ses: addresseeFields(mail, sesMaxAddressees), internal: addresseeFields(mail, maxAddressees) },
    thread: [...threadFields(mail), ...originalFromFields(mail)],
    marks: loopMarksIn(mail.block).map((value) => structured("X-Loop", value)),
    others: otherFields(mail),
  };
}

/** Adds `FWD: ` unless the subject has such a prefix: FW, FWD, German WG, French TR, also numbered (`Fwd[2]:`). */
function forwardSubject(mail: Mail): string {
  const subject = safeText(subjectOf(mail) ?? "");
  return /^(?:fwd?|wg|tr)\s*(?:\[\d{1,3}\])?\s*[:：]/i.test(subject) ? subject : safeText(`FWD: ${subject}`);
}

const date =
  /^(?:(?:mon|tue|wed|thu|fri|sat|sun)\s*,\s*)?\d{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+\d{4}\s+\d{2}:\d{2}(?::\d{2})?\s+(?:[+-]\d{4}|[a-z]{1,5})(?:\s+\([ -'*-~]{0,40}\))?$/i;

/** Returns the value of the Date field if it is valid (RFC 5322 §3.3), else `null`. */
export function originalDate(mail: Mail): string | null {
  const value = (valuesOf(mail.block, "Date")[0] ?? "").replace(/\s+/g, " ");
  return date.test(value) ? value : null;
}
