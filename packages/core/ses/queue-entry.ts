// Queue entry: what SES announces, found in the body of a queue entry. The shape decides, not the configuration:
// SNS envelope or raw delivery, SES notification, records as Lambda gets them (SES Developer Guide, "Contents of
// notifications for Amazon SES email receiving"; SNS Developer Guide, "Raw message delivery"; S3 User Guide, "Event message
// structure"). An entry may hold several records; one that cannot be understood does not stop the others. What a record
// says of a mail is read by notice.ts, what it says of a mail that we sent by sending-event.ts.
// It fetches nothing, a SubscribeURL least of all.

import { err, ok, quote, type Result } from "../result.ts";
import type { EpochMs } from "../time.ts";
import { decodeNotice, type Notice, type Origin } from "./notice.ts";
import { decodeSendingEvent, type SendingEvent } from "./sending-event.ts";

/** Why an entry is acknowledged without a mail. */
export type IgnoreReason =
  | "setup-test" // SES writes one when a receipt rule or an event destination is made
  | "subscription-confirmation" // somebody must confirm by hand; the URL is never fetched
  | "unsubscribe-confirmation" // the topic has left this queue: no mail will come from it
  | "own-copy" // our mark copies the object onto itself, which S3 announces again
  | "s3-test-event"
  | "other-action" // a receipt action that carries no mail: Bounce, Lambda, Stop, WorkMail
  | "other-notification"; // Delivery, Send, Open, a deleted object, …: news that nobody here needs

/** What one record of an entry turned out to be. */
export type NoticeItem =
  | { readonly kind: "mail"; readonly notice: Notice }
  | { readonly kind: "event"; readonly event: SendingEvent }
  | { readonly kind: "ignored"; readonly reason: IgnoreReason }
  | { readonly kind: "undecodable"; readonly error: string }; // among others that are understood

type Items = Result<readonly NoticeItem[]>;

const maxBody = 1_100_000; // SQS: an entry has at most 1 MiB
const maxEnvelopes = 4; // topic, Lambda, queue: no entry has more of them round it
const setupTest = "AMAZON_SES_SETUP_NOTIFICATION";
/** What SES publishes, as plain text, when a topic becomes an event destination. */
const topicTest = "Successfully validated SNS topic for Amazon SES event publishing.";

/**
 * Decodes a queue entry's body. An error means: nothing of the entry can be understood, and it must stay in the queue.
 * `sentAt` is when the entry was sent; a notification without a date of its own is taken to be as old.
 */
export function decodeEntry(body: string, sentAt: EpochMs | null = null): Items {
  if (body.length > maxBody) return err(`Cannot decode an entry: must have at most ${maxBody} characters, is ${body.length}`);
  return decodeText(body, { snsId: "", announcedAt: undefined, sentAt }, 0);
}

function decodeText(text: string, origin: Origin, depth: number): Items {
  if (text.trim() === topicTest) return ignored("setup-test");
  const parsed = parseJson(text.replace(/^\ufeff/, ""));
  return parsed.ok ? decodeValue(parsed.value, origin, depth) : parsed;
}

function parseJson(text: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(`Cannot decode an entry: its text must be JSON, is ${quote(text)}`);
  }
}

function decodeValue(value: unknown, origin: Origin, depth: number): Items {
  if (!isObject(value)) return err(`Cannot decode an entry: must be a JSON object, is ${quote(value)}`);
  const { Type, Records, Event, notificationType, eventType } = value;
  if (depth > maxEnvelopes) return err(`Cannot decode an entry: must have at most ${maxEnvelopes} envelopes, is ${quote(value)}`);
  if (typeof Type === "string" && notificationType === undefined && eventType === undefined) return decodeSns(value, origin, depth);
  if (Array.isArray(Records)) return decodeRecords(Records, origin, depth);
  if (Event === "s3:TestEvent") return ignored("s3-test-event");
  return one(decodeNotification(value, origin));
}

/** The envelope of Amazon SNS (SNS Developer Guide, "Parsing message formats"). */
function decodeSns(value: JsonObject, { sentAt }: Origin, depth: number): Items {
  const { Type, Message, MessageId, Timestamp } = value;
  if (Type === "SubscriptionConfirmation") return ignored("subscription-confirmation");
  if (Type === "UnsubscribeConfirmation") return ignored("unsubscribe-confirmation");
  if (Type !== "Notification") return err(`Cannot decode an entry: its Type must be Notification, is ${quote(Type)}`);
  if (typeof Message !== "string") return err(`Cannot decode an entry: its Message must be a text, is ${quote(Message)}`);
  return decodeText(Message, { snsId: textOr(MessageId, ""), announcedAt: textOr(Timestamp, undefined), sentAt }, depth + 1);
}

