// Notice: what SES says of one received mail, decoded from the body of a queue entry. The shape decides, not the
// configuration: SNS envelope or raw delivery, SES notification, Lambda-style records (SES Developer Guide, "Contents of
// notifications for Amazon SES email receiving"; SNS Developer Guide, "Raw message delivery"). Unknown fields are passed
// over. Delivery goes by `receipt.recipients` alone: `mail.destination` repeats header fields, which anybody can write.
// It fetches nothing, a SubscribeURL least of all.

import { z } from "zod";
import { parseReversePath, type ReversePath } from "./address.ts";
import { fromBase64, utf8 } from "./bytes.ts";
import { err, ok, quote, type Result } from "./result.ts";
import { decodeSendingEvent, type SendingEvent } from "./sending-event.ts";

declare const epochMs: unique symbol;
declare const mailId: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number & { readonly [epochMs]: true };
/** Names a mail for good: bucket and key of its object, or `sns/` and the SNS id of a mail that came inline. */
export type MailId = string & { readonly [mailId]: true };

/** A mail stored as an object. The key is used as it stands in the notice; it already includes any prefix. */
export type ObjectLocation = Readonly<{ kind: "object"; bucket: string; key: string }>;
/** A mail that came inside the notice (SNS action). There is no object to mark. */
export type InlineLocation = Readonly<{ kind: "inline"; octets: Uint8Array }>;

/** SES's opinions. An unknown or absent one is "none". SES itself takes no action on them. */
export type VerdictStatus = "PASS" | "FAIL" | "GRAY" | "PROCESSING_FAILED" | "DISABLED" | "none";
export type Verdicts = Readonly<{
  spam: VerdictStatus;
  virus: VerdictStatus;
  spf: VerdictStatus;
  dkim: VerdictStatus;
  dmarc: VerdictStatus;
  /** The sender's published wish; present only when DMARC failed. */
  dmarcPolicy: "none" | "quarantine" | "reject" | null;
}>;

/** One received mail, announced. */
export type Notice = Readonly<{
  mailId: MailId;
  /** SES's id of the inbound mail; not the Message-ID of its header. */
  sesId: string;
  location: ObjectLocation | InlineLocation;
  receivedAt: EpochMs;
  /** `undefined` reverse-path: there is one, and it is no address. Recipients are undecoded, in the spelling of SES. */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly string[] }>;
  verdicts: Verdicts;
}>;

/** Why an entry is acknowledged without a mail. */
export type IgnoreReason =
  | "setup-test" // SES writes one when a receipt rule is made
  | "subscription-confirmation" // somebody must confirm by hand; the URL is never fetched
  | "own-copy" // our mark copies the object onto itself, which S3 announces again
  | "s3-test-event"
  | "other-action" // a receipt action that carries no mail: Bounce, Lambda, Stop, WorkMail
  | "other-notification"; // Delivery, Send, Open, …: news that nobody here needs

/** What one record of an entry turned out to be. */
export type NoticeItem =
  | { readonly kind: "mail"; readonly notice: Notice }
  | { readonly kind: "event"; readonly event: SendingEvent }
  | { readonly kind: "ignored"; readonly reason: IgnoreReason };

/** All verdicts absent: SES has no opinion. */
export const noVerdicts: Verdicts = { spam: "none", virus: "none", spf: "none", dkim: "none", dmarc: "none", dmarcPolicy: null };

const maxBody = 1_100_000; // SQS: an entry has at most 1 MiB
const setupTest = "AMAZON_SES_SETUP_NOTIFICATION";

const verdict = z.object({ status: z.string() }).optional().catch(undefined);
const receivedShape = z.object({
  mail: z.object({
    timestamp: z.string().optional(),
    source: z.string().nullish(),
    messageId: z.string().optional(),
  }),
  receipt: z.object({
    timestamp: z.string().optional(),
    recipients: z.array(z.string()).optional(),
    spamVerdict: verdict,
    virusVerdict: verdict,
    spfVerdict: verdict,
    dkimVerdict: verdict,
    dmarcVerdict: verdict,
    dmarcPolicy: z.string().optional().catch(undefined),
    action: z.object({
      type: z.string(),
      bucketName: z.string().optional(),
      objectKey: z.string().optional(),
      encoding: z.string().optional().catch(undefined),
    }),
  }),
  content: z.string().optional(),
});
type Received = z.infer<typeof receivedShape>;

