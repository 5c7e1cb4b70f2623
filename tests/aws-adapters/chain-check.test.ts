// What `sesame check` asks about the chain before the worker: SNS on fauxqs, and SES and S3 as scripted answers, also those that refuse.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CreateTopicCommand, SetSubscriptionAttributesCommand, SetTopicAttributesCommand, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand } from "@aws-sdk/client-sqs";
import { type AwsClients, SqsMailQueue } from "@sesame/aws-adapters";
import {
  describeBucketSettings,
  describeConfigurationSet,
  describeReceiptRules,
  describeTopic,
  openTopics,
  type Topics,
} from "@sesame/aws-adapters/check";
import { type Emulator, startEmulator, testClients } from "./emulator.ts";
import { type Answer, type Request, type ScriptedHttp, s3Error, scriptedHttp } from "./scripted-http.ts";

const queueArn = "arn:aws:sqs:eu-central-1:000000000000:q";
let emulator: Emulator;
let aws: ScriptedHttp;
let [clients, scripted]: [AwsClients, AwsClients] = [undefined as never, undefined as never];
let topics: Topics;
beforeAll(async () => {
  [emulator, aws] = await Promise.all([startEmulator(), scriptedHttp()]);
  [clients, scripted] = [testClients(emulator.endpoint), testClients(aws.endpoint, { attempts: 1 })];
  topics = topicsAt(emulator.endpoint);
}, 60_000);
afterAll(async () => {
  topics.close();
  for (const each of [clients, scripted]) each.close();
  await Promise.all([emulator.close(), aws.close()]);
});

function topicsAt(endpoint: string): Topics {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return openTopics({ version: "0.0.0-test", endpoint, region: "eu-central-1", credentials });
}

