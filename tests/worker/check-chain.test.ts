// The chain before the worker, as `sesame check` judges it: receipt rules, topic, queue, bucket, MX, names and rows. What is well, what is
// not, and what may not be seen.

import { afterAll, describe, expect, test } from "bun:test";
import type { BucketSettings, ReceiptRule, Topic } from "@sesame/aws-adapters/check";
import type { Domain } from "@sesame/core";
import { judgeBucket } from "../../apps/worker/check/bucket-settings.ts";
import type { Finding } from "../../apps/worker/check/finding.ts";
import { checkMx, judgeMx, lookUpMx } from "../../apps/worker/check/mx.ts";
import { checkNames } from "../../apps/worker/check/names.ts";
import { judgeQueue } from "../../apps/worker/check/queue-settings.ts";
import { judgeReceipt } from "../../apps/worker/check/receipt.ts";
import { rowFindings } from "../../apps/worker/check/rows.ts";
import { judgeTopic } from "../../apps/worker/check/topic.ts";
import { dnsServer } from "../dns-server.ts";

const domain = "example.com" as Domain;
const account = "111122223333";
const topicArn = `arn:aws:sns:eu-west-1:${account}:example-com-topic`;
const queueArn = `arn:aws:sqs:eu-west-1:${account}:example-com-queue`;
const ruleArn = `arn:aws:ses:eu-west-1:${account}:receipt-rule-set/sesame:receipt-rule/example-com`;
const place = { account, rules: [ruleArn], queue: queueArn };
const levels = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);

function expectFindings(found: readonly Finding[], expected: readonly RegExp[]): void {
  expect(found.length, levels(found).join("\n")).toBe(expected.length);
  for (const [index, pattern] of expected.entries()) expect(levels(found)[index] ?? "").toMatch(pattern);
  for (const { level, mend } of found) expect(mend === null).toBe(level === "ok"); // each trouble says what to do
}

const store = { kind: "store", bucket: "example-com-emails", prefix: "", topic: topicArn, kmsKey: null, role: null } as const;
const rule: ReceiptRule = { name: "example-com", isEnabled: true, recipients: ["example.com"], isScanned: true, actions: [store] };
const mayOpen = (bucket: string, key: string) => `${bucket}/${key}`.startsWith("example-com-emails/");

const receipts: readonly (readonly [why: string, name: string | null, rules: readonly ReceiptRule[], expected: readonly RegExp[]])[] = [
  ["the rule of docs/aws.md", "sesame", [rule], [/^ok: example-com of the set sesame stores mail in example-com-emails$/]],
  ["a rule for all domains", "sesame", [{ ...rule, recipients: [] }], [/^ok: /]],
  ["a rule in other letters", "sesame", [{ ...rule, recipients: ["Example.COM"] }], [/^ok: /]],
  [
    "rules of others before it",
    "sesame",
    [{ ...rule, name: "x", recipients: ["other.test"], actions: [{ kind: "stop" }] }, rule],
    [/^ok: /],
  ],
  ["no active set", null, [], [/^error: no receipt rule set is active in this region/]],
  [
    "no rule for the domain",
    "sesame",
    [{ ...rule, recipients: ["other.test", ".example.com"] }],
    [/^error: no rule of the active set sesame names this domain/],
  ],
  ["a rule that is off", "sesame", [{ ...rule, isEnabled: false }], [/^error: all rules for this domain are disabled: example-com/]],
  [
    "a rule for one address",
    "sesame",
    [{ ...rule, recipients: ["alice@example.com"] }],
    [/^warning: mail is received for these addresses only: alice@example\.com/],
  ],
  [
    "a stop before it",
    "sesame",
    [{ ...rule, name: "first", actions: [{ kind: "stop" }] }, rule],
    [/^error: the rule first ends before an S3 action/],
  ],
  ["a bounce before it", "sesame", [{ ...rule, actions: [{ kind: "bounce" }, store] }], [/^error: the rule example-com ends before/]],
  ["a stop behind it", "sesame", [{ ...rule, actions: [{ kind: "other" }, store, { kind: "stop" }] }], [/^ok: /]],
  ["no S3 action", "sesame", [{ ...rule, actions: [{ kind: "other" }] }], [/^error: no rule has an S3 action/]],
  [
    "an SNS action alone",
    "sesame",
    [{ ...rule, actions: [{ kind: "announce", topic: topicArn }] }],
    [/^warning: the mail is not stored in S3.*150 KB/],
  ],
  [
    "no topic",
    "sesame",
    [{ ...rule, actions: [{ ...store, topic: null }] }],
    [/^error: the rule example-com announces the stored mail to no topic/],
  ],
  [
    "a bucket that MAIL_OBJECTS does not allow",
    "sesame",
    [{ ...rule, actions: [{ ...store, bucket: "other" }] }],
    [/^error: the rule example-com stores mail in other\/, which MAIL_OBJECTS does not allow/],
  ],
  [
    "encryption by SES",
    "sesame",
    [{ ...rule, actions: [{ ...store, kmsKey: "arn:aws:kms:x" }] }],
    [/^error: the rule example-com encrypts the mail before it stores it/],
  ],
  ["no scan", "sesame", [{ ...rule, isScanned: false }], [/^warning: the rule example-com does not scan for spam and viruses/]],
];
describe("judgeReceipt() finds", () => {
  for (const [why, name, rules, expected] of receipts)
    test(why, () => expectFindings(judgeReceipt(domain, { name, rules }, mayOpen).findings, expected));
  test("where the mail goes", () => {
    const { topics, stores, rules } = judgeReceipt(domain, { name: "sesame", rules: [rule, { ...rule, name: "second" }] }, mayOpen);
    expect([topics, stores.length, rules]).toEqual([[topicArn], 2, ["example-com", "second"]]);
    const alone = { ...rule, actions: [{ kind: "announce", topic: topicArn }] } as const;
    expect(judgeReceipt(domain, { name: "sesame", rules: [alone] }, mayOpen).topics).toEqual([topicArn]);
  });
});

