// Forward: a new mail by the forwarding mailbox over the untouched body of the original, because SES sends only for
// verified senders, and because From must be a domain for which we sign (RFC 7489 §3.1, DMARC alignment). The header
// block is new; what it takes over from the original is the allow-list of kept-field.ts. The body is never looked at, so
// attachments, signatures and encrypted parts stay whole. Whether and whither to forward is decided in plan.ts.

import { type Address, domainOf } from "./address.ts";
import { mailDate, type NewField, ownFields, structured } from "./draft.ts";
import type { Draft, Forward } from "./effect.ts";
import { type HeaderBlock, mailboxValue, safeText, valuesOf, writeBlock } from "./header.ts";
import { addresseeFields, otherFields, receivedFields } from "./kept-field.ts";
import { type Mail, subjectOf } from "./mail.ts";
import type { EpochMs, MailId } from "./notice.ts";
import { answerFields, authorName, originalFrom, threadFields } from "./original.ts";
import { sesMaxAddressees } from "./ses-limit.ts";
import { derivedId, marksIn } from "./trace.ts";

/** Everything that a forward is made of. */
export type ForwardOccasion = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  /** The forwarding mailbox, 7-bit. */
  recipient: Address;
  /** Who gets the forward, 7-bit. */
  target: Address;
  route: Forward["route"];
  loopKey: Uint8Array;
}>;

/** Composes the forward to one target. */
export function composeForward({ mail, mailId, receivedAt, recipient, target, route, loopKey }: ForwardOccasion): Draft {
  const original = takenFrom(mail);
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
type Taken = Readonly<{
  author: string;
  subject: string;
  date: string | null;
  trace: readonly NewField[];
  answer: readonly NewField[];
  addressees: Readonly<Record<Forward["route"], readonly NewField[]>>;
  thread: readonly NewField[];
  marks: readonly NewField[];
  others: readonly NewField[];
}>;

const maxAddressees = 1000; // nobody reads more

// One mail may be forwarded to 50 targets of each of its recipients, and its header may be long.
const known = new WeakMap<HeaderBlock, Taken>();

function takenFrom(mail: Mail): Taken {
  const before = known.get(mail.block);
  if (before) return before;
  const taken: Taken = {
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
  known.set(mail.block, taken);
  return taken;
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
