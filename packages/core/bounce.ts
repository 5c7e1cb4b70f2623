// Bounce: a delivery failure that SES mails to us, shown as coming from the address that failed. It is believed only if
// its From is SES's daemon, its topmost Received (written by SES inbound) names an outgoing host of SES, and the mail that
// failed has a row in the outbound table; else anybody could make us show any sender. The body stays as it is.
// SES Developer Guide, "Amazon SES notifications through email"; RFC 3464; RFC 5321 §4.5.5 (the null path is kept).

import { z } from "zod";
import { type Address, addressKey, asciiAddress, parseAddress } from "./address.ts";
import type { Dsn } from "./dsn.ts";
import { firstValue, type HeaderEdit, safeText, valuesOf } from "./header.ts";
import { idsOf, type Mail, mailboxesOf } from "./mail.ts";
import { readLoopMark } from "./trace.ts";

/** What the outbound table tells of the mail that failed. */
export type BounceRecord = Readonly<{ source: string; recipients: readonly Address[]; kind: "forward" | "reply" | null }>;

/** "unknown": an SES bounce without a (usable) row. "not-a-bounce": nothing was asked. */
export type Bounce = BounceRecord | "unknown" | "not-a-bounce";

const daemon = /^mailer-daemon@(?:[a-z0-9-]+\.)*amazonses\.com$/i; // regional, and never a mere substring
const outgoingHost = /\(\s*(?:[a-z0-9-]+\.)*smtp-out\.(?:[a-z0-9-]+\.)?amazonses\.com\.?\s*\[/i;
const sesId = /^[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{6}$/;

/** Whether From names SES's daemon: then no reply is made, whatever else is odd about the mail. */
export function isFromSesDaemon(mail: Mail): boolean {
  return mailboxesOf(mail, "From").some(({ address }) => daemon.test(address));
}

/** Whether it is a bounce that SES itself handed in. */
export function isSesBounce(mail: Mail): boolean {
  return isFromSesDaemon(mail) && outgoingHost.test(firstValue(mail.block, "Received") ?? "");
}

/** SES ids under which the failed mail may stand in the outbound table, the likeliest first, without their domain. */
export function originalIds(mail: Mail, dsn: Dsn): readonly string[] {
  const embedded = dsn.original ? [...valuesOf(dsn.original, "Message-ID"), ...valuesOf(dsn.original, "Return-Path")] : [];
  const referred = [...idsOf(mail, "In-Reply-To"), ...idsOf(mail, "References")].filter((id) => /amazonses\.com>$/i.test(id));
  const own = idsOf(mail, "Message-ID"); // equals the feedback id in some tables
  const ids = [...embedded, ...referred, ...own].map((id) => id.trim().replace(/^<|>$/g, "").replace(/@.*$/s, "").toLowerCase());
  return [...new Set(ids.filter((id) => sesId.test(id)))];
}

const rowShape = z.object({
  original_source: z.string().default(""),
  bouncedRecipients: z.union([z.array(z.string()), z.set(z.string())]).optional(),
  kind: z.enum(["forward", "reply"]).optional().catch(undefined),
});

/** Decodes a row of the outbound table; `null` where it does not say who failed. */
export function decodeOutbound(row: unknown): BounceRecord | null {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) return null;
  const recipients = [...(parsed.data.bouncedRecipients ?? [])].flatMap((text) => {
    const address = parseAddress(text);
    const ascii = address.ok ? asciiAddress(address.value) : null; // it will stand in a header
    return ascii === null ? [] : [ascii];
  });
  return { source: parsed.data.original_source, recipients, kind: parsed.data.kind ?? null };
}

/** Who is shown as the sender: the DSN's Final-Recipient if the row names it, else the row's first. */
export function failedAddress(record: BounceRecord, dsn: Dsn): Address | null {
  const known = new Set(record.recipients.map(addressKey));
  return (
    dsn.finalRecipients.find((address) => known.has(addressKey(address)) && asciiAddress(address) === address) ??
    record.recipients[0] ??
    null
  );
}

/** The edits that show `failed` as the sender. */
export function bounceEdits(mail: Mail, record: BounceRecord, failed: Address): readonly HeaderEdit[] {
  const was = safeText(valuesOf(mail.block, "From").join(", ")).replace(/[^ -~]/g, "?");
  const all =
    record.recipients.length > 1 ? [{ kind: "prepend" as const, name: "X-Failed-Recipients", value: record.recipients.join(", ") }] : [];
  return [
    { kind: "replace", name: "From", value: failed },
    { kind: "replace", name: "Reply-To", value: failed },
    { kind: "prepend", name: "X-Original-From", value: was },
    ...all,
  ];
}

/** Whether the failed mail was a forward or reply of ours: such a bounce is delivered, never forwarded or answered. */
export function isOfOurOwn(record: Bounce, dsn: Dsn, loopKey: Uint8Array, targets: readonly Address[]): boolean {
  if (typeof record === "object" && record.kind !== null) return true;
  if (dsn.original !== null && readLoopMark(loopKey, dsn.original) === "ours") return true;
  const failed = new Set(dsn.finalRecipients.map(addressKey));
  return targets.some((target) => failed.has(addressKey(target)));
}
