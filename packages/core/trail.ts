// Trail: the audit trail that a closed mail gets beside it, and the erasing of one that all recipients blocked. It never
// decides: where it cannot be written the mail is closed all the same. Its words are mark.ts's.

import { thrownEvent } from "./journal.ts";
import { markTrail } from "./mark.ts";
import type { MailId, Notice } from "./notice.ts";
import type { Clock, Journal, MailStore, StoredMail } from "./ports.ts";
import type { Settlement } from "./settle.ts";

/** What leaving a trail needs; `worker` is the name in it. */
export type TrailHands = Readonly<{ store: MailStore; clock: Clock; journal: Journal; worker: string }>;

/** Writes the mark, then erases what shall be erased. */
export async function leaveTrail(
  notice: Notice,
  stored: StoredMail,
  { mark, erase }: Extract<Settlement, { readonly kind: "close" }>,
  hands: TrailHands,
): Promise<void> {
  if (notice.location.kind === "inline") return; // no object: the closing line in the log is its trail
  const { store, clock, worker } = hands;
  const marked = await audit("mark", () => store.mark(stored, markTrail(mark, clock.now(), worker)), notice.mailId, hands);
  if (marked && erase) await audit("erase", () => store.erase(stored), notice.mailId, hands);
}

async function audit(operation: "mark" | "erase", call: () => Promise<void>, mailId: MailId, { journal }: TrailHands): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    journal.note({ kind: "audit-failed", mailId, operation, text: thrownEvent(error, mailId).text });
    return false;
  }
}
