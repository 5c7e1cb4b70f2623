// Bounce: a delivery failure that SES mails to us, shown as coming from the address that failed. It is believed only if
// its From is SES's daemon, its topmost Received (written by SES inbound) names an outgoing host of SES, and the mail that
// failed has a row in the outbound table; else anybody could make us show any sender. The body stays as it is.
// SES Developer Guide, "Amazon SES notifications through email"; RFC 3464; RFC 5321 §4.5.5 (the null path is kept).

import { type Address, addressKey, asciiAddress } from "../mail/address.ts";
import type { Dsn } from "../mail/dsn.ts";
import { firstValue, valuesOf } from "../mail/header.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { safeText } from "../mail/header-write.ts";
import { readLoopMark } from "../mail/loop-mark.ts";
import { idsOf, isEditable, isReadable, type Mail, mailboxesOf } from "../mail/mail.ts";
import { parseMailboxes } from "../mail/mailbox.ts";
import type { BounceRecord } from "./outbound-row.ts";
import { sesIdIn } from "./ses-id.ts";

/** "unknown": an SES bounce without a (usable) row. "not-a-bounce": nothing was asked. */
export type Bounce = BounceRecord | "unknown" | "not-a-bounce";

// Both are regional, and never a mere substring. The second sends what recipients complain of (RFC 5965).
const daemon = /^mailer-daemon@(?:[a-z0-9-]+\.)*amazonses\.com$/;
const complaints = /^complaints@(?:[a-z0-9-]+\.)*email-abuse\.amazonses\.com$/;
// The host is the name in the brackets, which the receiving server looked up; the one before it is the client's own word.
const client = /^from\s+[^\s()[\]]+\s+\(\s*([a-z0-9.-]+?)\.?\s*\[(?:IPv6:)?[0-9a-f.:]+\]\s*\)/i;
const outgoingHost = /^(?:[a-z0-9-]+\.)*smtp-out\.(?:[a-z0-9-]+\.)?amazonses\.com$/i;

/** Whether From names SES's daemon, in whatever reading: then no reply is made, whatever else is odd about the mail. */
export function isFromSesDaemon(mail: Mail): boolean {
  return mailboxesOf(mail, "From").some(({ address }) => daemon.test(addressKey(address)));
}

/** Whether From names the machine by which SES passes on complaints: it is not answered, and shown as it is. */
export function isFromSesComplaints(mail: Mail): boolean {
  return mailboxesOf(mail, "From").some(({ address }) => complaints.test(addressKey(address)));
}

/**
 * Whether it is a bounce that SES itself handed in. Every customer of SES sends from its hosts, but none may write
 * amazonses.com in From: so nothing but the daemon may stand there, and no encoded word is decoded to find it.
 */
export function isSesBounce(mail: Mail): boolean {
  const from = valuesOf(mail.block, "From").flatMap(parseMailboxes);
  return from.length > 0 && from.every(({ address }) => daemon.test(addressKey(address))) && cameFromSes(mail);
}

function cameFromSes(mail: Mail): boolean {
  const received = firstValue(mail.block, "Received") ?? "";
  const host = client.exec(received)?.[1] ?? "";
  // Two addresses in brackets: the client may have written one of them into its own name.
  return outgoingHost.test(host) && received.indexOf("[") === received.lastIndexOf("[");
}

const maxIds = 20; // each is a look-up, and References may hold thousands

/**
 * SES ids under which the failed mail may stand in the outbound table, the likeliest first: the Message-ID of the mail
 * inside, which SES wrote; the reverse-path that SES made from it (to which reports of 2011 are addressed); what the
 * report refers to; and its own Message-ID, the feedback id of some tables.
 */
export function originalIds(mail: Mail, dsn: Dsn): readonly string[] {
  const inside = ["Message-ID", "Return-Path", "X-Original-To", "Delivered-To"].flatMap((name) =>
    dsn.original === null ? [] : valuesOf(dsn.original, name),
  );
  const outside = ["X-Original-To", "Delivered-To"].flatMap((name) => valuesOf(mail.block, name));
  const referred = ["In-Reply-To", "References", "Message-ID"].flatMap((name) => idsOf(mail, name));
  const ids = [...inside, ...outside, ...referred].map(sesIdIn);
  return [...new Set(ids.filter((id) => id !== null))].slice(0, maxIds);
}

/** Who is shown as the sender: the DSN's Final-Recipient if the row names it, else the row's first. */
export function failedAddress(record: BounceRecord, dsn: Dsn): Address | null {
  const known = new Set(record.recipients.map(addressKey));
  const named = dsn.finalRecipients.filter((address) => known.has(addressKey(address))).map(asciiAddress);
  return named.find((address) => address !== null) ?? record.recipients[0] ?? null;
}

const maxListed = 100; // SES takes 50 recipients of a mail

/** The edits that show who failed as the sender; none where nobody is to be shown, or the header cannot be edited. */
export function bounceEdits(mail: Mail, bounce: Bounce, dsn: Dsn): readonly HeaderEdit[] {
  // Where the header was not read to its end, there may be another From.
  if (typeof bounce !== "object" || !isEditable(mail) || !isReadable(mail)) return [];
  const failed = failedAddress(bounce, dsn);
  if (failed === null) return [];
  const was = safeText(valuesOf(mail.block, "From").join(", ")).replace(/[^ -~]/g, "?");
  const { recipients } = bounce;
  return [
    { kind: "replace", name: "From", value: failed },
    { kind: "replace", name: "Reply-To", value: failed },
    { kind: "prepend", name: "X-Original-From", value: was },
    ...(recipients.length > 1
      ? [{ kind: "prepend" as const, name: "X-Failed-Recipients", value: recipients.slice(0, maxListed).join(", ") }]
      : []),
  ];
}

/** Whether the failed mail was a forward or reply of ours: such a bounce is delivered, never forwarded or answered. */
export function isOfOurOwn(record: Bounce, dsn: Dsn, loopKey: Uint8Array, targets: readonly Address[]): boolean {
  if (typeof record === "object" && record.kind !== null) return true;
  if (dsn.original !== null && readLoopMark(loopKey, dsn.original) === "ours") return true;
  const failed = new Set(dsn.finalRecipients.map(addressKey));
  return targets.some((target) => failed.has(addressKey(target)));
}
