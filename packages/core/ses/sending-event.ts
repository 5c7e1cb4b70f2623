// Sending events: what SES tells of mail that left through it. A Bounce or Complaint becomes the row by which a bounce
// mail is later shown as coming from the address that failed (SES Developer Guide, "Amazon SNS notification contents" and
// "Contents of event data that Amazon SES publishes to Amazon SNS"). An out-of-office reply to a mail of ours is one too:
// a transient bounce with an address and nothing else. Events repeat and come in any order, so the row is written
// idempotently by whoever takes it. Deliveries, opens and the like are for notice.ts to pass over.

import { z } from "zod";
import { err, ok, quote, type Result } from "../result.ts";
import type { OutboundRow } from "./outbound-row.ts";
import { bareSesId } from "./ses-id.ts";

/** A bounce or a complaint of one mail that was sent through SES. */
export type SendingEvent = Readonly<{ kind: "bounce" | "complaint"; row: OutboundRow }>;

const maxRecipients = 1000; // SES takes 50; a row holds 400 KB

const text = z.string().optional().catch(undefined);
const recipients = z.array(z.unknown()).catch([]);
const shape = z.object({
  notificationType: text,
  eventType: text,
  mail: z.object({ messageId: z.string(), source: z.string().catch("") }),
  bounce: z.object({ bounceType: text, bounceSubType: text, bouncedRecipients: recipients, timestamp: text }).optional(),
  complaint: z.object({ complainedRecipients: recipients, timestamp: text }).optional(),
});

/**
 * Decodes a Bounce or Complaint notification of either style (`notificationType` or `eventType`). It needs the id of the
 * mail, since a row without its key is none; one that names no recipient still tells who sent the mail.
 */
export function decodeSendingEvent(value: unknown): Result<SendingEvent> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a sending event: must name its mail, is ${quote(value)}`);
  const { notificationType, eventType, mail, bounce, complaint } = parsed.data;
  const kind = (notificationType ?? eventType) === "Complaint" ? "complaint" : "bounce";
  const details = kind === "bounce" ? bounce : complaint;
  if (!details) return err(`Cannot decode a sending event: must hold a ${kind}, is ${quote(value)}`);
  const id = bareSesId(mail.messageId);
  if (id === "") return err(`Cannot decode a sending event: must name its mail, is ${quote(mail.messageId)}`);
  const failed = kind === "bounce" ? bounce?.bouncedRecipients : complaint?.complainedRecipients;
  const row: OutboundRow = {
    MessageId: id,
    original_source: bare(mail.source),
    bouncedRecipients: addressesOf(failed ?? []),
    ...(kind === "bounce" && bounce?.bounceType && { bounceType: bounce.bounceType }),
    ...(kind === "bounce" && bounce?.bounceSubType && { bounceSubType: bounce.bounceSubType }),
    ...(details.timestamp && { timestamp: details.timestamp }),
  };
  return ok({ kind, row });
}

/** Each address once, in order. What is no recipient is left out: the others are still worth their row. */
function addressesOf(items: readonly unknown[]): readonly string[] {
  const found = items.slice(0, maxRecipients).map((item) => {
    const address = typeof item === "object" && item !== null && "emailAddress" in item ? item.emailAddress : undefined;
    return typeof address === "string" ? bare(address) : "";
  });
  return [...new Set(found.filter((address) => address !== ""))];
}

/** The address inside a mailbox such as `Name <a@b>`. */
function bare(mailbox: string): string {
  return (/<([^<>]*)>\s*$/.exec(mailbox)?.[1] ?? mailbox).trim();
}
