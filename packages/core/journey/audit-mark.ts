// Audit mark: what is written beside the stored mail, as S3 object metadata takes it: printable ASCII, lower-case names, and
// less than 2 KB in all (S3 User Guide, "Working with object metadata"). What does not fit is counted, not lost: the
// whole list stands in the log.

import type { EpochMs } from "../time.ts";

/** Which mails get a mark. "exceptions": all but those that every recipient got. */
export type AuditMarks = "all" | "exceptions";

/**
 * `partial`: some recipients got it, some did not. `all_invalid`: no recipient who did not block it has a mailbox. `rejected`: no
 * recipient got it, for other reasons.
 */
export type AuditStatus = "delivered" | "partial" | "blocked" | "all_invalid" | "rejected";

/** How a mail ended, for the audit trail. */
export type AuditMark = Readonly<{ status: AuditStatus; invalidInboxes: readonly string[]; blockedSender: string | null }>;

/** What a store keeps beside a closed mail: by name, one text or a list of texts, all in printable ASCII. */
export type AuditRecord = Readonly<Record<string, string | readonly string[]>>;

const maxList = 1200; // characters; leaves room within 2 KB for the other values and for existing metadata

/** The record of a mark. Names are S3 metadata keys; `processed_at` is in seconds since 1970. */
export function auditRecord(mark: AuditMark, processedAt: EpochMs, processedBy: string): AuditRecord {
  return {
    processed: "true",
    processed_at: String(Math.floor(processedAt / 1000)),
    processed_by: ascii(processedBy),
    status: mark.status,
    ...(mark.invalidInboxes.length > 0 && { invalid_inboxes: mark.invalidInboxes.map(ascii) }),
    ...(mark.blockedSender !== null && { blocked_sender: ascii(mark.blockedSender).slice(0, 320) }),
  };
}

/** A record as texts, the form in which stores keep it. */
export function auditTexts(record: AuditRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, typeof value === "string" ? value : auditListText(value)]),
  );
}

/**
 * A list as one text: the items joined by ",", with "+N more" in place of those at its end that do not fit. Items take at most
 * 1200 characters, and the whole text at most `limit` characters; only "+N more" alone may be longer.
 */
export function auditListText(items: readonly string[], limit: number = Number.POSITIVE_INFINITY): string {
  let kept = countWithin(items, maxList);
  let text = listText(items, kept);
  while (text.length > limit && kept > 0) text = listText(items, --kept);
  return text;
}

/** How many items, each with a separator, take at most `limit` characters. */
function countWithin(items: readonly string[], limit: number): number {
  let [count, length] = [0, 0];
  for (const item of items) {
    length += item.length + 1;
    if (length > limit) break;
    count++;
  }
  return count;
}

function listText(items: readonly string[], kept: number): string {
  const shown = items.slice(0, kept);
  return (kept < items.length ? [...shown, `+${items.length - kept} more`] : shown).join(",");
}

/** Percent-encodes what is not printable ASCII, and the percent sign itself. */
function ascii(text: string): string {
  return text.replace(/[^ -~]+|%/gu, (run) => encodeURIComponent(run.replace(/[\ud800-\udfff]/gu, "\ufffd")));
}
