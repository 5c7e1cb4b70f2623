// Port error: what the world outside throws at the core, and the event that tells of it.

import type { MailId } from "../ses/notice.ts";
import type { JournalEvent } from "./events.ts";

/** What any port throws when the world outside fails it. Anything else that is thrown is a bug, and treated alike. */
export class PortError extends Error {
  /** Which port, for metrics: `MailStore`, `Ledger`, … */
  readonly port: string;
  /** Which of its methods. */
  readonly operation: string;
  constructor(port: string, operation: string, text: string, cause?: unknown) {
    super(text, { cause });
    this.name = "PortError";
    this.port = port;
    this.operation = operation;
  }
}

/** Thrown when a mail finds no room in memory. No effect has started; the entry returns to the queue. */
export class NoRoom extends PortError {
  constructor(operation: string, bytes: number) {
    super(
      "ByteBudget",
      operation,
      `Cannot hold ${bytes} octets in memory: other mails use MAX_BYTES_IN_FLIGHT, raise it if this continues`,
    );
    this.name = "NoRoom";
  }
}

/** What was thrown, as an event. Where no port is named, a bug threw it. */
export function thrownEvent(error: unknown, mailId: MailId | null): Extract<JournalEvent, { readonly kind: "port-error" }> {
  const { port, operation } = error instanceof PortError ? error : { port: "unknown", operation: "unknown" };
  return { kind: "port-error", port, operation, text: error instanceof Error ? error.message : String(error), mailId };
}
