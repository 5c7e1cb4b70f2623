// SES notice: writes the notification that SES would send for a received mail, inside an SNS notification (SES Developer Guide,
// "Contents of notifications for Amazon SES email receiving"). So `sesame local` decodes it with the code of production.
// Nothing is scanned here: a verdict is PASS, or what a field X-Sesame-Verdicts of the mail says, such as `spf=FAIL, dkim=GRAY`.

import { randomUUID } from "node:crypto";
import type { ObjectLocation } from "@sesame/core";
import { fieldsOf, fieldValue, firstValue, type HeaderBlock, parseMailboxes, splitHeader, valuesOf } from "@sesame/core/mail";

/** A received and stored mail. */
export type ReceivedMail = Readonly<{
  /** The SES id of the received mail. */
  sesId: string;
  location: ObjectLocation;
  /** The reverse-path without brackets; "" is the null reverse-path. */
  source: string;
  /** The recipients of one served domain, as the client wrote them. */
  recipients: readonly string[];
  /** The first octets of the mail, with the whole header block. */
  head: Uint8Array;
  /** When it was received, in milliseconds since 1970. */
  receivedAt: number;
}>;

const topicArn = "arn:aws:sns:local:000000000000:sesame-local";
const maxHeaders = 10_000; // SES leaves out header fields beyond 10 KB

/** The body of the queue entry for a mail. */
export function writeNotice(mail: ReceivedMail): string {
  return JSON.stringify({
    Type: "Notification",
    MessageId: randomUUID(),
    TopicArn: topicArn,
    Subject: "Amazon SES Email Receipt Notification",
    Message: JSON.stringify(receivedNotification(mail, (check) => verdictOf(check, mail))),
    Timestamp: new Date(mail.receivedAt).toISOString(),
    SignatureVersion: "1",
  });
}

/** The notification alone. `statusOf`: the verdict of a check; `null` if there is none. */
export function receivedNotification(mail: ReceivedMail, statusOf: (check: Check) => string | null): unknown {
  const timestamp = new Date(mail.receivedAt).toISOString();
  return { notificationType: "Received", mail: mailPart(mail, timestamp), receipt: receiptPart(mail, timestamp, statusOf) };
}

function mailPart({ sesId, source, head }: ReceivedMail, timestamp: string): unknown {
  const { block, bodyStart } = splitHeader(head, true);
  const headersTruncated = bodyStart > maxHeaders;
  const destination = ["to", "cc"]
    .flatMap((name) => valuesOf(block, name))
    .flatMap(parseMailboxes)
    .map((mailbox) => mailbox.address);
  const headers = headersTruncated
    ? []
    : block.fields.filter(({ name }) => name !== "").map((field) => ({ name: field.name, value: fieldValue(field) }));
  // We have seen no SES notice with a null reverse-path. The empty string is the closest to the form of `source`.
  return { timestamp, source, messageId: sesId, destination, headersTruncated, headers, commonHeaders: commonHeaders(block, source) };
}

function commonHeaders(block: HeaderBlock, source: string): unknown {
  const list = (name: string) => (fieldsOf(block, name).length > 0 ? valuesOf(block, name) : undefined);
  const one = (name: string) => firstValue(block, name) ?? undefined;
  return {
    returnPath: source,
    from: list("from"),
    date: one("date"),
    to: list("to"),
    cc: list("cc"),
    messageId: one("message-id"),
    subject: one("subject"),
  };
}

/** The field by which a mail says which verdicts `sesame local` gives it. SES knows no such field. */
export const verdictsField = "X-Sesame-Verdicts";

/** The checks whose results SES tells of. */
export const checks = ["spam", "virus", "spf", "dkim", "dmarc"] as const;
export type Check = (typeof checks)[number];

function verdictOf(check: Check, { head }: ReceivedMail): string {
  const said = valuesOf(splitHeader(head, true).block, verdictsField).join(",").split(",");
  const found = said.map((part) => part.trim().split("=")).find(([name = ""]) => name.trim().toLowerCase() === check);
  return found?.[1]?.trim().toUpperCase() || "PASS";
}

function receiptPart({ location, recipients }: ReceivedMail, timestamp: string, statusOf: (check: Check) => string | null): unknown {
  const statuses = checks.map((check) => [`${check}Verdict`, statusOf(check)] as const).filter(([, status]) => status !== null);
  return {
    timestamp,
    processingTimeMillis: 1,
    recipients,
    ...Object.fromEntries(statuses.map(([name, status]) => [name, { status }])),
    action: { type: "S3", topicArn, bucketName: location.bucket, objectKeyPrefix: "", objectKey: location.key },
  };
}
