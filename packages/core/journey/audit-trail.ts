// Audit trail: writes the audit mark beside the mail that was closed, and erases a mail that all recipients blocked. It never
// decides, and never fails: where that cannot be done the mail is closed all the same, and the journal says so.

import type { MailId, Notice } from "../ses/notice.ts";
import { auditRecord } from "./audit-mark.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, StoredMail } from "./ports.ts";
import type { Settlement } from "./settle.ts";

type AuditPorts = Pick<JourneyPorts, "store" | "clock" | "journal" | "worker" | "auditMarks">;

/** Writes the mark. */
export async function writeAuditMark(
  notice: Notice,
  stored: StoredMail,
  { mark }: Extract<Settlement, { readonly kind: "close" }>,
  ports: AuditPorts,
): Promise<void> {
  if (notice.location.kind === "inline") return; // no object to mark: the closing line in the log is the only record
  if (ports.auditMarks === "exceptions" && mark.status === "delivered") return; // the ledger says that it was delivered
  const { store, clock, worker } = ports;
  await audit("mark", () => store.mark(stored, auditRecord(mark, clock.now(), worker)), notice.mailId, ports);
}

/** Erases the mail. */
export async function eraseMail({ mailId }: Notice, stored: StoredMail, ports: Pick<AuditPorts, "store" | "journal">): Promise<void> {
  if (await audit("erase", () => ports.store.erase(stored), mailId, ports)) ports.journal.note({ kind: "erased", mailId });
}

async function audit(
  operation: "mark" | "erase",
  call: () => Promise<void>,
  mailId: MailId,
  { journal }: Pick<AuditPorts, "journal">,
): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    journal.note({ kind: "audit-failed", mailId, operation, text: thrownEvent(error, mailId).text });
    return false;
  }
}