const statement = (service: string, action: string, resource: string, more: object = {}) =>
  JSON.stringify({
    Statement: [
      {
        Effect: "Allow",
        Principal: { Service: service },
        Action: action,
        Resource: resource,
        Condition: { StringEquals: { "aws:SourceArn": service.startsWith("ses") ? ruleArn : topicArn } },
        ...more,
      },
    ],
  });
const topicPolicy = (more: object = {}) => statement("ses.amazonaws.com", "sns:Publish", topicArn, more);
const seen = <T>(value: T) => ({ isSeen: true, value }) as const;
const unseen = (permission: string) => ({ isSeen: false, permission }) as const;
const confirmed = (more: object = {}) => ({ kind: "confirmed", attributes: seen({ isRaw: false, filterPolicy: null, ...more }) }) as const;
const topic = {
  kind: "present",
  attributes: seen({ policy: topicPolicy(), kmsKey: null as string | null }),
  subscriptions: seen([confirmed()]),
} as const;

const topics: readonly (readonly [why: string, topic: Topic, expected: readonly RegExp[]])[] = [
  ["the topic of docs/aws.md", topic, [/^ok: SES may publish; announces to the queue, raw message delivery off \(both work\)$/]],
  ["raw delivery", { ...topic, subscriptions: seen([confirmed({ isRaw: true })]) }, [/^ok: .*raw message delivery on/]],
  ["no topic", { kind: "missing" }, [/^error: does not exist, although the receipt rule names it/]],
  [
    "no permission for SES",
    { ...topic, attributes: seen({ policy: null, kmsKey: null }) },
    [/^error: its policy does not let SES publish/],
  ],
  [
    "a policy of parts that are not known",
    {
      ...topic,
      attributes: seen({
        policy: topicPolicy({ Condition: { IpAddress: { x: "y" }, StringEquals: { "aws:SourceArn": ruleArn } } }),
        kmsKey: null,
      }),
    },
    [/^note: cannot say whether SES may publish/],
  ],
  [
    "a policy for anybody",
    { ...topic, attributes: seen({ policy: topicPolicy({ Principal: "*", Condition: {} }), kmsKey: null }) },
    [/^warning: its policy lets anybody publish/],
  ],
  [
    "a policy for each account",
    { ...topic, attributes: seen({ policy: topicPolicy({ Condition: {} }), kmsKey: null }) },
    [/^warning: its policy lets SES of any account publish/],
  ],
  [
    "a key of AWS",
    { ...topic, attributes: seen({ policy: topicPolicy(), kmsKey: "alias/aws/sns" }) },
    [/^error: it is encrypted with the key alias\/aws\/sns of AWS/],
  ],
  [
    "a key of one's own",
    { ...topic, attributes: seen({ policy: topicPolicy(), kmsKey: "alias/mail" }) },
    [/^note: it is encrypted with the key alias\/mail; the key is not checked/],
  ],
  ["no subscription", { ...topic, subscriptions: seen([]) }, [/^error: the queue is not subscribed to it/]],
  [
    "a subscription that is not confirmed",
    { ...topic, subscriptions: seen([{ kind: "pending" }]) },
    [/^error: the subscription of the queue is not confirmed/],
  ],
  [
    "a filter",
    { ...topic, subscriptions: seen([confirmed({ filterPolicy: '{"a":["b"]}' })]) },
    [/^warning: the subscription of the queue has a filter policy.*\{"a":\["b"\]\}/],
  ],
  [
    "nothing that may be seen",
    { kind: "present", attributes: unseen("sns:GetTopicAttributes"), subscriptions: unseen("sns:ListSubscriptionsByTopic") },
    [/^note: may not see its policy and its key/, /^note: may not see its subscriptions/],
  ],
  [
    "a subscription that may not be seen",
    { ...topic, subscriptions: seen([{ kind: "confirmed", attributes: unseen("sns:GetSubscriptionAttributes") }]) },
    [/^note: may not see the settings of its subscription/],
  ],
];
describe("judgeTopic() finds", () => {
  for (const [why, found, expected] of topics) test(why, () => expectFindings(judgeTopic(topicArn, found, place), expected));
});

