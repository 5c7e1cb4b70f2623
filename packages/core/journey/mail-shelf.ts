// Mail shelf: which mails are stored, and what is kept beside them, for people who look for one. It opens no mail and changes
// nothing. Workers do not use it.

import type { ObjectLocation } from "../ses/notice.ts";
import type { EpochMs } from "../time.ts";

/** A stored mail. `storedAt`: when it was stored, or last marked; a mail without an audit mark was stored then. */
export type ShelvedMail = Readonly<{ location: ObjectLocation; size: number; storedAt: EpochMs }>;

/** The same, with what is kept beside it: headers and metadata, as `StoredMail.attributes`. */
export type LabelledMail = ShelvedMail & Readonly<{ attributes: Readonly<Record<string, string>> }>;

/** Lists stored mails. A method may throw, as those of the ports do. */
export interface MailShelf {
  /** Pages of the mails whose keys begin with `prefix`, in the order of their keys. */
  list(bucket: string, prefix: string): AsyncIterable<readonly ShelvedMail[]>;
  look(location: ObjectLocation): Promise<LabelledMail | "missing">;
}

/** An audit mark, whoever wrote it. `at`: `null` if it does not say when. */
export type StoredMark = Readonly<{ status: string; by: string; at: EpochMs | null }>;

/** The audit mark of a stored mail; `null` if it has none. S3 keeps metadata under `metadata:<name>`, the store of files under its name. */
export function storedMark({ attributes }: Pick<LabelledMail, "attributes">): StoredMark | null {
  const textOf = (name: string) => attributes[`metadata:${name}`] ?? attributes[name] ?? "";
  if (textOf("processed") !== "true") return null;
  const at = textOf("processed_at");
  return { status: textOf("status"), by: textOf("processed_by"), at: /^\d{1,12}$/.test(at) ? ((Number(at) * 1000) as EpochMs) : null };
}
