// Bounce: recognises a delivery failure that SES mails to the sender, and rewrites its From to the failed address. A bounce is
// genuine only if From is the SES daemon, the topmost Received field (written by SES inbound) names an outgoing host of SES, and
// the failed mail has a row in the outbound table. Otherwise anybody could choose the sender that is shown. The body is not
// changed. SES Developer Guide, "Amazon SES notifications through email"; RFC 3464; RFC 5321 §4.5.5 (the null reverse-path is
// kept).

import { type Address, addressKey, asciiAddress } from "../mail/address.ts";
import type { Dsn } from "../mail/dsn.ts";
import { firstValue, valuesOf } from "../mail/header.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { safeText } from "../mail/header-write.ts";
import { readLoopMarks } from "../mail/loop-mark.ts";
import { idsOf, isEditable, isReadable, type Mail, mailboxesOf } from "../mail/mail.ts";
import { parseMailboxes } from "../mail/mailbox.ts";
import type { BounceRecord } from "./outbound-row.ts";
import { sesIdIn, sesIdsInText } from "./ses-id.ts";

/** The row of the failed mail; "unknown" for an SES bounce without a usable row; "not-a-bounce" for all other mail. */
export type Bounce = BounceRecord | "unknown" | "not-a-bounce";

// Both have regional domains, so the whole address is compared. The second sends complaint reports (RFC 5965).
const daemonAddress = /^mailer-daemon@(?:[a-z0-9-]+\.)*amazonses\.com$/;
const complaintsAddress = /^complaints@(?:[a-z0-9-]+\.)*email-abuse\.amazonses\.com$/;
// The name in parentheses is the one that the receiving server looked up. The name before it is what the client claims.
const receivedFrom = /^from\s+[^\s()[\]]+\s+\(\s*([a-z0-9.-]+?)\.?\s*\[(?:IPv6:)?[0-9a-f.:]+\]\s*\)/i;
const outgoingHost = /^(?:[a-z0-9-]+\.)*smtp-out\.(?:[a-z0-9-]+\.)?amazonses\.com$/i;

/** Whether From names the SES daemon, as it stands or decoded. Such a mail gets no reply, genuine or not. */
export function isFromSesDaemon(mail: Mail): boolean {
  return mailboxesOf(mail, "From").some(({ address }) => daemonAddress.test(addressKey(address)));
}

/** Whether From is the address from which SES passes on complaints. Such a mail gets no reply and is not rewritten. */
export function isFromSesComplaints(mail: Mail): boolean {
  return mailboxesOf(mail, "From").some(({ address }) => complaintsAddress.test(addressKey(address)));
}

/**
 * Whether SES itself sent this bounce. All SES customers send from the same hosts, but none may use amazonses.com in From. So
 * every address in From must be the daemon, and encoded words are not decoded here.
 */
export function isSesBounce(mail: Mail): boolean {
  if (!cameFromSes(mail)) return false;
  const from = valuesOf(mail.block, "From").flatMap((value) => parseMailboxes(value));
  return from.length > 0 && from.every(({ address }) => daemonAddress.test(addressKey(address)));
}

function cameFromSes(mail: Mail): boolean {
  const received = firstValue(mail.block, "Received") ?? "";
  const host = receivedFrom.exec(received)?.[1] ?? "";
  // Two addresses in brackets: the client may have written one of them in its own name.
  return outgoingHost.test(host) && received.indexOf("[") === received.lastIndexOf("[");
}

const maxIds = 20; // each is one look-up, and References may hold thousands

/**
 * Returns the SES ids under which the failed mail may have a row in the outbound table, the most likely first: the Message-ID
 * that SES wrote in the enclosed mail; the reverse-path that SES made from it (reports of 2011 are sent to it); the ids in
 * In-Reply-To and References; the Message-ID of the bounce, which some tables store as feedback id. A report that does not
 * enclose the failed mail may name the id in its text only.
 */
export function originalIds(mail: Mail, dsn: Dsn): readonly string[] {
  const ofOriginal = ["Message-ID", "Return-Path", "X-Original-To", "Delivered-To"].flatMap((name) =>
    dsn.original === null ? [] : valuesOf(dsn.original, name),
  );
  const ofBounce = ["X-Original-To", "Delivered-To"].flatMap((name) => valuesOf(mail.block, name));
  const referred = ["In-Reply-To", "References", "Message-ID"].flatMap((name) => idsOf(mail, name));
  const ids = [...ofOriginal, ...ofBounce, ...referred].map(sesIdIn).filter((id) => id !== null);
  const inText = dsn.original === null ? sesIdsInText(dsn.text) : [];
  return [...new Set([...ids, ...inText])].slice(0, maxIds);
}

/**
 * Returns the address to show as the sender: the first Final-Recipient or Original-Recipient that the row names, else the first
 * recipient of the row.
 */
export function failedAddress(record: BounceRecord, dsn: Dsn): Address | null {
  const known = new Set(record.recipients.map(addressKey));
  const named = dsn.namedRecipients.filter((address) => known.has(addressKey(address))).map(asciiAddress);
  return named.find((address) => address !== null) ?? record.recipients[0] ?? null;
}

const maxListed = 100; // SES accepts 50 recipients for one mail

/**
 * Returns the header edits that show the failed address as the sender. Empty if no failed address is known or the header cannot
 * be edited.
 */
export function bounceEdits(mail: Mail, bounce: Bounce, dsn: Dsn): readonly HeaderEdit[] {
  // If the header was not read to its end, it may contain another From.
  if (typeof bounce !== "object" || !isEditable(mail) || !isReadable(mail)) return [];
  const failed = failedAddress(bounce, dsn);
  if (failed === null) return [];
  const originalFrom = safeText(valuesOf(mail.block, "From").join(", ")).replace(/[^ -~]/g, "?");
  const { recipients } = bounce;
  return [
    { kind: "replace", name: "From", value: failed },
    { kind: "replace", name: "Reply-To", value: failed },
    { kind: "prepend", name: "X-Original-From", value: originalFrom },
    ...(recipients.length > 1
      ? [{ kind: "prepend" as const, name: "X-Failed-Recipients", value: recipients.slice(0, maxListed).join(", ") }]
      : []),
  ];
}

/**
 * Whether the failed mail was a forward or reply that Sesame sent. Such a bounce is delivered, but never forwarded or answered. A
 * mark in the enclosed mail counts at any age, because a report may come late.
 */
export function isBounceOfOwnMail(record: Bounce, dsn: Dsn, loopKey: Uint8Array, targets: readonly Address[]): boolean {
  if (typeof record === "object" && record.kind !== null) return true;
  if (dsn.original !== null && readLoopMarks(loopKey, dsn.original).valid.length > 0) return true;
  const failed = new Set(dsn.namedRecipients.map(addressKey));
  return targets.some((target) => failed.has(addressKey(target)));
}
