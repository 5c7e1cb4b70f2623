// Notice: one SES notification of a received mail, and its decoder (SES Developer Guide, "Contents of notifications
// for Amazon SES email receiving"). Every field but the recipients and the place of the mail may be missing. Unknown
// fields are passed over. Delivery goes by `receipt.recipients` alone: `mail.destination` repeats header fields, which
// anybody can write. The key of an object is used as it stands; it already includes any prefix.

import { z } from "zod";
import { parseReversePath, type ReversePath } from "../mail/address.ts";
import { fromBase64, latin1, utf8 } from "../octets.ts";
import { err, ok, quote, type Result } from "../result.ts";
import type { EpochMs } from "../time.ts";
import { dmarcPolicyOf, type SesVerdicts, statusOf, type VerdictStatus } from "./ses-verdicts.ts";

declare const mailIdBrand: unique symbol;

/** Names a mail for good: bucket and key of its object, or `sns/` and the SNS id of a mail that came inline. */
export type MailId = string & { readonly [mailIdBrand]: true };

/** The mail id of an object, or of another stored mail; the brand for a text that names one already. */
export function mailId(text: string): MailId {
  if (text === "") throw new RangeError("Cannot name a mail: must be a text, is empty");
  return text as MailId;
}

/** A mail stored as an object. The key is used as it stands in the notice; it already includes any prefix. */
export type ObjectLocation = Readonly<{ kind: "object"; bucket: string; key: string }>;
/** A mail that came inside the notice (SNS action). There is no object to mark. */
export type InlineLocation = Readonly<{ kind: "inline"; octets: Uint8Array }>;

/** One received mail, announced. */
export type Notice = Readonly<{
  mailId: MailId;
  /** SES's id of the inbound mail; not the Message-ID of its header. */
  sesId: string;
  location: ObjectLocation | InlineLocation;
  receivedAt: EpochMs;
  /** `undefined` reverse-path: there is one, and it is no address. Recipients are undecoded, in the spelling of SES. */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly string[] }>;
  sesVerdicts: SesVerdicts;
}>;

/** What the envelopes round a notification tell of it. */
export type Origin = Readonly<{
  /** SNS's id of the notification; "" where it came without an envelope. */
  snsId: string;
  /** SNS's own date, and when the entry was sent: for a notification that does not say when the mail came. */
  announcedAt: string | undefined;
  sentAt: EpochMs | null;
}>;

// A mail has 100 recipients (RFC 5321 §4.5.3.1.8). A list of tens of thousands would be that many look-ups.
const maxRecipients = 1000;

const anything = z.unknown().optional(); // a wrong type of what may be missing counts as missing
const receivedShape = z.object({
  mail: z.object({ timestamp: anything, source: anything, messageId: z.string().nullish() }),
  receipt: z.object({
    timestamp: anything,
    recipients: z.array(z.string()).min(1).max(maxRecipients),
    spamVerdict: anything,
    virusVerdict: anything,
    spfVerdict: anything,
    dkimVerdict: anything,
    dmarcVerdict: anything,
    dmarcPolicy: anything,
    action: z.object({
      type: z.string(),
      bucketName: z.string().nullish(),
      objectKey: z.string().nullish(),
      encoding: anything,
    }),
  }),
  content: z.string().nullish(),
});
type Received = z.infer<typeof receivedShape>;

/** Decodes a notification of a received mail; `null` where the action of its receipt rule carries no mail. */
export function decodeNotice(value: unknown, origin: Origin): Result<Notice | null> {
  const parsed = receivedShape.safeParse(value);
  if (!parsed.success) return err(`Cannot decode a notice: ${describe(parsed.error)}, is ${quote(value)}`);
  const { mail, receipt } = parsed.data;
  const place = locate(parsed.data, origin.snsId);
  if (!place.ok) return place;
  if (place.value === null) return ok(null);
  const receivedAt = firstInstant([mail.timestamp, receipt.timestamp, origin.announcedAt]) ?? origin.sentAt;
  if (receivedAt === null)
    return err(`Cannot decode a notice: its mail.timestamp must be an ISO 8601 instant, is ${quote(mail.timestamp)}`);
  const envelope = { reversePath: reversePathOf(mail.source), recipients: receipt.recipients };
  return ok({ ...place.value, sesId: mail.messageId ?? "", receivedAt, envelope, sesVerdicts: verdictsOf(receipt) });
}