const queuePolicy = (more: object = {}) => statement("sns.amazonaws.com", "sqs:SendMessage", queueArn, more);
const queue = { arn: queueArn, policy: queuePolicy(), kmsKey: null as string | null, retentionSeconds: 864_000 };
const queues: readonly (readonly [
  why: string,
  queue: typeof queue | (Omit<typeof queue, "policy"> & { policy: null }),
  topics: readonly string[],
  expected: readonly RegExp[],
])[] = [
  ["nothing wrong with the queue of docs/aws.md", queue, [topicArn], []],
  ["nothing wrong where no topic is known", { ...queue, policy: null }, [], []],
  [
    "no permission for the topic",
    { ...queue, policy: null },
    [topicArn],
    [/^error: its policy does not let the topic example-com-topic send/],
  ],
  ["one for another topic", queue, [`${topicArn}-2`], [/^error: its policy does not let the topic example-com-topic-2 send/]],
  [
    "a policy of parts that are not known",
    { ...queue, policy: queuePolicy({ Condition: { Null: { "aws:SourceArn": "false" } } }) },
    [topicArn],
    [/^note: cannot say whether the topic example-com-topic may send/],
  ],
  [
    "a policy for anybody",
    { ...queue, policy: queuePolicy({ Principal: "*", Condition: {} }) },
    [topicArn],
    [/^warning: its policy lets anybody send/],
  ],
  [
    "a policy for all topics",
    { ...queue, policy: queuePolicy({ Condition: {} }) },
    [topicArn],
    [/^warning: its policy lets the topics of any account send/],
  ],
  [
    "a key of AWS",
    { ...queue, kmsKey: "alias/aws/sqs" },
    [topicArn],
    [/^error: it is encrypted with the key alias\/aws\/sqs of AWS, which SNS may not use/],
  ],
  [
    "a key of one's own",
    { ...queue, kmsKey: `arn:aws:kms:eu-west-1:${account}:key/1` },
    [topicArn],
    [/^note: it is encrypted with the key arn:/],
  ],
  ["a short retention", { ...queue, retentionSeconds: 129_600 }, [topicArn], [/^warning: it keeps entries for 1\.5 days only/]],
];
describe("judgeQueue() finds", () => {
  for (const [why, found, asked, expected] of queues) test(why, () => expectFindings(judgeQueue("queue q", found, asked), expected));
});

