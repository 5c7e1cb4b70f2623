// Sending events: what SES tells of mail that left through it. A Bounce or Complaint becomes the row by which a bounce
// mail is later shown as coming from the address that failed (SES Developer Guide, "Amazon SNS notification contents").
// Events repeat and come in any order, so the row is written idempotently by whoever takes it.

import { z } from "zod";
import type { OutboundRow } from "./ports.ts";
import { err, ok, quote, type Result } from "./result.ts";

/** A bounce or a complaint of one mail that was sent through SES. */
export type SendingEvent = Readonly<{ kind: "bounce" | "complaint"; row: OutboundRow }>;

const recipients = z.array(z.object({ emailAddress: z.string() })).optional();
const shape = z.object({
  notificationType: z.string().optional(),
  eventType: z.string().optional(),
  mail: z.object({ messageId: z.string().min(1), source: z.string().default("") }),
  bounce: z
    .object({
      bounceType: z.string().optional(),
      bounceSubType: z.string().optional(),
      bouncedRecipients: recipients,
      timestamp: z.string().optional(),
    })
    .optional(),
  complaint: z.object({ complainedRecipients: recipients, timestamp: z.string().optional() }).optional(),
});

/** Decodes a Bounce or Complaint notification of either style (`notificationType` or `eventType`). */
export function decodeSendingEvent(value: unknown): Result<SendingEvent> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a sending event as it must name its mail: current value is ${quote(value)}`);
  const { mail, bounce, complaint } = parsed.data;
  const failed = (bounce?.bouncedRecipients ?? complaint?.complainedRecipients ?? []).map(({ emailAddress }) => bare(emailAddress));
  const timestamp = bounce?.timestamp ?? complaint?.timestamp;
  const row: OutboundRow = {
    MessageId: mail.messageId,
    original_source: bare(mail.source),
    bouncedRecipients: failed,
    ...(bounce?.bounceType && { bounceType: bounce.bounceType }),
    ...(bounce?.bounceSubType && { bounceSubType: bounce.bounceSubType }),
    ...(timestamp && { timestamp }),
  };
  return ok({ kind: bounce ? "bounce" : "complaint", row });
}

/** The address inside a mailbox such as `Name <a@b>`. */
function bare(mailbox: string): string {
  return (/<([^<>]*)>\s*$/.exec(mailbox)?.[1] ?? mailbox).trim();
}
