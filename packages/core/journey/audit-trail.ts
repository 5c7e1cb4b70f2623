// Audit trail: writes the audit mark beside the mail that was closed, and erases a mail that all recipients blocked. It never
// decides, and never fails: where the mark cannot be written the mail is closed all the same, and the journal says so.

import type { MailId, Notice } from "../ses/notice.ts";
import { auditRecord } from "./audit-mark.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, StoredMail } from "./ports.ts";
import type { Settlement } from "./settle.ts";

type AuditPorts = Pick<JourneyPorts, "store" | "clock" | "journal" | "worker">;

/** Writes the mark, then erases the mail where the settlement says so. */
export async function writeAuditTrail(
  notice: Notice,
  stored: StoredMail,
  { mark, erase }: Extract<Settlement, { readonly kind: "close" }>,
  ports: AuditPorts,
): Promise<void> {
  if (notice.location.kind === "inline") return; // no object to mark: the closing line in the log is the only record
  const { store, clock, worker } = ports;
  const marked = await audit("mark", () => store.mark(stored, auditRecord(mark, clock.now(), worker)), notice.mailId, ports);
  if (marked && erase) await audit("erase", () => store.erase(stored), notice.mailId, ports);
}

async function audit(operation: "mark" | "erase", call: () => Promise<void>, mailId: MailId, { journal }: AuditPorts): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    journal.note({ kind: "audit-failed", mailId, operation, text: thrownEvent(error, mailId).text });
    return false;
  }
}
