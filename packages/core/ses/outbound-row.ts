// Outbound row: a row of the outbound table describes one mail that was sent through SES. Sesame writes a row for each mail that
// it sends, and adds the failed recipients from Bounce and Complaint events. bounce.ts reads it to show the failed address. Rows
// of another program are accepted if they have the same attributes.

import { z } from "zod";
import { type Address, asciiAddress, parseAddress } from "../mail/address.ts";

/** The row as it is stored. `timestamp` is ISO 8601 text. */
export type OutboundRow = Readonly<{
  MessageId: string;
  original_source: string;
  bouncedRecipients: readonly string[];
  bounceType?: string;
  bounceSubType?: string;
  kind?: "forward" | "reply";
  timestamp?: string;
}>;

/** The decoded row of a failed mail. `kind`: what Sesame sent; `null` if another program sent it or the row does not say. */
export type BounceRecord = Readonly<{ source: string; recipients: readonly Address[]; kind: "forward" | "reply" | null }>;

const rowShape = z.object({
  original_source: z.string().default("").catch(""),
  bouncedRecipients: z.union([z.array(z.unknown()), z.set(z.unknown()), z.string().transform((text) => [text])]).optional(),
  kind: z.enum(["forward", "reply"]).optional().catch(undefined),
});

/** Decodes a row of the outbound table. Returns `null` if it names neither a failed recipient nor a mail sent by Sesame. */
export function decodeOutboundRow(row: unknown): BounceRecord | null {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) return null;
  const recipients = [...(parsed.data.bouncedRecipients ?? [])].flatMap((text) => {
    const address = parseAddress(typeof text === "string" ? text : "");
    const ascii = address.ok ? asciiAddress(address.value) : null; // it is written in a header field
    return ascii === null ? [] : [ascii];
  });
  const kind = parsed.data.kind ?? null;
  return recipients.length > 0 || kind !== null ? { source: parsed.data.original_source, recipients, kind } : null;
}
