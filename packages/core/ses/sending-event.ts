// Sending event: a Bounce or Complaint event of a mail that was sent through SES, decoded to a row of the outbound table (SES
// Developer Guide, "Amazon SNS notification contents" and "Contents of event data that Amazon SES publishes to Amazon SNS"). An
// out-of-office reply to a mail of Sesame is also reported as a bounce: a transient one that has only an address. Events repeat
// and come in any order, so the row must be written idempotently. queue-entry.ts ignores other events.

import { z } from "zod";
import { err, ok, quote, type Result } from "../result.ts";
import type { OutboundRow } from "./outbound-row.ts";
import { normalizeSesId } from "./ses-id.ts";

/** A bounce or a complaint about one mail that was sent through SES. */
export type SendingEvent = Readonly<{ kind: "bounce" | "complaint"; row: OutboundRow }>;

const maxRecipients = 1000; // SES accepts 50; a row can hold 400 KB

const optionalText = z.string().optional().catch(undefined);
const recipientList = z.array(z.unknown()).catch([]);
const eventShape = z.object({
  notificationType: optionalText,
  eventType: optionalText,
  mail: z.object({ messageId: z.string(), source: z.string().catch("") }),
  bounce: z
    .object({ bounceType: optionalText, bounceSubType: optionalText, bouncedRecipients: recipientList, timestamp: optionalText })
    .optional(),
  complaint: z.object({ complainedRecipients: recipientList, timestamp: optionalText }).optional(),
});

/**
 * Decodes a Bounce or Complaint notification with `notificationType` or `eventType`. An error without the id of the mail, which
 * is the key of the row. A notification without recipients is valid: it still names the sender of the mail.
 */
export function decodeSendingEvent(value: unknown): Result<SendingEvent> {
  const parsed = eventShape.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a sending event: must name its mail, is ${quote(value)}`);
  const { notificationType, eventType, mail, bounce, complaint } = parsed.data;
  const kind = (notificationType ?? eventType) === "Complaint" ? "complaint" : "bounce";
  const details = kind === "bounce" ? bounce : complaint;
  if (!details) return err(`Cannot decode a sending event: must hold a ${kind}, is ${quote(value)}`);
  const id = normalizeSesId(mail.messageId);
  if (id === "") return err(`Cannot decode a sending event: must name its mail, is ${quote(mail.messageId)}`);
  const failed = kind === "bounce" ? bounce?.bouncedRecipients : complaint?.complainedRecipients;
  const row: OutboundRow = {
    MessageId: id,
    original_source: addressIn(mail.source),
    bouncedRecipients: addressesOf(failed ?? []),
    ...(kind === "bounce" && bounce?.bounceType && { bounceType: bounce.bounceType }),
    ...(kind === "bounce" && bounce?.bounceSubType && { bounceSubType: bounce.bounceSubType }),
    ...(details.timestamp && { timestamp: details.timestamp }),
  };
  return ok({ kind, row });
}

/** Each address once, in order. Invalid items are left out. */
function addressesOf(items: readonly unknown[]): readonly string[] {
  const found = items.slice(0, maxRecipients).map((item) => {
    const address = typeof item === "object" && item !== null && "emailAddress" in item ? item.emailAddress : undefined;
    return typeof address === "string" ? addressIn(address) : "";
  });
  return [...new Set(found.filter((address) => address !== ""))];
}

/** The address in a mailbox such as `Name <a@b>`. */
function addressIn(mailbox: string): string {
  return (/<([^<>]*)>\s*$/.exec(mailbox)?.[1] ?? mailbox).trim();
}