const record = z.record(z.string(), z.unknown());
const snsShape = z.object({ Type: z.string(), MessageId: z.string().optional(), Message: z.string().optional() });

/** Decodes a queue entry's body. An error means: the entry cannot be understood and must stay in the queue. */
export function decodeEntry(body: string): Result<readonly NoticeItem[]> {
  if (body.length > maxBody) return err(`Cannot decode an entry as it may have ${maxBody} characters: current value is ${body.length}`);
  const outer = parseJson(body);
  if (!outer.ok) return outer;
  const sns = snsShape.safeParse(outer.value);
  if (!sns.success) return decodeRecord(outer.value, "");
  if (sns.data.Type !== "Notification") return ok([{ kind: "ignored", reason: "subscription-confirmation" }]);
  const inner = parseJson(sns.data.Message ?? "");
  return inner.ok ? decodeRecord(inner.value, sns.data.MessageId ?? "") : inner;
}

function parseJson(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(`Cannot decode an entry as its text must be JSON: current value is ${quote(text)}`);
  }
}

function decodeRecord(value: unknown, snsId: string): Result<readonly NoticeItem[]> {
  const fields = record.safeParse(value);
  if (!fields.success || Array.isArray(value))
    return err(`Cannot decode an entry as it must be a JSON object: current value is ${quote(value)}`);
  const { Records, Event, notificationType, eventType } = fields.data;
  if (Array.isArray(Records)) return decodeRecords(Records, snsId);
  if (Event === "s3:TestEvent") return ok([{ kind: "ignored", reason: "s3-test-event" }]);
  const type = notificationType ?? eventType;
  if (type === "Received") return one(decodeReceived(value, snsId));
  if (type === "Bounce" || type === "Complaint") return one(decodeEvent(value));
  if (typeof type === "string") return ok([{ kind: "ignored", reason: "other-notification" }]);
  // The AWS console's samples, and some relays, leave out the type where the shape is unmistakable.
  if ("mail" in fields.data && "receipt" in fields.data) return one(decodeReceived(value, snsId));
  return err(`Cannot decode an entry as it must be an SES notification: current value is ${quote(value)}`);
}

function one(item: Result<NoticeItem>): Result<readonly NoticeItem[]> {
  return item.ok ? ok([item.value]) : item;
}

const recordShape = z.object({ eventSource: z.string(), eventName: z.string().optional(), ses: z.unknown().optional() });

/** Lambda-style records. S3 events carry no envelope, so they are no source of mail; only our own copies are known. */
function decodeRecords(records: readonly unknown[], snsId: string): Result<readonly NoticeItem[]> {
  const items: NoticeItem[] = [];
  for (const [index, value] of records.entries()) {
    const parsed = recordShape.safeParse(value);
    const source = parsed.success ? parsed.data.eventSource : "";
    const item =
      source === "aws:ses" ? decodeReceived(parsed.data?.ses, `${snsId}/${index}`) : decodeS3Record(source, parsed.data?.eventName);
    if (!item.ok) return item;
    items.push(item.value);
  }
  return items.length > 0 ? ok(items) : err("Cannot decode an entry as Records must hold at least one: current value is []");
}

function decodeS3Record(source: string, eventName: string | undefined): Result<NoticeItem> {
  if (source === "aws:s3" && eventName === "ObjectCreated:Copy") return ok({ kind: "ignored", reason: "own-copy" });
  if (source !== "aws:s3") return err(`Cannot decode a record as its eventSource must be aws:ses: current value is ${quote(source)}`);
  return err(
    `Cannot take mail from an S3 event as it names no recipients; let the SES receipt rule announce mail through SNS: current value is ${quote(eventName)}`,
  );
}

