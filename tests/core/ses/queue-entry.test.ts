import { expect, test } from "bun:test";
import { decodeEntry, type Notice, type NoticeItem, noVerdicts } from "@sesame/core";
import fc from "fast-check";
import { corpusRows } from "../corpus.ts";
import {
  bounceEvent,
  envelope,
  inline,
  itemsOf,
  noticeOf,
  only,
  raw,
  received,
  records,
  s3,
  s3Record,
  sesRecord,
  sns,
  snsRecord,
} from "./notice-sample.ts";

const shapes: [string, string][] = [
  ["in an SNS envelope", sns(received(), { Subject: "Amazon SES Email Receipt Notification", Timestamp: "2026-01-05T12:00:01Z" })],
  ["raw", raw(received())],
  ["raw, with unknown fields", raw({ ...received({ more: { newField: { deep: [1] } } }), extra: null })],
  ["raw, behind a byte order mark", `\ufeff${raw(received())}`],
  ["as a record of Lambda", records(sesRecord({ mail: received().mail, receipt: received().receipt }))],
  ["as a record of Lambda, from SNS", records(snsRecord(received()))],
  ["as a record of Lambda in an SNS envelope", sns({ Records: [sesRecord(received())] })],
  ["in an envelope in an envelope", sns(envelope(raw(received())))],
  ["without a type", raw({ mail: received().mail, receipt: received().receipt })],
];
for (const [shape, body] of shapes) {
  test(`decodeEntry() reads a received mail ${shape}`, () => {
    expect(noticeOf(body)).toEqual({
      mailId: "b-emails/p/k",
      sesId: "id1",
      messageId: null,
      location: { kind: "object", bucket: "b-emails", key: "p/k" },
      receivedAt: Date.parse("2026-01-05T12:00:00Z"),
      envelope: { reversePath: "bob@remote.test", recipients: ["alice@example.com"] },
      sesVerdicts: { ...noVerdicts, spam: "PASS", dmarcPolicy: "reject" },
    } as unknown as Notice);
  });
}

const named = (mail: object) => noticeOf(raw(received({ mail }))).messageId;
const messageIds: readonly (readonly [string, object, string | null])[] = [
  ["of the common headers", { commonHeaders: { messageId: "<a@remote.test>" } }, "<a@remote.test>"],
  ["of the header fields", { headers: [{ name: "From" }, 7, { name: "MESSAGE-ID", value: " <a@remote.test> (x)" }] }, "<a@remote.test>"],
  [
    "of the common headers before that of the fields",
    { commonHeaders: { messageId: "<a@b>" }, headers: [{ name: "message-id", value: "<c@d>" }] },
    "<a@b>",
  ],
  ["of the first of two", { commonHeaders: { messageId: "<a@b> <c@d>" } }, "<a@b>"],
  ["that has no brackets", { commonHeaders: { messageId: "a@b" } }, null],
  ["that no field can hold", { commonHeaders: { messageId: `<${"a".repeat(300)}@b>` } }, null],
  ["outside ASCII", { commonHeaders: { messageId: "<\u00fc@b>" } }, null],
  ["of another type", { commonHeaders: { messageId: 7 }, headers: "none" }, null],
];
for (const [what, mail, expected] of messageIds) {
  test(`decodeEntry() reads the Message-ID ${what}`, () => {
    expect(named(mail)).toBe(expected);
  });
}

