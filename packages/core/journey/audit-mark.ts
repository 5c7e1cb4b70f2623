// Audit mark: what is written beside the stored mail, as S3 object metadata takes it: printable ASCII, lower-case names, and
// less than 2 KB in all (S3 User Guide, "Working with object metadata"). What does not fit is counted, not lost: the
// whole list stands in the log.

import type { EpochMs } from "../time.ts";

/**
 * `partial`: somebody got it and somebody did not. `all_invalid`: whoever did not block it has no mailbox here. `rejected`: nobody got
 * it, for other reasons.
 */
export type AuditStatus = "delivered" | "partial" | "blocked" | "all_invalid" | "rejected";

/** How a mail ended, for the audit trail. */
export type AuditMark = Readonly<{ status: AuditStatus; invalidInboxes: readonly string[]; blockedSender: string | null }>;

const maxList = 1200; // leaves room within 2 KB for the other values and for metadata that was there before

/** Renders a mark as metadata. */
export function auditMetadata(mark: AuditMark, processedAt: EpochMs, processedBy: string): Readonly<Record<string, string>> {
  return {
    processed: "true",
    processed_at: String(Math.floor(processedAt / 1000)),
    processed_by: ascii(processedBy),
    status: mark.status,
    ...(mark.invalidInboxes.length > 0 && { invalid_inboxes: joined(mark.invalidInboxes.map(ascii)) }),
    ...(mark.blockedSender !== null && { blocked_sender: ascii(mark.blockedSender).slice(0, 320) }),
  };
}

/** Percent-encodes what is not printable ASCII, and the percent sign itself. */
function ascii(text: string): string {
  return text.replace(/[^ -~]+|%/gu, (run) => encodeURIComponent(run.replace(/[\ud800-\udfff]/gu, "\ufffd")));
}

function joined(items: readonly string[]): string {
  const kept: string[] = [];
  let length = 0;
  for (const item of items) {
    length += item.length + 1;
    if (length > maxList) break;
    kept.push(item);
  }
  return kept.length === items.length ? kept.join(",") : `${kept.join(",")},+${items.length - kept.length} more`;
}
