// S3 metadata: makes the audit record fit into the metadata of an object. Values are printable ASCII, because S3 returns
// other characters in another encoding, and all names and values take at most 2 KB (S3 User Guide, "User-defined object
// metadata"). Existing metadata stays; the longest values of the record are shortened.

import { type AuditRecord, auditListText, auditTexts } from "@sesame/core/journey";

type Metadata = Readonly<Record<string, string>>;

/** Octets of all names and values. */
export const metadataLimit = 2048;
const shortest = 64; // characters; a shorter value is needed to understand the record and is kept

/** The existing metadata and the record, in at most `limit` octets as far as a shorter record makes that possible. */
export function fitMetadata(existing: Metadata, record: AuditRecord, limit: number = metadataLimit): Metadata {
  const kept = auditTexts(asciiOf(existing));
  const values = asciiOf(record);
  const texts = { ...auditTexts(values) };
  for (;;) {
    const merged = { ...kept, ...texts };
    const surplus = sizeOf(merged) - limit;
    const [longest, text = ""] = Object.entries(texts).reduce((a, b) => (b[1].length > a[1].length ? b : a), ["", ""]);
    const shorter = shortened(values[longest] ?? text, text, Math.max(text.length - surplus, shortest));
    if (surplus <= 0 || text.length <= shortest || shorter.length >= text.length) return merged;
    texts[longest] = shorter;
  }
}

function sizeOf(metadata: Metadata): number {
  return Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** Names in lower case, as S3 stores them. Characters that are not printable ASCII are percent-encoded. */
function asciiOf(record: AuditRecord): AuditRecord {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === "string" ? printable(value) : value.map(printable),
    ]),
  );
}

function printable(value: string): string {
  return value.replace(/[^ -~]+/gu, (run) => encodeURIComponent(run.replace(/[\ud800-\udfff]/gu, "\ufffd")));
}

/** A list loses items from its end, which "+N more" counts. Any other text is cut and ends in "...". */
function shortened(value: AuditRecord[string], text: string, length: number): string {
  if (typeof value !== "string" && value.length > 1) return auditListText(value, length);
  return `${text.slice(0, Math.max(length - 3, 0))}...`;
}