const ignored: [string, string, string][] = [
  [
    "a subscription to confirm",
    raw({ Type: "SubscriptionConfirmation", SubscribeURL: "https://x", Token: "t" }),
    "subscription-confirmation",
  ],
  ["a subscription that ended", raw({ Type: "UnsubscribeConfirmation", SubscribeURL: "https://x" }), "unsubscribe-confirmation"],
  ["the set-up test of SES", sns(received({ mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } })), "setup-test"],
  ["the same raw", raw(received({ mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } })), "setup-test"],
  ["the same, cut short", raw({ notificationType: "Received", mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } }), "setup-test"],
  ["the same by its key", sns(received({ action: { ...s3, objectKey: "p/AMAZON_SES_SETUP_NOTIFICATION" } })), "setup-test"],
  [
    "the same inline",
    sns({ ...inline("Subject: Amazon SES Setup Notification\n\n"), mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } }),
    "setup-test",
  ],
  ["the same as a record", records(sesRecord(received({ mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } }))), "setup-test"],
  ["the same as an S3 event", records(s3Record("ObjectCreated:Put", "p/AMAZON_SES_SETUP_NOTIFICATION")), "setup-test"],
  ["the test of an event destination", raw(envelope("Successfully validated SNS topic for Amazon SES event publishing.")), "setup-test"],
  ["the same raw", "Successfully validated SNS topic for Amazon SES event publishing.\n", "setup-test"],
  ["our own copy", records(s3Record("ObjectCreated:Copy")), "own-copy"],
  ["our own copy in an SNS envelope", sns({ Records: [s3Record("ObjectCreated:Copy")] }), "own-copy"],
  ["our own copy, as some stores spell it", records(s3Record("s3:ObjectCreated:Copy")), "own-copy"],
  ["a deleted object", records(s3Record("ObjectRemoved:Delete")), "other-notification"],
  ["the test event of S3", raw({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "b" }), "s3-test-event"],
  ["the test event of S3 in an SNS envelope", sns({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "b" }), "s3-test-event"],
  ["a topic that was set", sns({ notificationType: "AmazonSnsSubscriptionSucceeded", message: "You have …" }), "other-notification"],
  ...["Bounce", "Lambda", "Stop", "WorkMail", "AddHeader", "SomethingNew"].map((type): [string, string, string] => [
    `the action ${type}`,
    sns(received({ action: { type } })),
    "other-action",
  ]),
  ...["Delivery", "Send", "Reject", "Open", "Click", "Rendering Failure", "DeliveryDelay", "Subscription"].flatMap(
    (type): [string, string, string][] => [
      [`${type} of an identity`, sns({ notificationType: type, mail: {} }), "other-notification"],
      [`${type} of event publishing`, raw({ eventType: type, mail: {} }), "other-notification"],
    ],
  ),
];
for (const [what, body, reason] of ignored) {
  test(`decodeEntry() passes over what is no mail: ${what}`, () => expect(only(body)).toEqual({ kind: "ignored", reason } as NoticeItem));
}

for (const type of ["Bounce", "Complaint"]) {
  for (const name of ["notificationType", "eventType"]) {
    test(`decodeEntry() reads ${name} ${type} as an event`, () => {
      const body = sns({ [name]: type, ...bounceEvent, complaint: { complainedRecipients: [{ emailAddress: "x@y.test" }] } });
      expect(only(body)).toMatchObject({ kind: "event", event: { kind: type.toLowerCase(), row: { bouncedRecipients: ["x@y.test"] } } });
    });
  }
}

test("decodeEntry() takes each record for itself, and one that cannot be understood stops no other", () => {
  const body = records(
    sesRecord(received()),
    sesRecord({ notificationType: "Bounce", ...bounceEvent }),
    sesRecord(received({ mail: { messageId: "AMAZON_SES_SETUP_NOTIFICATION" } })),
    s3Record("ObjectCreated:Put"),
    s3Record("ObjectCreated:Copy"),
    7,
    snsRecord(received({ action: { ...s3, objectKey: "p/k2" } })),
  );
  const kinds = itemsOf(body).map((item) => (item.kind === "ignored" ? item.reason : item.kind));
  expect(kinds).toEqual(["mail", "event", "setup-test", "undecodable", "own-copy", "undecodable", "mail"]);
});

test("F22 decodeEntry() says how to mend a queue that S3 feeds", () => {
  for (const name of ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Post"]) {
    const items = decodeEntry(records(s3Record(name, "mail/k%2B1")));
    expect(items.ok ? "decoded" : items.error).toMatch(
      /^Cannot take mail from the S3 event "ObjectCreated:\w+ of b\/mail\/k%2B1": it names no recipients\. Let the SES receipt rule .* SNS$/,
    );
  }
});

