// Forward: a new mail by the forwarding mailbox over the untouched body of the original, because SES sends only for
// verified senders, and because From must be a domain for which we sign (RFC 7489 §3.1, DMARC alignment). The header
// block is new; what it takes over from the original is the allow-list of kept-field.ts. The body is never looked at, so
// attachments, signatures and encrypted parts stay whole. Whether and whither to forward is decided in plan.ts.

import { derivedId } from "../derived-id.ts";
import { type Address, domainOf } from "../mail/address.ts";
import { valuesOf } from "../mail/header.ts";
import { mailboxValue, safeText, writeBlock } from "../mail/header-write.ts";
import { marksIn } from "../mail/loop-mark.ts";
import { type Mail, subjectOf } from "../mail/mail.ts";
import type { MailId } from "../ses/notice.ts";
import { sesMaxAddressees } from "../ses/ses-limits.ts";
import type { EpochMs } from "../time.ts";
import type { Draft, OutgoingRoute } from "./content.ts";
import { mailDate, type NewField, ownFields, structured } from "./generated-header.ts";
import { addresseeFields, otherFields, receivedFields } from "./kept-fields.ts";
import { answerFields, authorName, originalFrom, threadFields } from "./original-fields.ts";

/** Everything that a forward is made of. */
export type ForwardInput = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  /** The forwarding mailbox, 7-bit. */
  recipient: Address;
  /** Who gets the forward, 7-bit. */
  target: Address;
  route: OutgoingRoute;
  loopKey: Uint8Array;
  /** What the original header gives, read once for all recipients and targets: `readForwardFields(mail)`. */
  original: ForwardFields;
}>;

/** Composes the forward to one target. */
export function composeForward({ mailId, receivedAt, recipient, target, route, loopKey, original }: ForwardInput): Draft {
  const fields: readonly NewField[] = [
    ...original.trace,
    structured("From", mailboxValue(`${original.author} via ${domainOf(recipient)}`, recipient)),
    ...original.answer,
    // A mail that names nobody came for the recipient.
    ...(original.addressees[route].length > 0 ? original.addressees[route] : [structured("To", recipient)]),
    { name: "Subject", value: { kind: "text", text: original.subject } },
    structured("Date", original.date ?? mailDate(receivedAt)),
    structured("Message-ID", `<${derivedId("forward", mailId, recipient, target)}@${domainOf(recipient)}>`),
    ...original.thread,
    ...ownFields(loopKey, recipient, mailId),
    ...original.marks,
    ...original.others,
  ];
  return { head: writeBlock(fields), body: "original" };
}

/** What is the same for all recipients and targets of a mail. */
export type ForwardFields = Readonly<{
  author: string;
  subject: string;
  date: string | null;
  trace: readonly NewField[];
  answer: readonly NewField[];
  addressees: Readonly<Record<OutgoingRoute, readonly NewField[]>>;
  thread: readonly NewField[];
  marks: readonly NewField[];
  others: readonly NewField[];
}>;

const maxAddressees = 1000; // nobody reads more

/** Reads it. One mail may be forwarded to 50 targets of each of its recipients, and its header may be long. */
export function readForwardFields(mail: Mail): ForwardFields {
  return {
    author: authorName(mail),
    subject: forwardSubject(mail),
    date: originalDate(mail),
    trace: receivedFields(mail),
    answer: answerFields(mail),
    addressees: { ses: addresseeFields(mail, sesMaxAddressees), internal: addresseeFields(mail, maxAddressees) },
    thread: [...threadFields(mail), ...originalFrom(mail)],
    marks: marksIn(mail.block).map((value) => structured("X-Loop", value)),
    others: otherFields(mail),
  };
}

/** `FWD: ` once, whoever said so before: FW, FWD, German WG and French TR, counted (`Fwd[2]:`) or not. */
function forwardSubject(mail: Mail): string {
  const subject = safeText(subjectOf(mail) ?? "");
  return /^(?:fwd?|wg|tr)\s*(?:\[\d{1,3}\])?\s*[:：]/i.test(subject) ? subject : safeText(`FWD: ${subject}`);
}

const date =
  /^(?:(?:mon|tue|wed|thu|fri|sat|sun)\s*,\s*)?\d{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\s+\d{4}\s+\d{2}:\d{2}(?::\d{2})?\s+(?:[+-]\d{4}|[a-z]{1,5})(?:\s+\([ -'*-~]{0,40}\))?$/i;

/** The Date field if it is one (RFC 5322 §3.3); `null` where another must stand in. */
export function originalDate(mail: Mail): string | null {
  const value = (valuesOf(mail.block, "Date")[0] ?? "").replace(/\s+/g, " ");
  return date.test(value) ? value : null;
}
