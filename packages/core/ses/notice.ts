// Notice: one SES notification of a received mail, and its decoder (SES Developer Guide, "Contents of notifications for Amazon
// SES email receiving"). Only the recipients and the location of the mail are required. Unknown fields are ignored. The envelope
// comes from `receipt.recipients` alone: `mail.destination` repeats header fields, which anybody can write.

import { z } from "zod";
import { parseReversePath, type ReversePath } from "../mail/address.ts";
import { idsIn } from "../mail/mail.ts";
import { fromBase64, latin1, utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import { type EpochMs, instant } from "../time.ts";
import { parseDmarcPolicy, parseVerdictStatus, type SesVerdicts, type VerdictStatus } from "./ses-verdicts.ts";

declare const mailIdBrand: unique symbol;

/** Identifies a mail: bucket and key of its object, or `sns/` and the SNS message id of an inline mail. */
export type MailId = string & { readonly [mailIdBrand]: true };

/** Makes a mail id from text. Throws a RangeError for an empty text. */
export function mailId(text: string): MailId {
  if (text === "") throw new RangeError("Cannot name a mail: must be a text, is empty");
  return text as MailId;
}

/** A mail stored as an S3 object. The key is used as the notice gives it; it already includes any prefix. */
export type ObjectLocation = Readonly<{ kind: "object"; bucket: string; key: string }>;
/** A mail inside the notice (SNS action). There is no object, so it gets no audit mark. */
export type InlineLocation = Readonly<{ kind: "inline"; octets: Uint8Array }>;

/** One received mail. */
export type Notice = Readonly<{
  mailId: MailId;
  /** The message id that SES gave to the inbound mail. It is not the Message-ID field. */
  sesId: string;
  /** The Message-ID field with its angle brackets, `null` if the notice has none. The sender chose it. */
  messageId: string | null;
  location: ObjectLocation | InlineLocation;
  receivedAt: EpochMs;
  /**
   * `reversePath` is `undefined` if the notice has one that is not a valid path. The recipients are as SES wrote them, not
   * parsed.
   */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly string[] }>;
  sesVerdicts: SesVerdicts;
}>;

/** What SNS and SQS say about a notification. */
export type TransportInfo = Readonly<{
  /** The SNS message id; "" without an SNS envelope. */
  snsId: string;
  /** The SNS timestamp, and the time when the entry was sent to the queue. Used if the notification has no date of its own. */
  snsTimestamp: string | undefined;
  sentAt: EpochMs | null;
}>;

// Servers must accept 100 recipients (RFC 5321 §4.5.3.1.8). A list of tens of thousands would need as many look-ups.
const maxRecipients = 1000;

const optionalUnknown = z.unknown().optional(); // an optional field with a wrong type counts as missing
const receivedNotification = z.object({
  mail: z.object({
    timestamp: optionalUnknown,
    source: optionalUnknown,
    messageId: z.string().nullish(),
    commonHeaders: optionalUnknown,
    headers: optionalUnknown,
  }),
  receipt: z.object({
    timestamp: optionalUnknown,
    recipients: z.array(z.string()).min(1).max(maxRecipients),
    spamVerdict: optionalUnknown,
    virusVerdict: optionalUnknown,
    spfVerdict: optionalUnknown,
    dkimVerdict: optionalUnknown,
    dmarcVerdict: optionalUnknown,
    dmarcPolicy: optionalUnknown,
    action: z.object({
      type: z.string(),
      bucketName: z.string().nullish(),
      objectKey: z.string().nullish(),
      encoding: optionalUnknown,
    }),
  }),
  content: z.string().nullish(),
});
type ReceivedNotification = z.infer<typeof receivedNotification>;

/**
 * Decodes a notification of a received mail. Returns `null` if the action of the receipt rule has no mail, an error if a required
 * field is missing or wrong.
 */