test("decodeEntry() takes four envelopes and no more, of SNS or as Lambda gets them", () => {
  const lambda = (value: unknown) => ({ Records: [{ EventSource: "aws:sns", Sns: value }] });
  const sns = (value: unknown) => envelope(raw(value as object));
  const nested = (depth: number, wrap: (value: unknown) => unknown) => {
    let value: unknown = received();
    for (let i = 0; i < depth; i++) value = wrap(value);
    return decodeEntry(JSON.stringify(value)).ok;
  };
  for (const wrap of [lambda, sns]) expect([0, 1, 4, 5].map((depth) => nested(depth, wrap))).toEqual([true, true, true, false]);
  expect(nested(1000, lambda)).toBe(false);
  const mixed = (value: unknown) => lambda(sns(value));
  expect([1, 2, 3].map((depth) => nested(depth, mixed))).toEqual([true, true, false]);
});

const undecodable: [string, string][] = [
  ["not json", "no JSON"],
  ["", "nothing"],
  ["[]", "a list"],
  ["7", "a number"],
  ['"x"', "a text"],
  ["null", "nothing in it"],
  ["{}", "no kind"],
  [raw({ AlarmName: "a", NewStateValue: "ALARM" }), "an alarm of CloudWatch"],
  [raw({ Type: "SomethingNew", Message: "{}" }), "an unknown kind of SNS"],
  [raw({ Type: "Notification" }), "an envelope without a letter"],
  [raw(envelope({ notificationType: "Received" })), "a letter that is no text"],
  [raw(envelope("hello")), "a letter that is no JSON"],
  [raw({ notificationType: 7, mail: {}, receipt: {} }), "a type that is no text"],
  [raw({ notificationType: "Received" }), "neither mail nor receipt"],
  [raw({ notificationType: "Received", mail: [], receipt: [] }), "lists for objects"],
  [sns(received({ receipt: { recipients: undefined } })), "no recipients"],
  [sns(received({ receipt: { recipients: [] } })), "an empty list of recipients"],
  [sns(received({ receipt: { recipients: "alice@example.com" } })), "recipients as a text"],
  [sns(received({ receipt: { recipients: ["alice@example.com", 7] } })), "a recipient that is a number"],
  [
    sns(received({ receipt: { recipients: Array.from({ length: 1001 }, (_, i) => `a${i}@example.com`) } })),
    "more recipients than a mail can have",
  ],
  [sns(received({ action: undefined })), "no action"],
  [sns(received({ action: { type: "S3" } })), "no object"],
  [sns(received({ action: { type: "S3", bucketName: "b", objectKey: "" } })), "an empty key"],
  [sns(received({ action: { type: "S3", bucketName: 7, objectKey: "k" } })), "a bucket that is a number"],
  [sns(received({ action: { type: "SNS" } })), "an SNS action without the mail, which must not be lost"],
  [sns(inline(7)), "a mail that is a number"],
  [raw({ ...inline("Subject: x\n\n"), mail: {} }), "an inline mail without any name"],
  [raw(received({ mail: { timestamp: "yesterday" } })), "no time"],
  [raw({ notificationType: "Bounce", mail: {} }), "a bounce of nothing"],
  [records(), "no records"],
  [records(null), "a record that is nothing"],
  [records({ eventSource: "aws:sqs", body: "{}" }), "a record of another service"],
  [records(s3Record(7)), "an S3 event without a name"],
  [records(sesRecord(undefined)), "an empty record of SES"],
  [raw(JSON.parse('{"__proto__": {"notificationType": "Received"}, "constructor": {"Records": []}}')), "a kind on the prototype"],
  [Array.from({ length: 8 }).reduce<string>((inner) => raw(envelope(inner)), raw(received())), "too many envelopes"],
  [`{"a":"${"x".repeat(1_200_000)}"}`, "more than SQS can hold"],
];
for (const [body, why] of undecodable) {
  test(`decodeEntry() leaves in the queue what it cannot decode: ${why}`, () => {
    const items = decodeEntry(body);
    expect(items.ok ? "decoded" : items.error).toMatch(/^Cannot .+: .+/s);
    expect(items.ok ? 0 : items.error.length).toBeLessThan(500);
  });
}