function decodeReceived(value: unknown, snsId: string): Result<NoticeItem> {
  const parsed = receivedShape.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a notice as ${describe(parsed.error)}: current value is ${quote(value)}`);
  const { mail, receipt } = parsed.data;
  const id = mail.messageId ?? "";
  if (id === setupTest || receipt.action.objectKey?.endsWith(setupTest)) return ok({ kind: "ignored", reason: "setup-test" });
  const location = locate(parsed.data, snsId);
  if (!location.ok) return location;
  if (location.value === null) return ok({ kind: "ignored", reason: "other-action" });
  const receivedAt = Date.parse(mail.timestamp ?? receipt.timestamp ?? "");
  if (Number.isNaN(receivedAt))
    return err(`Cannot decode a notice as its mail.timestamp must be an ISO 8601 date: current value is ${quote(mail.timestamp)}`);
  if (!receipt.recipients) return err("Cannot decode a notice as receipt.recipients must be a list: current value is undefined");
  const envelope = { reversePath: parseReversePath(mail.source), recipients: receipt.recipients };
  const notice = { ...location.value, sesId: id, receivedAt: receivedAt as EpochMs, envelope, verdicts: verdictsOf(receipt) };
  return ok({ kind: "mail", notice });
}

/** Where the mail is; `null` for an action that carries none. */
function locate({ mail, receipt, content }: Received, snsId: string): Result<Pick<Notice, "mailId" | "location"> | null> {
  const { type, bucketName, objectKey, encoding } = receipt.action;
  if (type === "S3") {
    const key = objectKey ?? mail.messageId;
    if (!bucketName || !key)
      return err(`Cannot decode a notice as its S3 action must name bucket and key: current value is ${quote(receipt.action)}`);
    return ok({ mailId: `${bucketName}/${key}` as MailId, location: { kind: "object", bucket: bucketName, key } });
  }
  if (content === undefined) return ok(null);
  if (type !== "SNS") return ok(null);
  const id = snsId !== "" ? snsId : (mail.messageId ?? "");
  if (id === "") return err("Cannot decode a notice as an inline mail needs an id: current value is undefined");
  return ok({ mailId: `sns/${id}` as MailId, location: { kind: "inline", octets: octetsOf(content, encoding) } });
}

/** The content of an SNS action; older notices do not declare Base64, so it is also recognised by its look. */
function octetsOf(content: string, encoding: string | undefined): Uint8Array {
  const declared = /^base64$/i.test(encoding ?? "");
  const looksLikeHeader = /^[!-9;-~]+[ \t]*:/.test(content);
  const decoded = declared || (encoding === undefined && !looksLikeHeader) ? fromBase64(content) : null;
  return decoded ?? utf8(content);
}

function verdictsOf(receipt: Received["receipt"]): Verdicts {
  return {
    spam: statusOf(receipt.spamVerdict?.status),
    virus: statusOf(receipt.virusVerdict?.status),
    spf: statusOf(receipt.spfVerdict?.status),
    dkim: statusOf(receipt.dkimVerdict?.status),
    dmarc: statusOf(receipt.dmarcVerdict?.status),
    dmarcPolicy: dmarcPolicyOf(receipt.dmarcPolicy),
  };
}

/** A known status in SES's spelling; anything else is no opinion. */
export function statusOf(status: string | undefined): VerdictStatus {
  const known: readonly string[] = ["PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED"];
  const upper = status?.toUpperCase() ?? "";
  return known.includes(upper) ? (upper as VerdictStatus) : "none";
}

/** A DMARC policy, or `null` for none that is known (RFC 7489 §6.3). */
export function dmarcPolicyOf(text: string | undefined): Verdicts["dmarcPolicy"] {
  const policy = text?.toLowerCase();
  return policy === "none" || policy === "quarantine" || policy === "reject" ? policy : null;
}

function decodeEvent(value: unknown): Result<NoticeItem> {
  const event = decodeSendingEvent(value);
  return event.ok ? ok({ kind: "event", event: event.value }) : event;
}

function describe(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
    .slice(0, 3)
    .join("; ");
}
