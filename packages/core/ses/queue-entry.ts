// Queue entry: finds the SES notifications in the body of a queue entry. It recognises each form by its fields, without
// configuration: SNS envelope or raw delivery, SES notification, Lambda records (SES Developer Guide, "Contents of notifications
// for Amazon SES email receiving"; SNS Developer Guide, "Raw message delivery"; S3 User Guide, "Event message structure"). An
// entry may have several records; an invalid record does not affect the others. notice.ts decodes received mail, and
// sending-event.ts decodes events of sent mail. Nothing is fetched, in particular no SubscribeURL.

import { err, ok, quote, type Result } from "../result.ts";
import type { EpochMs } from "../time.ts";
import { decodeNotice, type Notice, type TransportInfo } from "./notice.ts";
import { decodeSendingEvent, type SendingEvent } from "./sending-event.ts";

/** Why a record is acknowledged although it has no mail. */
export type IgnoreReason =
  | "setup-test" // SES sends one when a receipt rule or an event destination is created
  | "subscription-confirmation" // an administrator must confirm it; the URL is never fetched
  | "unsubscribe-confirmation" // the topic was unsubscribed: it sends no more mail to this queue
  | "own-copy" // the audit mark copies the object onto itself, and S3 announces the copy
  | "s3-test-event"
  | "other-action" // a receipt action without a mail: Bounce, Lambda, Stop, WorkMail
  | "other-notification"; // Delivery, Send, Open, a deleted object, …: not needed

/** The decoded form of one record of an entry. */
export type NoticeItem =
  | { readonly kind: "mail"; readonly notice: Notice }
  | { readonly kind: "event"; readonly event: SendingEvent }
  | { readonly kind: "ignored"; readonly reason: IgnoreReason }
  | { readonly kind: "undecodable"; readonly error: string }; // only beside records that are valid

type Items = Result<readonly NoticeItem[]>;

const maxBody = 1_100_000; // SQS: an entry has at most 1 MiB
const maxEnvelopes = 4; // topic, Lambda, queue: no real entry has more
const setupTestName = "AMAZON_SES_SETUP_NOTIFICATION";
/** The plain text that SES publishes when a topic becomes an event destination. */
const topicTestText = "Successfully validated SNS topic for Amazon SES event publishing.";

/**
 * Decodes the body of a queue entry. An error means that no record is valid, and that the entry must stay in the queue. `sentAt`:
 * when the entry was sent; it replaces a missing date of the notification.
 */
export function decodeEntry(body: string, sentAt: EpochMs | null = null): Items {
  if (body.length > maxBody) return err(`Cannot decode an entry: must have at most ${maxBody} characters, is ${body.length}`);
  return decodeText(body, { snsId: "", snsTimestamp: undefined, sentAt }, 0);
}

function decodeText(text: string, transport: TransportInfo, depth: number): Items {
  if (text.trim() === topicTestText) return ignored("setup-test");
  const parsed = parseJson(text.replace(/^\ufeff/, ""));
  return parsed.ok ? decodeValue(parsed.value, transport, depth) : parsed;
}

function parseJson(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(`Cannot decode an entry: its text must be JSON, is ${quote(text)}`);
  }
}

function decodeValue(value: unknown, transport: TransportInfo, depth: number): Items {
  if (!isObject(value)) return err(`Cannot decode an entry: must be a JSON object, is ${quote(value)}`);
  const { Type, Records, Event, notificationType, eventType } = value;
  if (depth > maxEnvelopes) return err(`Cannot decode an entry: must have at most ${maxEnvelopes} envelopes, is ${quote(value)}`);
  if (typeof Type === "string" && notificationType === undefined && eventType === undefined) return decodeSns(value, transport, depth);
  if (Array.isArray(Records)) return decodeRecords(Records, transport, depth);
  if (Event === "s3:TestEvent") return ignored("s3-test-event");
  return singleItem(decodeNotification(value, transport));
}

/** Decodes the envelope of Amazon SNS (SNS Developer Guide, "Parsing message formats"). */
function decodeSns(value: JsonObject, { sentAt }: TransportInfo, depth: number): Items {
  const { Type, Message, MessageId, Timestamp } = value;
  if (Type === "SubscriptionConfirmation") return ignored("subscription-confirmation");
  if (Type === "UnsubscribeConfirmation") return ignored("unsubscribe-confirmation");
  if (Type !== "Notification") return err(`Cannot decode an entry: its Type must be Notification, is ${quote(Type)}`);
  if (typeof Message !== "string") return err(`Cannot decode an entry: its Message must be a text, is ${quote(Message)}`);
  return decodeText(Message, { snsId: stringOr(MessageId, ""), snsTimestamp: stringOr(Timestamp, undefined), sentAt }, depth + 1);
}

