// Bounces for tests: pieces of a mail as Amazon SES sends it, to be varied.

import { type Address, type Mail, openMail } from "@sesame/core";
import type { BounceRecord } from "../../../packages/core/ses/outbound-row.ts";

/** Opens all octets of a mail. */
export function mailOf(text: string | Uint8Array): Mail {
  const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return openMail(octets, octets.length);
}

/** What SES writes behind the client's name. */
export const receivedBy =
  "by inbound-smtp.eu-west-1.amazonaws.com with SMTP id x for alice@example.com;\r\n Mon, 05 Jan 2026 12:00:00 +0000 (UTC)\r\n";

/** The field by which SES says who handed the mail in. */
export function received(host: string): string {
  return `Received: from ${host} (${host} [192.0.2.1])\r\n ${receivedBy}`;
}

/** A host from which SES sends. */
export const sesHost = "a8-95.smtp-out.amazonses.com";

/** The id of a mail that failed. */
export const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";

/** A row that names these recipients. */
export function recordOf(...recipients: string[]): BounceRecord {
  return { source: "alice@example.com", recipients: recipients as Address[], kind: null };
}