/** Records as AWS hands them to a function. Only when none can be understood is it an error of the entry. */
function decodeRecords(records: readonly unknown[], origin: Origin, depth: number): Items {
  const results = records.map((value, index) => {
    // Within one envelope an inline mail has only its place to be told from its neighbours.
    const snsId = origin.snsId === "" || records.length === 1 ? origin.snsId : `${origin.snsId}/${index}`;
    return decodeRecord(value, { ...origin, snsId }, depth);
  });
  const [first] = results;
  if (first === undefined) return err("Cannot decode an entry: Records must hold at least one, is []");
  if (!first.ok && results.every((result) => !result.ok)) return first;
  return ok(
    results.flatMap((result): readonly NoticeItem[] => (result.ok ? result.value : [{ kind: "undecodable", error: result.error }])),
  );
}

function decodeRecord(value: unknown, origin: Origin, depth: number): Items {
  const record = isObject(value) ? value : {};
  const source = record["eventSource"] ?? record["EventSource"];
  switch (source) {
    case "aws:ses":
      return one(decodeNotification(record["ses"], origin));
    case "aws:sns":
      return decodeValue(record["Sns"], origin, depth + 1);
    case "aws:s3":
      return decodeS3Record(record);
    default:
      return err(`Cannot decode a record: its eventSource must be aws:ses, is ${quote(source)}`);
  }
}

/** S3 events carry no envelope, so they are no source of mail. What becomes of an object later is no news here. */
function decodeS3Record({ eventName, s3 }: JsonObject): Items {
  const name = textOr(eventName, "").replace(/^s3:/, "");
  const key = textOr(at(s3, "object", "key"), "");
  if (key.endsWith(setupTest)) return ignored("setup-test");
  if (name === "ObjectCreated:Copy") return ignored("own-copy");
  if (/^\w+:/.test(name) && !name.startsWith("ObjectCreated:")) return ignored("other-notification");
  const what = `${name} of ${textOr(at(s3, "bucket", "name"), "?")}/${key}`;
  return err(
    `Cannot take mail from the S3 event ${quote(what)}: it names no recipients. Let the SES receipt rule announce mail through SNS`,
  );
}

function decodeNotification(value: unknown, origin: Origin): Result<NoticeItem> {
  const { notificationType, eventType, mail, receipt } = isObject(value) ? value : {};
  const type = notificationType ?? eventType;
  if (type === "Bounce" || type === "Complaint") {
    const event = decodeSendingEvent(value);
    return event.ok ? ok({ kind: "event", event: event.value }) : event;
  }
  // The records of Lambda, the console's samples and some relays leave out the type where the shape is unmistakable.
  const isReceived = type === "Received" || (type === undefined && isObject(mail) && isObject(receipt));
  if (isReceived && isSetupTest(value)) return ok({ kind: "ignored", reason: "setup-test" });
  if (isReceived) return itemOf(decodeNotice(value, origin));
  if (typeof type === "string") return ok({ kind: "ignored", reason: "other-notification" });
  return err(`Cannot decode an entry: must be an SES notification, is ${quote(value)}`);
}

/** Some actions of a receipt rule are announced and carry no mail. */
function itemOf(notice: Result<Notice | null>): Result<NoticeItem> {
  if (!notice.ok) return notice;
  return ok(notice.value === null ? { kind: "ignored", reason: "other-action" } : { kind: "mail", notice: notice.value });
}

function isSetupTest(value: unknown): boolean {
  const key = at(value, "receipt", "action", "objectKey");
  return at(value, "mail", "messageId") === setupTest || (typeof key === "string" && key.endsWith(setupTest));
}

function ignored(reason: IgnoreReason): Items {
  return ok([{ kind: "ignored", reason }]);
}

function one(item: Result<NoticeItem>): Items {
  return item.ok ? ok([item.value]) : item;
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands at a path; nothing of a prototype, since all comes from JSON text. */
function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((found: unknown, name) => (isObject(found) ? found[name] : undefined), value);
}

function textOr<T>(value: unknown, other: T): string | T {
  return typeof value === "string" ? value : other;
}