const bucketPolicy = (more: object = {}) => statement("ses.amazonaws.com", "s3:PutObject", "arn:aws:s3:::example-com-emails/*", more);
const bucket: BucketSettings = { policy: seen(bucketPolicy()), kmsKey: seen(null), lifecycle: seen([]), notifiedQueues: seen([]) };
const stored = { bucket: "example-com-emails", prefix: "mail/", role: null as string | null, retentionSeconds: 864_000 };
const lives = (more: object) => ({
  ...bucket,
  lifecycle: seen([{ name: "old", prefix: "", expireDays: null, archiveDays: null, ...more }]),
});
const buckets: readonly (readonly [why: string, settings: BucketSettings, more: Partial<typeof stored>, expected: readonly RegExp[]])[] = [
  ["nothing wrong with the bucket of docs/aws.md", bucket, {}, []],
  ["no permission for SES", { ...bucket, policy: seen(null) }, {}, [/^error: its policy does not let SES store mail/]],
  ["no need for one where SES has a role", { ...bucket, policy: seen(null) }, { role: "arn:aws:iam::1:role/ses" }, []],
  [
    "a policy for each account",
    { ...bucket, policy: seen(bucketPolicy({ Condition: {} })) },
    {},
    [/^warning: its policy lets SES of any account write objects/],
  ],
  ["a policy of parts that are not known", { ...bucket, policy: seen("<xml/>") }, {}, [/^note: cannot say whether SES may store mail/]],
  ["AWS's own key", { ...bucket, kmsKey: seen("aws") }, {}, []],
  [
    "a key of one's own",
    { ...bucket, kmsKey: seen("arn:aws:kms:x") },
    {},
    [/^note: it is encrypted with the key arn:aws:kms:x; the key is not checked/],
  ],
  [
    "objects that die before their entry",
    lives({ expireDays: 7 }),
    {},
    [/^error: its lifecycle rule old deletes objects after 7 days, but an entry lives 10 days in the queue and 14 more/],
  ],
  [
    "objects that die before a dead letter",
    lives({ expireDays: 20 }),
    {},
    [/^warning: its lifecycle rule old deletes objects after 20 days/],
  ],
  ["objects that go into the archive", lives({ archiveDays: 3 }), {}, [/^error: its lifecycle rule old archives objects after 3 days/]],
  ["nothing wrong with objects that live long", lives({ expireDays: 25, archiveDays: 90 }), {}, []],
  ["nothing wrong with a rule for others", lives({ prefix: "logs/", expireDays: 1 }), {}, []],
  ["a rule for a part of the mail", lives({ prefix: "mail/a", expireDays: 1 }), {}, [/^error: /]],
  ["events of S3 in the queue", { ...bucket, notifiedQueues: seen([queueArn]) }, {}, [/^warning: S3 sends its own events to the queue/]],
  ["nothing wrong with events for others", { ...bucket, notifiedQueues: seen([`${queueArn}-2`]) }, {}, []],
  [
    "nothing that may be seen",
    { policy: unseen("a"), kmsKey: unseen("b"), lifecycle: unseen("c"), notifiedQueues: unseen("d") },
    {},
    [
      /^note: may not see its policy/,
      /^note: may not see its encryption/,
      /^note: may not see its lifecycle/,
      /^note: may not see its event notifications/,
    ],
  ],
];
describe("judgeBucket() finds", () => {
  for (const [why, settings, more, expected] of buckets)
    test(why, () => expectFindings(judgeBucket(settings, { ...stored, ...more }, place), expected));
});