/** Where the mail is; `null` for an action that carries none. */
function locate({ mail, receipt, content }: Received, snsId: string): Result<Pick<Notice, "mailId" | "location"> | null> {
  const { type, bucketName, objectKey, encoding } = receipt.action;
  if (type === "S3") {
    const key = objectKey ?? mail.messageId;
    if (!bucketName || !key)
      return err(`Cannot decode a notice: its S3 action must name bucket and key, is ${quote(receipt.action)}`);
    return ok({ mailId: `${bucketName}/${key}` as MailId, location: { kind: "object", bucket: bucketName, key } });
  }
  if (typeof content !== "string") {
    if (type !== "SNS") return ok(null);
    return err(`Cannot decode a notice: its SNS action must bring the mail as content, is ${quote(content)}`);
  }
  const id = snsId || mail.messageId;
  if (!id) return err(`Cannot decode a notice: an inline mail needs an id, is ${quote(mail.messageId)}`);
  return ok({ mailId: `sns/${id}` as MailId, location: { kind: "inline", octets: octetsOf(content, encoding) } });
}

/**
 * The octets of an SNS action's content. Older notices do not declare Base64: it is taken for granted where the content
 * itself does not look like a mail and what it decodes to does.
 */
function octetsOf(content: string, encoding: unknown): Uint8Array {
  const isDeclared = typeof encoding === "string" && /^base-?64$/i.test(encoding.trim());
  const isUndeclared = encoding === undefined || encoding === null;
  const decoded = isDeclared || (isUndeclared && !looksLikeMail(content)) ? fromBase64(content) : null;
  if (decoded === null || !(isDeclared || looksLikeMail(latin1(decoded.subarray(0, 1000))))) return utf8(content);
  return decoded;
}

/** A header field, or the line of a mailbox file above it (RFC 5322 §2.2). */
function looksLikeMail(text: string): boolean {
  return /^(?:[!-9;-~]+[ \t]*:|From )/.test(text);
}

/** A source that is there and no text is no path, but neither the null one. */
function reversePathOf(source: unknown): ReversePath | undefined {
  if (source === undefined || source === null) return null;
  return typeof source === "string" ? parseReversePath(source) : undefined;
}

const iso = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?$/i;

/** The first that is an instant since 1970. Without an offset it is UTC, which SES writes; a platform takes its own zone. */
function firstInstant(candidates: readonly unknown[]): EpochMs | null {
  for (const candidate of candidates) {
    const match = typeof candidate === "string" ? iso.exec(candidate.trim()) : null;
    if (match === null) continue;
    const [, minute = "", second = "00", fraction = "0", hours = "+00", minutes = "00"] = match;
    const instant = Date.parse(`${minute.toUpperCase()}:${second}.${fraction}${hours}:${minutes}`);
    if (instant >= 0) return instant as EpochMs;
  }
  return null;
}

function verdictsOf(receipt: Received["receipt"]): SesVerdicts {
  return {
    spam: verdictOf(receipt.spamVerdict),
    virus: verdictOf(receipt.virusVerdict),
    spf: verdictOf(receipt.spfVerdict),
    dkim: verdictOf(receipt.dkimVerdict),
    dmarc: verdictOf(receipt.dmarcVerdict),
    dmarcPolicy: typeof receipt.dmarcPolicy === "string" ? dmarcPolicyOf(receipt.dmarcPolicy) : null,
  };
}

function verdictOf(value: unknown): VerdictStatus {
  const status = typeof value === "object" && value !== null && "status" in value ? value.status : value;
  return typeof status === "string" ? statusOf(status) : "none";
}

function describe(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
    .slice(0, 3)
    .join("; ");
}
