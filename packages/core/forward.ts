// Forward: a new mail by the forwarding mailbox over the untouched body of the original, because SES sends only for
// verified senders. The header block is new; what it takes over from the original is an allow-list, each field that may
// occur once taken once (SES refuses a second one: SES Developer Guide, "Header fields in Amazon SES"). No inbound
// X-SES- field passes, since SES obeys some of them. Whether and whither to forward is decided in plan.ts.

import { type Address, asciiAddress, domainOf, localPartOf, type Mailbox } from "./address.ts";
import { mailDate, type NewField, ownFields, references, structured } from "./draft.ts";
import type { Draft } from "./effect.ts";
import { decodeWords } from "./encoded-word.ts";
import { fieldValue, type HeaderField, mailboxValue, safeText, valuesOf, writeBlock } from "./header.ts";
import { idsOf, type Mail, mailboxesIn, mailboxesOf, messageIdOf, subjectOf } from "./mail.ts";
import type { EpochMs, MailId } from "./notice.ts";
import { derivedId } from "./trace.ts";

/** Everything that a forward is made of. */
export type ForwardOccasion = Readonly<{
  mail: Mail;
  mailId: MailId;
  receivedAt: EpochMs;
  recipient: Address;
  target: Address;
  loopKey: Uint8Array;
}>;

/** Taken over as they are, once. Content- fields describe the body and must go with it. */
const takenOnce = [
  "To",
  "Cc",
  "Importance",
  "Priority",
  "X-Priority",
  "Sensitivity",
  "Thread-Topic",
  "Thread-Index",
  "Auto-Submitted",
  "List-Id",
  "MIME-Version",
  "Content-Type",
  "Content-Transfer-Encoding",
  "Content-Disposition",
  "Content-Description",
  "Content-ID",
  "Content-Language",
  "Content-Class",
];

/** Composes the forward to one target. */
export function composeForward({ mail, mailId, receivedAt, recipient, target, loopKey }: ForwardOccasion): Draft {
  const authors = mailboxesOf(mail, "From");
  const replyTo = mailboxesOf(mail, "Reply-To");
  const answerTo = asciiBoxes(replyTo.length > 0 ? replyTo : authors);
  const original = messageIdOf(mail);
  const fields: NewField[] = [
    ...mail.block.fields.filter(({ key }) => key === "received").flatMap(takeOver), // the hop count (RFC 5321 §6.3)
    structured("From", mailboxValue(`${authorName(mail)} via ${domainOf(recipient)}`, recipient)),
    ...(answerTo.length > 0 ? [structured("Reply-To", boxesValue(answerTo.slice(0, 20)))] : []),
    { name: "Subject", value: { kind: "text", text: forwardSubject(mail) } },
    structured("Date", originalDate(mail) ?? mailDate(receivedAt)),
    structured("Message-ID", `<${derivedId("forward", mailId, recipient, target)}@${domainOf(recipient)}>`),
    ...ids("In-Reply-To", idsOf(mail, "In-Reply-To").slice(0, 1)),
    ...(original === null ? [] : [structured("References", references(mail, original)), structured("X-Original-Message-ID", original)]),
    { name: "X-Original-From", value: { kind: "text", text: safeText(valuesOf(mail.block, "From").map(decodeWords).join(", ")) } },
    ...ownFields(loopKey, recipient, mailId),
    ...takenOnce.flatMap((name) => mail.block.fields.filter(({ key }) => key === name.toLowerCase()).slice(0, 1)).flatMap(takeOver),
  ];
  return { head: writeBlock(fields), body: "original" };
}

/** Mailboxes that a 7-bit header can name. */
function asciiBoxes(boxes: readonly Mailbox[]): readonly Mailbox[] {
  return boxes.flatMap(({ name, address }) => {
    const ascii = asciiAddress(address);
    return ascii === null ? [] : [{ name, address: ascii }];
  });
}

function ids(name: string, found: readonly string[]): readonly NewField[] {
  return found.length > 0 ? [structured(name, found.join(" "))] : [];
}

/** Who wrote it, in words that no mail program takes for another address. */
function authorName(mail: Mail): string {
  const [author] = mailboxesOf(mail, "From");
  if (!author) return "Unknown sender";
  const name = safeText(author.name.replace(/[@<>]/g, " "), 100);
  return name !== "" ? name : safeText(`${localPartOf(author.address)} at ${domainOf(author.address)}`.replace(/[@<>]/g, " "), 100);
}

/** `FWD: ` once, whatever language said so before. */
function forwardSubject(mail: Mail): string {
  const subject = safeText(subjectOf(mail) ?? "");
  return /^(?:fwd?|wg|tr)\s*:/i.test(subject) ? subject : safeText(`FWD: ${subject}`);
}

function originalDate(mail: Mail): string | null {
  const [value = ""] = valuesOf(mail.block, "Date");
  return /^[\t -~]{10,80}$/.test(value) && !Number.isNaN(Date.parse(value.replace(/\(.*\)$/, ""))) ? value : null;
}

/**
 * A field as it was, written again by the one writer. 8-bit text in it is percent-encoded: inside a parameter it has no
 * lawful form but that of RFC 2231, and this one stays readable. What no line can hold is left out.
 */
function takeOver(field: HeaderField): readonly NewField[] {
  if (/^(?:to|cc)$/.test(field.key) && !/^[ -~]*$/.test(fieldValue(field))) return addressField(field);
  const value = safeText(fieldValue(field), 8000).replace(/[^ -~]+/g, encodeURIComponent);
  return value !== "" && longestWord(value) <= 900 ? [structured(field.name, value)] : [];
}

function longestWord(value: string): number {
  return Math.max(...value.split(" ").map((word) => word.length));
}

function addressField(field: HeaderField): readonly NewField[] {
  const boxes = asciiBoxes(mailboxesIn([fieldValue(field)]));
  return boxes.length > 0 ? [structured(field.name, boxesValue(boxes))] : [];
}

function boxesValue(boxes: readonly Mailbox[]): string {
  return boxes.map(({ name, address }) => mailboxValue(name, address)).join(", ");
}