const xml = (action: string, content: string): Answer => ({
  headers: { "content-type": "text/xml" },
  body: `<${action}Response><${action}Result>${content}</${action}Result></${action}Response>`,
});
const xmlError = (status: number, code: string): Answer => ({
  status,
  headers: { "content-type": "text/xml" },
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>scripted</Message></Error></ErrorResponse>`,
});

describe("describeTopic()", () => {
  let arn = "";
  let SubscriptionArn = "";
  beforeAll(async () => {
    await clients.sqs.send(new CreateQueueCommand({ QueueName: "q", Attributes: { Policy: '{"Statement":[]}' } }));
    arn = (await topics.sns.send(new CreateTopicCommand({ Name: "t" }))).TopicArn ?? "";
    for (const Endpoint of [queueArn, `${queueArn}-2`]) {
      const answer = await topics.sns.send(new SubscribeCommand({ TopicArn: arn, Protocol: "sqs", Endpoint, ReturnSubscriptionArn: true }));
      if (Endpoint === queueArn) SubscriptionArn = answer.SubscriptionArn ?? "";
    }
  });

  test("describeTopic() tells policy, key, and the subscriptions of the queue", async () => {
    await topics.sns.send(new SetTopicAttributesCommand({ TopicArn: arn, AttributeName: "Policy", AttributeValue: '{"Statement":[]}' }));
    await topics.sns.send(new SetTopicAttributesCommand({ TopicArn: arn, AttributeName: "KmsMasterKeyId", AttributeValue: "alias/mail" }));
    const settings = async () => {
      const found = await describeTopic(arn, queueArn, topics);
      if (found.kind === "missing" || !found.attributes.isSeen || !found.subscriptions.isSeen) throw new Error(found.kind);
      const [first] = found.subscriptions.value;
      return {
        ...found.attributes.value,
        count: found.subscriptions.value.length,
        ...(first?.kind === "confirmed" && first.attributes.isSeen && first.attributes.value),
      };
    };
    expect(await settings()).toEqual({ policy: '{"Statement":[]}', kmsKey: "alias/mail", count: 1, isRaw: false, filterPolicy: null });
    await topics.sns.send(
      new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName: "RawMessageDelivery", AttributeValue: "true" }),
    );
    await topics.sns.send(
      new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName: "FilterPolicy", AttributeValue: '{"a":["b"]}' }),
    );
    expect(await settings()).toMatchObject({ count: 1, isRaw: true, filterPolicy: '{"a":["b"]}' });
  });

  test("describeTopic() tells of a topic that does not exist, and of a subscription that is not confirmed", async () => {
    expect(await describeTopic(`${arn}-none`, queueArn, topics)).toEqual({ kind: "missing" });
    const page = (token: string, ...arns: string[]) =>
      `<Subscriptions>${arns.map((each) => `<member><SubscriptionArn>${each}</SubscriptionArn><Endpoint>${queueArn}</Endpoint></member>`).join("")}</Subscriptions>${token}`;
    aws.on("GetTopicAttributes", xml("GetTopicAttributes", "<Attributes/>"));
    aws.on(
      "ListSubscriptionsByTopic",
      xml("ListSubscriptionsByTopic", page("<NextToken>2</NextToken>", "PendingConfirmation")),
      xml("ListSubscriptionsByTopic", page("", "arn:aws:sns:x")),
    );
    aws.on("GetSubscriptionAttributes", xmlError(403, "AuthorizationError"));
    const here = topicsAt(aws.endpoint);
    expect(await describeTopic(arn, queueArn, here)).toEqual({
      kind: "present",
      attributes: { isSeen: true, value: { policy: null, kmsKey: null } },
      subscriptions: {
        isSeen: true,
        value: [{ kind: "pending" }, { kind: "confirmed", attributes: { isSeen: false, permission: "sns:GetSubscriptionAttributes" } }],
      },
    });
    here.close();
  });

  test("describeTopic() names the permission that is missing, and throws when SNS does not answer", async () => {
    aws.on("GetTopicAttributes", xmlError(403, "AuthorizationError"));
    aws.on("ListSubscriptionsByTopic", xmlError(403, "AuthorizationError"));
    const here = topicsAt(aws.endpoint);
    expect(await describeTopic(arn, queueArn, here)).toEqual({
      kind: "present",
      attributes: { isSeen: false, permission: "sns:GetTopicAttributes" },
      subscriptions: { isSeen: false, permission: "sns:ListSubscriptionsByTopic" },
    });
    here.close();
    const nowhere = topicsAt("http://127.0.0.1:1");
    await expect(describeTopic(arn, queueArn, nowhere)).rejects.toThrow(/^Cannot describe topic: AWS is not reachable/);
    nowhere.close();
  });

  test("SqsMailQueue.describe() tells the policy of the queue", async () => {
    expect(await new SqsMailQueue({ ...clients, name: "q" }).describe()).toMatchObject({ policy: '{"Statement":[]}', kmsKey: null });
  });
});

describe("describeReceiptRules()", () => {
  const rule = (actions: string) =>
    `<Metadata><Name>sesame</Name></Metadata><Rules><member><Name>r</Name><Enabled>true</Enabled><ScanEnabled>true</ScanEnabled><Recipients><member>example.com</member></Recipients><Actions>${actions}</Actions></member></Rules>`;
  test("tells the rules of the active set in their order", async () => {
    const actions = [
      "<S3Action><BucketName>b</BucketName><ObjectKeyPrefix>p/</ObjectKeyPrefix><TopicArn>t</TopicArn><KmsKeyArn>k</KmsKeyArn><IamRoleArn>r</IamRoleArn></S3Action>",
      "<S3Action><BucketName>b</BucketName></S3Action>",
      "<SNSAction><TopicArn>t</TopicArn></SNSAction>",
      "<StopAction><Scope>RuleSet</Scope></StopAction>",
      "<BounceAction><SmtpReplyCode>550</SmtpReplyCode></BounceAction>",
      "<LambdaAction><FunctionArn>f</FunctionArn></LambdaAction>",
    ];
    aws.on(
      "DescribeActiveReceiptRuleSet",
      xml("DescribeActiveReceiptRuleSet", rule(actions.map((each) => `<member>${each}</member>`).join(""))),
    );
    expect(await describeReceiptRules(scripted)).toEqual({
      name: "sesame",
      rules: [
        {
          name: "r",
          isEnabled: true,
          isScanned: true,
          recipients: ["example.com"],
          actions: [
            { kind: "store", bucket: "b", prefix: "p/", topic: "t", kmsKey: "k", role: "r" },
            { kind: "store", bucket: "b", prefix: "", topic: null, kmsKey: null, role: null },
            { kind: "announce", topic: "t" },
            { kind: "stop" },
            { kind: "bounce" },
            { kind: "other" },
          ],
        },
      ],
    });
  });
  test("tells that no set is active", async () => {
    aws.on("DescribeActiveReceiptRuleSet", xml("DescribeActiveReceiptRuleSet", ""));
    expect(await describeReceiptRules(scripted)).toEqual({ name: null, rules: [] });
  });
  test("throws when access is denied", async () => {
    aws.on("DescribeActiveReceiptRuleSet", xmlError(403, "AccessDenied"));
    await expect(describeReceiptRules(scripted)).rejects.toThrow(/^Cannot describe receipt rules: AWS denied access/);
  });
});

describe("describeBucketSettings()", () => {
  const answers = (table: Readonly<Record<string, Answer>>) => {
    aws.on(
      "GET /b/",
      ({ target }: Request) => table[Object.keys(table).find((name) => target.includes(`?${name}`)) ?? ""] ?? s3Error(403, "AccessDenied"),
    );
    return describeBucketSettings("b", scripted);
  };
  const body = (text: string): Answer => ({ headers: { "content-type": "application/xml" }, body: text });
  const encryption = (inner: string) =>
    body(
      `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>${inner}</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`,
    );

  test("tells policy, key, lifecycle and events", async () => {
    const rules = [
      "<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix>mail/</Prefix></Filter><Expiration><Days>90</Days></Expiration><Transition><Days>60</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition><Transition><Days>10</Days><StorageClass>STANDARD_IA</StorageClass></Transition></Rule>",
      "<Rule><ID>b</ID><Status>Enabled</Status><Filter><And><Prefix>x/</Prefix></And></Filter></Rule>",
      "<Rule><ID>c</ID><Status>Disabled</Status><Prefix/><Expiration><Days>1</Days></Expiration></Rule>",
    ];
    expect(
      await answers({
        policy: { headers: { "content-type": "application/json" }, body: '{"Statement":[]}' },
        encryption: encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>"),
        lifecycle: body(`<LifecycleConfiguration>${rules.join("")}</LifecycleConfiguration>`),
        notification: body(
          "<NotificationConfiguration><QueueConfiguration><Queue>arn:q</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>",
        ),
      }),
    ).toEqual({
      policy: { isSeen: true, value: '{"Statement":[]}' },
      kmsKey: { isSeen: true, value: "k" },
      lifecycle: {
        isSeen: true,
        value: [
          { name: "a", prefix: "mail/", expireDays: 90, archiveDays: 30 },
          { name: "b", prefix: "x/", expireDays: null, archiveDays: null },
        ],
      },
      notifiedQueues: { isSeen: true, value: ["arn:q"] },
    });
  });

  test("tells that a bucket has none of them", async () => {
    const nothing = {
      policy: s3Error(404, "NoSuchBucketPolicy"),
      encryption: encryption("<SSEAlgorithm>AES256</SSEAlgorithm>"),
      lifecycle: s3Error(404, "NoSuchLifecycleConfiguration"),
      notification: body("<NotificationConfiguration/>"),
    };
    const expected = [null, null, [], []].map((value) => ({ isSeen: true, value }));
    expect(Object.values(await answers(nothing))).toEqual(expected as never);
    const unencrypted = s3Error(404, "ServerSideEncryptionConfigurationNotFoundError");
    expect((await answers({ ...nothing, encryption: unencrypted })).kmsKey).toEqual({ isSeen: true, value: null });
    expect((await answers({ ...nothing, encryption: encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm>") })).kmsKey).toEqual({
      isSeen: true,
      value: "aws",
    });
  });

  test("names each permission that is missing, and throws when the bucket is", async () => {
    expect(Object.values(await answers({})).map((each) => (each.isSeen ? "seen" : each.permission))).toEqual([
      "s3:GetBucketPolicy",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetBucketNotification",
    ]);
    aws.on("GET /b/", s3Error(404, "NoSuchBucket"));
    await expect(describeBucketSettings("b", scripted)).rejects.toThrow(
      /^Cannot describe bucket \(b\): the queue, table, bucket or object does not exist/,
    );
  });
});

describe("describeConfigurationSet()", () => {
  const route = "GET /v2/email/configuration-sets/main";
  const asJson = (value: unknown): Answer => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  test("tells whether it sends, and who tracks opens and clicks", async () => {
    aws.on(route, asJson({ SendingOptions: { SendingEnabled: false } }));
    const EventDestinations = [
      { Name: "all", Enabled: true, MatchingEventTypes: ["BOUNCE", "OPEN"] },
      { Name: "off", Enabled: false, MatchingEventTypes: ["CLICK"] },
      { Name: "bounces", Enabled: true, MatchingEventTypes: ["BOUNCE"] },
    ];
    aws.on(`${route}/event-destinations`, asJson({ EventDestinations }));
    expect(await describeConfigurationSet("main", scripted)).toEqual({ kind: "present", sendingEnabled: false, tracking: ["all"] });
    aws.on(route, asJson({}));
    aws.on(`${route}/event-destinations`, asJson({}));
    expect(await describeConfigurationSet("main", scripted)).toEqual({ kind: "present", sendingEnabled: true, tracking: [] });
  });
  test("tells that it does not exist", async () => {
    aws.on(route, { status: 404, headers: { "x-amzn-errortype": "NotFoundException" }, body: '{"message":"no"}' });
    expect(await describeConfigurationSet("main", scripted)).toEqual({ kind: "missing" });
  });
});
