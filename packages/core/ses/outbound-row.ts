// Outbound row: what the outbound table says of one mail that left through SES. Sesame writes a row for each mail that it
// sends, and completes it from SES's Bounce and Complaint events; bounce.ts reads it to show which address failed.
// The row of another program is accepted where it has the same attributes.

import { z } from "zod";
import { type Address, asciiAddress, parseAddress } from "../mail/address.ts";

/** A mail that left through SES, as the bounce rewriting needs it. Written by Sesame, read back undecoded. */
export type OutboundRow = Readonly<{
  MessageId: string;
  original_source: string;
  bouncedRecipients: readonly string[];
  bounceType?: string;
  bounceSubType?: string;
  kind?: "forward" | "reply";
  timestamp?: string;
}>;

/** What the outbound table tells of the mail that failed. */
export type BounceRecord = Readonly<{ source: string; recipients: readonly Address[]; kind: "forward" | "reply" | null }>;

const rowShape = z.object({
  original_source: z.string().default("").catch(""),
  bouncedRecipients: z.union([z.array(z.unknown()), z.set(z.unknown()), z.string().transform((text) => [text])]).optional(),
  kind: z.enum(["forward", "reply"]).optional().catch(undefined),
});

/** Decodes a row of the outbound table; `null` where it tells neither who failed nor that the mail was ours. */
export function decodeOutbound(row: unknown): BounceRecord | null {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) return null;
  const recipients = [...(parsed.data.bouncedRecipients ?? [])].flatMap((text) => {
    const address = parseAddress(typeof text === "string" ? text : "");
    const ascii = address.ok ? asciiAddress(address.value) : null; // it will stand in a header
    return ascii === null ? [] : [ascii];
  });
  const kind = parsed.data.kind ?? null;
  return recipients.length > 0 || kind !== null ? { source: parsed.data.original_source, recipients, kind } : null;
}
