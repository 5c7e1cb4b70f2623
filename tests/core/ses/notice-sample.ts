// Notices for tests: what SES, SNS, S3 and Lambda put into a queue, to be varied.

import { decodeEntry, type EpochMs, type Notice, type NoticeItem } from "@sesame/core";

export const s3 = { type: "S3", topicArn: "arn:aws:sns:eu-west-1:1:t", bucketName: "b-emails", objectKeyPrefix: "p", objectKey: "p/k" };
export const mail = { timestamp: "2026-01-05T12:00:00.000Z", source: "bob@remote.test", messageId: "id1", destination: ["forged@x.test"] };
const receipt = { recipients: ["alice@example.com"], spamVerdict: { status: "PASS" }, dmarcPolicy: "reject", action: s3 };

type Parts = Readonly<{ mail?: object; receipt?: object; action?: object | undefined; more?: object }>;
/** A notification of a received mail, varied. */
export const received = (parts: Parts = {}) => ({
  notificationType: "Received",
  mail: { ...mail, ...parts.mail },
  receipt: { ...receipt, ...("action" in parts && { action: parts.action }), ...parts.receipt },
  ...parts.more,
});
export const inline = (content: unknown, encoding?: unknown) =>
  received({ action: { type: "SNS", topicArn: "arn", ...(encoding !== undefined && { encoding }) }, more: { content } });
export const bounceEvent = {
  bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: "x@y.test" }] },
  mail: { messageId: "e1" },
};

export const envelope = (Message: unknown, more: object = {}) => ({
  Type: "Notification",
  MessageId: "sns-1",
  TopicArn: "arn",
  Message,
  ...more,
});
export const sns = (inner: unknown, more: object = {}) => JSON.stringify(envelope(JSON.stringify(inner), more));
export const raw = (inner: unknown) => JSON.stringify(inner);
export const records = (...items: unknown[]) => raw({ Records: items });
export const sesRecord = (ses: unknown) => ({ eventSource: "aws:ses", eventVersion: "1.0", ses });
export const snsRecord = (inner: unknown) => ({ EventSource: "aws:sns", EventVersion: "1.0", Sns: envelope(raw(inner)) });
export const s3Record = (eventName: unknown, key = "k1") => ({
  eventSource: "aws:s3",
  eventName,
  s3: { bucket: { name: "b" }, object: { key, size: 1 } },
});

export const itemsOf = (body: string, sentAt?: EpochMs): readonly NoticeItem[] => {
  const items = decodeEntry(body, sentAt);
  if (!items.ok) throw new Error(items.error);
  return items.value;
};
export const only = (body: string): NoticeItem => {
  const [item, ...others] = itemsOf(body);
  if (!item || others.length > 0) throw new Error("not one");
  return item;
};
export const noticeOf = (body: string): Notice => {
  const item = only(body);
  if (item.kind !== "mail") throw new Error(item.kind);
  return item.notice;
};