const ours = "inbound-smtp.eu-west-1.amazonaws.com";
const mx: readonly (readonly [why: string, records: readonly (readonly [number, string])[], expected: RegExp])[] = [
  ["the record of docs/aws.md", [[10, ours]], /^ok: 10 inbound-smtp\.eu-west-1\.amazonaws\.com$/],
  ["other letters, and a dot", [[0, "INBOUND-SMTP.eu-west-1.amazonaws.com."]], /^ok: /],
  ["the Mail Manager of SES", [[10, "abcd.xyz.mail-manager-smtp.amazonaws.com"]], /^ok: /],
  ["none", [], /^warning: there is none/],
  ["a null record", [[0, ""]], /^warning: mail goes elsewhere and not to SES: 0 \.$/],
  ["another server", [[10, "mx.other.test"]], /^warning: mail goes elsewhere and not to SES: 10 mx\.other\.test$/],
  ["a name that only looks like it", [[10, `${ours}.evil.test`]], /^warning: mail goes elsewhere/],
  ["another region", [[10, "inbound-smtp.us-east-1.amazonaws.com"]], /^warning: mail goes to SES in another region than eu-west-1/],
  [
    "another server beside it",
    [
      [20, "mx.other.test"],
      [10, ours],
    ],
    /^warning: mail also goes to other servers.*: 10 inbound.*, 20 mx\.other\.test$/,
  ],
];
describe("judgeMx() finds", () => {
  for (const [why, records, expected] of mx)
    test(why, () => {
      const found = judgeMx(
        "MX of example.com",
        records.map(([priority, exchange]) => ({ priority, exchange })),
        "eu-west-1",
      );
      expectFindings([found], [expected]);
    });
});

const dns = await dnsServer({
  "example.com": [
    [10, ours],
    [5, "mx.other.test"],
  ],
  "none.test": [],
  "broken.test": "refused",
});
afterAll(() => dns.close());
test("checkMx() asks the name server that it was given", async () => {
  const find = async (name: string) => levels(await checkMx(name as Domain, "eu-west-1", lookUpMx(dns.address))).join();
  expect(await find("example.com")).toMatch(/^warning: mail also goes to other servers.*: 5 mx\.other\.test, 10 inbound/);
  expect(await find("none.test")).toMatch(/^warning: there is none/);
  expect(await find("unknown.test")).toMatch(/^warning: there is none/);
  expect(await find("broken.test")).toMatch(/^note: cannot look it up: /);
  expect(() => lookUpMx("dns.example.com")).toThrow(
    /^Cannot use the name server of --dns: must be an IP address.*, is "dns\.example\.com"$/,
  );
});

const domains = (...names: string[]) => names as Domain[];
const names: readonly (readonly [why: string, config: Parameters<typeof checkNames>[0], expected: readonly RegExp[]])[] = [
  [
    "two names that are one",
    { QUEUE_NAME: "{domain-dashed}-queue", MAIL_OBJECTS: "{domain-dashed}-emails/**", domains: domains("a-b.com", "a.b.com", "c.com") },
    [/^warning: a-b\.com and a\.b\.com have the same name a-b-com-queue/, /^warning: .*the same name a-b-com-emails/],
  ],
  [
    "objects that stay apart",
    { QUEUE_NAME: "{domain-dashed}-queue", MAIL_OBJECTS: "mail/{domain}/**", domains: domains("a-b.com", "a.b.com") },
    [/a-b-com-queue/],
  ],
  ["nothing wrong with one queue for all", { QUEUE_NAME: "mail", MAIL_OBJECTS: "mail/**", domains: domains("a-b.com", "a.b.com") }, []],
  [
    "nothing wrong with other names",
    { QUEUE_NAME: "{domain-dashed}-queue", MAIL_OBJECTS: "{domain-dashed}-emails/**", domains: domains("a.com", "b.com") },
    [],
  ],
];
describe("checkNames() finds", () => {
  for (const [why, config, expected] of names) test(why, () => expectFindings(checkNames(config), expected));
});

test("rowFindings() sums up rows, names five, and shows no code that a terminal obeys", () => {
  const row = (key: string, kind: "unreadable" | "key-upper-case") =>
    ({ level: "error", kind, table: "rules", key, field: null, text: "", mend: "" }) as const;
  expect(rowFindings("table t", [])).toEqual([]);
  const found = rowFindings("table t", [
    row("A@x", "key-upper-case"),
    ...[1, 2, 3, 4, 5, 6, 7].map((n) => row(`\u001b${n}@x`, "unreadable")),
  ]);
  expectFindings(found, [
    /^warning: rows with upper-case keys, never matched: A@x$/,
    /^warning: .*: \\u\{1b\}1@x \(unreadable\), .*5@x \(unreadable\), and 2 more$/,
  ]);
});