/** Decodes records as AWS sends them to a Lambda function. It is an error only if no record is valid. */
function decodeRecords(records: readonly unknown[], transport: TransportInfo, depth: number): Items {
  const results = records.map((value, index) => {
    // All records of an envelope have one SNS id, so the index distinguishes inline mails.
    const snsId = transport.snsId === "" || records.length === 1 ? transport.snsId : `${transport.snsId}/${index}`;
    return decodeRecord(value, { ...transport, snsId }, depth);
  });
  const [first] = results;
  if (first === undefined) return err("Cannot decode an entry: Records must hold at least one, is []");
  if (!first.ok && results.every((result) => !result.ok)) return first;
  return ok(
    results.flatMap((result): readonly NoticeItem[] => (result.ok ? result.value : [{ kind: "undecodable", error: result.error }])),
  );
}

function decodeRecord(value: unknown, transport: TransportInfo, depth: number): Items {
  const record = isObject(value) ? value : {};
  const source = record["eventSource"] ?? record["EventSource"];
  switch (source) {
    case "aws:ses":
      return singleItem(decodeNotification(record["ses"], transport));
    case "aws:sns":
      return decodeValue(record["Sns"], transport, depth + 1);
    case "aws:s3":
      return decodeS3Record(record);
    default:
      return err(`Cannot decode a record: its eventSource must be aws:ses, is ${quote(source)}`);
  }
}

/** S3 events have no SMTP envelope, so they cannot bring mail. Events about existing objects are ignored. */
function decodeS3Record({ eventName, s3 }: JsonObject): Items {
  const name = stringOr(eventName, "").replace(/^s3:/, "");
  const key = stringOr(valueAt(s3, "object", "key"), "");
  if (key.endsWith(setupTestName)) return ignored("setup-test");
  if (name === "ObjectCreated:Copy") return ignored("own-copy");
  if (/^\w+:/.test(name) && !name.startsWith("ObjectCreated:")) return ignored("other-notification");
  const change = `${name} of ${stringOr(valueAt(s3, "bucket", "name"), "?")}/${key}`;
  return err(
    `Cannot take mail from the S3 event ${quote(change)}: it names no recipients. Let the SES receipt rule announce mail through SNS`,
  );
}

function decodeNotification(value: unknown, transport: TransportInfo): Result<NoticeItem> {
  const { notificationType, eventType, mail, receipt } = isObject(value) ? value : {};
  const type = notificationType ?? eventType;
  if (type === "Bounce" || type === "Complaint") {
    const event = decodeSendingEvent(value);
    return event.ok ? ok({ kind: "event", event: event.value }) : event;
  }
  // Lambda records, the samples of the AWS console and some relays omit the type; `mail` and `receipt` then identify the
  // notification.
  const isReceived = type === "Received" || (type === undefined && isObject(mail) && isObject(receipt));
  if (isReceived && isSetupTest(value)) return ok({ kind: "ignored", reason: "setup-test" });
  if (isReceived) return itemOf(decodeNotice(value, transport));
  if (typeof type === "string") return ok({ kind: "ignored", reason: "other-notification" });
  return err(`Cannot decode an entry: must be an SES notification, is ${quote(value)}`);
}

/** Some actions of a receipt rule are announced without a mail. */
function itemOf(notice: Result<Notice | null>): Result<NoticeItem> {
  if (!notice.ok) return notice;
  return ok(notice.value === null ? { kind: "ignored", reason: "other-action" } : { kind: "mail", notice: notice.value });
}

function isSetupTest(value: unknown): boolean {
  const key = valueAt(value, "receipt", "action", "objectKey");
  return valueAt(value, "mail", "messageId") === setupTestName || (typeof key === "string" && key.endsWith(setupTestName));
}

function ignored(reason: IgnoreReason): Items {
  return ok([{ kind: "ignored", reason }]);
}

function singleItem(item: Result<NoticeItem>): Items {
  return item.ok ? ok([item.value]) : item;
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path of property names. All values come from JSON, so inherited properties are not a risk. */
function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((found: unknown, name) => (isObject(found) ? found[name] : undefined), value);
}

function stringOr<T>(value: unknown, other: T): string | T {
  return typeof value === "string" ? value : other;
}