export function decodeNotice(value: unknown, origin: TransportInfo): Result<Notice | null> {
  const parsed = receivedNotification.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a notice: ${issuesText(parsed.error)}, is ${quote(value)}`);
  const { mail, receipt } = parsed.data;
  const located = locationOf(parsed.data, origin.snsId);
  if (!located.ok) return located;
  if (located.value === null) return ok(null);
  const receivedAt = firstInstant([mail.timestamp, receipt.timestamp, origin.snsTimestamp]) ?? origin.sentAt;
  if (receivedAt === null)
    return err(`Cannot decode a notice: its mail.timestamp must be an ISO 8601 instant, is ${quote(mail.timestamp)}`);
  const envelope = { reversePath: reversePathOf(mail.source), recipients: receipt.recipients };
  const [sesId, messageId] = [mail.messageId ?? "", messageIdOf(mail)];
  return ok({ ...located.value, sesId, messageId, receivedAt, envelope, sesVerdicts: verdictsOf(receipt) });
}

const commonHeaders = z.object({ messageId: z.string() });
const headerField = z.object({ name: z.string(), value: z.string() });
const longestId = 2000; // characters of a value that are read

/** SES leaves out `headers` beyond 10 KB, but not `commonHeaders`. Both repeat the field. */
function messageIdOf({ commonHeaders: common, headers }: ReceivedNotification["mail"]): string | null {
  const short = commonHeaders.safeParse(common);
  const value = short.success ? short.data.messageId : fieldOf(headers);
  return idsIn(value.slice(0, longestId))[0] ?? null;
}

function fieldOf(headers: unknown): string {
  if (!Array.isArray(headers)) return "";
  for (const each of headers) {
    const field = headerField.safeParse(each);
    if (field.success && field.data.name.toLowerCase() === "message-id") return field.data.value;
  }
  return "";
}

/** The id and location of the mail; `null` for an action without one. */
function locationOf({ mail, receipt, content }: ReceivedNotification, snsId: string): Result<Pick<Notice, "mailId" | "location"> | null> {
  const { type, bucketName, objectKey, encoding } = receipt.action;
  if (type === "S3") {
    const key = objectKey ?? mail.messageId;
    if (!bucketName || !key) return err(`Cannot decode a notice: its S3 action must name bucket and key, is ${quote(receipt.action)}`);
    return ok({ mailId: `${bucketName}/${key}` as MailId, location: { kind: "object", bucket: bucketName, key } });
  }
  if (typeof content !== "string") {
    if (type !== "SNS") return ok(null);
    return err(`Cannot decode a notice: its SNS action must bring the mail as content, is ${quote(content)}`);
  }
  const id = snsId || mail.messageId;
  if (!id) return err(`Cannot decode a notice: an inline mail must have an id, is ${quote(mail.messageId)}`);
  return ok({ mailId: `sns/${id}` as MailId, location: { kind: "inline", octets: inlineOctets(content, encoding) } });
}

/**
 * The octets of the content of an SNS action. Older notices do not declare Base64. It is assumed if the content does not look
 * like a mail and the decoded content does.
 */
function inlineOctets(content: string, encoding: unknown): Uint8Array {
  const isDeclared = typeof encoding === "string" && /^base-?64$/i.test(encoding.trim());
  const isUndeclared = encoding === undefined || encoding === null;
  const decoded = isDeclared || (isUndeclared && !looksLikeMail(content)) ? fromBase64(content) : null;
  if (decoded === null || !(isDeclared || looksLikeMail(latin1(decoded.subarray(0, 1000))))) return utf8(content);
  return decoded;
}

/** Whether a text starts with a header field (RFC 5322 §2.2), or with an mbox `From ` line. */
function looksLikeMail(text: string): boolean {
  return /^(?:[!-9;-~]+[ \t]*:|From )/.test(text);
}

/** A missing source is the null reverse-path. A source that is not text is no path. */
function reversePathOf(source: unknown): ReversePath | undefined {
  if (source === undefined || source === null) return null;
  return typeof source === "string" ? parseReversePath(source) : undefined;
}

const isoInstant = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?$/i;

/**
 * The first valid instant since 1970. Without an offset it is UTC, as SES writes it; `Date.parse` would use the zone of the host.
 */
function firstInstant(candidates: readonly unknown[]): EpochMs | null {
  for (const candidate of candidates) {
    const match = typeof candidate === "string" ? isoInstant.exec(candidate.trim()) : null;
    if (match === null) continue;
    const [, minute = "", second = "00", fraction = "0", hours = "+00", minutes = "00"] = match;
    const ms = Date.parse(`${minute.toUpperCase()}:${second}.${fraction}${hours}:${minutes}`);
    if (ms >= 0) return instant(ms);
  }
  return null;
}

function verdictsOf(receipt: ReceivedNotification["receipt"]): SesVerdicts {
  return {
    spam: verdictOf(receipt.spamVerdict),
    virus: verdictOf(receipt.virusVerdict),
    spf: verdictOf(receipt.spfVerdict),
    dkim: verdictOf(receipt.dkimVerdict),
    dmarc: verdictOf(receipt.dmarcVerdict),
    dmarcPolicy: typeof receipt.dmarcPolicy === "string" ? parseDmarcPolicy(receipt.dmarcPolicy) : null,
  };
}

function verdictOf(value: unknown): VerdictStatus {
  const status = typeof value === "object" && value !== null && "status" in value ? value.status : value;
  return typeof status === "string" ? parseVerdictStatus(status) : "none";
}

function issuesText(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
    .slice(0, 3)
    .join("; ");
}