test("decodeEntry() bears a body that is nested as deep as its size allows", () => {
  const deep = ["[".repeat(500_000) + "]".repeat(500_000), `${'{"a":'.repeat(170_000)}1${"}".repeat(170_000)}`];
  for (const value of deep) {
    for (const body of [value, `{"mail":${value},"receipt":{}}`, `{"Records":${value}}`, `{"Type":"Notification","Message":${value}}`]) {
      const items = decodeEntry(body.slice(0, 1_048_576));
      expect(items.ok).toBe(false);
    }
    // Where nobody looks, depth does not matter.
    expect(noticeOf(`{"odd":${value},${raw(received()).slice(1)}`).sesId).toBe("id1");
  }
});

test("decodeEntry() never throws, and says of each body what it is or what is wrong with it", () => {
  const piece = fc.oneof(
    fc.constantFrom<unknown>(received(), inline("x"), bounceEvent, s3Record("ObjectCreated:Copy"), envelope(raw(received()))),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const name = fc.constantFrom("Type", "Message", "Records", "Event", "notificationType", "eventType", "mail", "receipt", "content", "ses");
  const word = fc.constantFrom<unknown>("Notification", "Received", "Bounce", "Complaint", "s3:TestEvent", "aws:ses", null, 7, [[]], {});
  const body = fc.oneof(
    piece.map(raw),
    piece.map((inner) => sns(inner)),
    fc.array(piece, { maxLength: 4 }).map((items) => records(...items)),
    fc.tuple(piece, fc.dictionary(name, fc.oneof(word, piece), { maxKeys: 4 })).map(([base, odd]) => raw({ ...(base as object), ...odd })),
    fc.string(),
  );
  fc.assert(
    fc.property(body, (one) => {
      const items = decodeEntry(one);
      if (!items.ok) expect(items.error).toMatch(/^Cannot .+: .+/s);
      else expect(items.value.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
});

const inS3 = { kind: "mail", notice: { mailId: expect.stringContaining("/"), location: { kind: "object" }, sesId: expect.any(String) } };
const alongside = {
  kind: "mail",
  notice: { mailId: expect.stringMatching(/^sns\//), location: { kind: "inline" }, envelope: { recipients: [expect.any(String)] } },
};
const spam = { kind: "mail", notice: { sesVerdicts: { spam: "FAIL", virus: "PASS", dmarc: "PASS", dmarcPolicy: null } } };
const dmarc = { kind: "mail", notice: { sesVerdicts: { dmarc: "FAIL" } } };
const bounced = { kind: "event", event: { kind: "bounce", row: { bounceType: "Permanent" } } };
const bodies: Readonly<Record<string, object>> = {
  "fixtures/sns-bodies/mail-in-s3.json": inS3,
  "fixtures/sns-bodies/mail-within-the-body.json": alongside,
  "fixtures/sns-bodies/mail-that-is-spam.json": spam,
  "fixtures/sns-bodies/mail-whose-dmarc-fails.json": dmarc,
  "fixtures/sns-bodies/bounce-of-a-suppressed-address.json": bounced,
  "corpus/sns-bodies/s3_stored_email.json": inS3,
  "corpus/sns-bodies/single_recipient_email.json": alongside,
  "corpus/sns-bodies/spamVerdict_FAIL_email.json": spam,
  "corpus/sns-bodies/dmarc_failed_email.json": dmarc,
  "corpus/sns-bodies/hard_bounce.json": bounced,
};
for (const { name, octets, row } of corpusRows("sns-bodies", bodies)) {
  test(`decodeEntry() reads ${name}`, () => expect(only(Buffer.from(octets).toString("utf8"))).toMatchObject(row));
}
