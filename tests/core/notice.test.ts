import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeEntry, type NoticeItem } from "@sesame/core";

const received = (more: object = {}, action: object = { type: "S3", bucketName: "b-emails", objectKey: "p/k" }) => ({
  notificationType: "Received",
  mail: { timestamp: "2026-01-05T12:00:00Z", source: "bob@remote.test", messageId: "id1", destination: ["forged@x.test"] },
  receipt: { recipients: ["alice@example.com"], spamVerdict: { status: "PASS" }, dmarcPolicy: "reject", action },
  ...more,
});
const sns = (inner: unknown) => JSON.stringify({ Type: "Notification", MessageId: "sns-1", Message: JSON.stringify(inner) });
const only = (body: string): NoticeItem => {
  const items = decodeEntry(body);
  if (!items.ok || items.value.length !== 1 || !items.value[0]) throw new Error(items.ok ? "not one" : items.error);
  return items.value[0];
};

test("decodeEntry() reads the same notice enveloped, raw and as a Lambda record", () => {
  const records = JSON.stringify({ Records: [{ eventSource: "aws:ses", ses: received() }] });
  for (const body of [sns(received()), JSON.stringify(received()), records]) {
    const item = only(body);
    if (item.kind !== "mail") throw new Error(item.kind);
    expect(item.notice.mailId).toBe("b-emails/p/k" as never);
    expect(item.notice.envelope).toEqual({ reversePath: "bob@remote.test" as never, recipients: ["alice@example.com"] });
    expect(item.notice.verdicts).toMatchObject({ spam: "PASS", virus: "none", dmarcPolicy: "reject" });
  }
});

test("decodeEntry() reads an inline mail, Base64 declared, undeclared and plain", () => {
  const mail = "Subject: x\r\n\r\nü";
  const octets = new TextEncoder().encode(mail);
  const text = Buffer.from(mail).toString("base64");
  for (const [content, encoding] of [
    [text, "BASE64"],
    [text, undefined],
    [mail, "UTF-8"],
    [mail, undefined],
  ]) {
    const item = only(sns(received({ content }, { type: "SNS", ...(encoding && { encoding }) })));
    if (item.kind !== "mail" || item.notice.location.kind !== "inline") throw new Error("not inline");
    expect([item.notice.mailId as string, item.notice.location.octets]).toEqual(["sns/sns-1", octets]);
  }
});

const ignored: [string, string][] = [
  [JSON.stringify({ Type: "SubscriptionConfirmation", SubscribeURL: "https://x" }), "subscription-confirmation"],
  [sns(received({ mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } })), "setup-test"],
  [sns(received({}, { type: "Lambda" })), "other-action"],
  [sns({ notificationType: "Delivery", mail: {} }), "other-notification"],
  [JSON.stringify({ Service: "Amazon S3", Event: "s3:TestEvent" }), "s3-test-event"],
  [JSON.stringify({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Copy" }] }), "own-copy"],
];
for (const [body, reason] of ignored) {
  test(`decodeEntry() passes over what is no mail: ${reason}`, () => {
    expect(only(body)).toEqual({ kind: "ignored", reason } as NoticeItem);
  });
}

const undecodable: [string, string][] = [
  ["not json", "no JSON"],
  ["[]", "a list"],
  ["{}", "no kind"],
  [sns(received({ receipt: { action: { type: "S3", bucketName: "b", objectKey: "k" } } })), "no recipients"],
  [sns(received({}, { type: "S3" })), "no object"],
  [sns(received({ mail: { messageId: "i", timestamp: "yesterday" } })), "no time"],
  [JSON.stringify({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Put" }] }), "an S3 event names no recipients"],
  [JSON.stringify({ Records: [] }), "no records"],
];
for (const [body, why] of undecodable) {
  test(`decodeEntry() leaves in the queue what it cannot decode: ${why}`, () => {
    const items = decodeEntry(body);
    expect(items.ok ? "decoded" : items.error).toMatch(/^Cannot .* as .*: current value is /s);
  });
}

const bodies = join(import.meta.dir, "../../../shared/corpus/sns-bodies");
const samples = existsSync(bodies) ? readdirSync(bodies) : [];
test.skipIf(samples.length === 0)(
  `decodeEntry() reads all captured bodies${samples.length === 0 ? " (SKIPPED: ../shared/corpus is missing)" : ""}`,
  () => {
    for (const name of samples)
      expect([name, only(readFileSync(join(bodies, name), "utf8")).kind]).toEqual([name, name === "hard_bounce.json" ? "event" : "mail"]);
  },
);
