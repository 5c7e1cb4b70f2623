// Cloud: AWS as Sesame meets it, played on the loopback: SNS, SQS and S3 by fauxqs, DynamoDB by dynalite, SES by our stub,
// each behind a proxy that counts and can do harm. A mail comes in as from SES: stored in S3, announced through SNS.

import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { CreateQueueCommand, GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { AwsClients } from "@sesame/aws-adapters";
import type { ObjectLocation } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { type Dynalite, startDynalite } from "../aws-adapters/dynalite.ts";
import { type Emulator, startEmulator, testClients } from "../aws-adapters/emulator.ts";
import { type SesStub, startSesStub } from "../aws-adapters/ses-stub.ts";
import { type AwsProxy, startAwsProxy } from "./aws-proxy.ts";

export type CloudOptions = Readonly<{
  domains: readonly string[];
  visibilitySeconds?: number;
  maxReceiveCount?: number;
  deadLetters?: boolean;
}>;

export type Incoming = Readonly<{
  domain: string;
  key: string;
  octets: Uint8Array;
  /** "" for the null reverse-path. */
  source?: string;
  recipients: readonly string[];
  /** Where not the bucket of the domain, not now, not all PASS. */
  bucket?: string;
  receivedAt?: number;
  verdicts?: Readonly<Record<string, string>>;
}>;

type Proxies = Readonly<Record<"queue" | "store" | "tables" | "ses", AwsProxy>>;

export class Cloud {
  readonly options: CloudOptions;
  readonly emulator: Emulator;
  readonly dynalite: Dynalite;
  readonly ses: SesStub;
  readonly proxies: Proxies;
  /** Straight to the emulators. */
  readonly clients: AwsClients;
  readonly #documents: DynamoDBDocumentClient;

  private constructor(options: CloudOptions, emulator: Emulator, dynalite: Dynalite, ses: SesStub, proxies: Proxies) {
    this.options = options;
    this.emulator = emulator;
    this.dynalite = dynalite;
    this.ses = ses;
    this.proxies = proxies;
    this.clients = testClients(emulator.endpoint);
    this.#documents = DynamoDBDocumentClient.from(dynalite.client);
  }

  static async start(options: CloudOptions): Promise<Cloud> {
    const [emulator, dynalite, ses] = await Promise.all([startEmulator(), startDynalite(), startSesStub()]);
    const [queue, store, tables, mail] = await Promise.all(
      [emulator.endpoint, emulator.endpoint, dynalite.endpoint, ses.endpoint].map(startAwsProxy),
    );
    if (!queue || !store || !tables || !mail) throw new Error("no proxy");
    const cloud = new Cloud(options, emulator, dynalite, ses, { queue, store, tables, ses: mail });
    for (const domain of options.domains) await cloud.#prepare(domain);
    return cloud;
  }

  /** The environment of a worker on this cloud. */
  get env(): Record<string, string> {
    const { queue, store, tables, ses } = this.proxies;
    return {
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_ENDPOINT_URL_SQS: queue.endpoint,
      AWS_ENDPOINT_URL_SNS: queue.endpoint,
      AWS_ENDPOINT_URL_S3: store.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: tables.endpoint,
      AWS_ENDPOINT_URL_SES: ses.endpoint,
      AWS_ENDPOINT_URL_SESV2: ses.endpoint,
      DOMAINS: this.options.domains.join(","),
      BLOCKED_MAIL: "keep", // to be deleted, its entries would rest in the queue for a quarter of an hour
      MAILBOX_GRACE_SECONDS: "0",
      REPLIES_PER_HOUR: "0", // a few mailboxes answer all mails of a test
      REPLIES_PER_DAY: "0",
    };
  }

  /** Calls of all workers so far, by name. */
  calls(): ReadonlyMap<string, number> {
    return new Map(Object.values(this.proxies).flatMap(({ calls }) => [...calls]));
  }

  forgetCalls(): void {
    for (const { calls } of Object.values(this.proxies)) calls.clear();
  }

  /** Stores a mail and announces it through SNS, as SES does. */
  async receive(mail: Incoming): Promise<void> {
    const location = await this.store(mail);
    await this.publish(mail.domain, this.notice(mail, location));
  }

  async store({ domain, key, octets, bucket = bucketOf(domain) }: Incoming): Promise<ObjectLocation> {
    const object = { Bucket: bucket, Key: key };
    if (octets.length > emulatorPut) await this.#storeInParts(object, octets);
    else await this.clients.s3.send(new PutObjectCommand({ ...object, Body: octets, ContentType: "application/octet-stream" }));
    return { kind: "object", bucket, key };
  }

  async #storeInParts(object: Readonly<{ Bucket: string; Key: string }>, octets: Uint8Array): Promise<void> {
    const { s3 } = this.clients;
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(object));
    const parts: { ETag: string | undefined; PartNumber: number }[] = [];
    for (let at = 0; at < octets.length; at += emulatorPut) {
      const PartNumber = parts.length + 1;
      const Body = octets.subarray(at, at + emulatorPut);
      const { ETag } = await s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body }));
      parts.push({ ETag, PartNumber });
    }
    await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts: parts } }));
  }

  /** What SES says of a mail. */
  notice(
    { key, octets, source = "bob@remote.test", recipients, receivedAt = Date.now(), verdicts }: Incoming,
    location: ObjectLocation,
  ): string {
    const entry = writeNotice({ sesId: key, location, source, recipients, head: octets.subarray(0, 20_000), receivedAt });
    const notice = JSON.parse(JSON.parse(entry).Message);
    if (verdicts !== undefined) notice.receipt = withVerdicts(notice.receipt, verdicts);
    return JSON.stringify(notice);
  }

  async publish(domain: string, message: string): Promise<void> {
    await this.#sns({
      Action: "Publish",
      TopicArn: topicArnOf(domain),
      Subject: "Amazon SES Email Receipt Notification",
      Message: message,
    });
  }

  async putRow(table: string, row: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#documents.send(new PutCommand({ TableName: table, Item: { ...row } }));
  }

  async removeRow(table: string, key: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#documents.send(new DeleteCommand({ TableName: table, Key: { ...key } }));
  }

  async rows(table: string): Promise<readonly Record<string, unknown>[]> {
    const found: Record<string, unknown>[] = [];
    let from: Record<string, unknown> | undefined;
    do {
      const page = await this.#documents.send(new ScanCommand({ TableName: table, ...(from && { ExclusiveStartKey: from }) }));
      found.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from);
    return found;
  }

  /** Entries that are in a queue, seen or not. */
  async queued(domain: string, suffix = ""): Promise<number> {
    const QueueUrl = await this.#queueUrl(`${queueOf(domain)}${suffix}`);
    const { Attributes = {} } = await this.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"],
      }),
    );
    return Object.values(Attributes).reduce((sum, value) => sum + Number(value), 0);
  }

  async stop(): Promise<void> {
    this.clients.close();
    await Promise.all(Object.values(this.proxies).map((proxy) => proxy.close()));
    await Promise.all([this.emulator.close(), this.dynalite.close(), this.ses.close()]);
  }

  async makeBucket(name: string): Promise<void> {
    await fetch(`${this.emulator.endpoint}/${name}`, { method: "PUT" });
  }

  /** The worker's clock goes by what AWS says: from now on it is this instant there. */
  setTime(at: number): void {
    for (const proxy of Object.values(this.proxies)) proxy.aheadMs = at - Date.now();
  }

  async #prepare(domain: string): Promise<void> {
    const { visibilitySeconds = 120, maxReceiveCount = 10, deadLetters = true } = this.options;
    const { sqs } = this.clients;
    if (deadLetters)
      await sqs.send(new CreateQueueCommand({ QueueName: `${queueOf(domain)}-dlq`, Attributes: { MessageRetentionPeriod: "1209600" } }));
    const redrive = { deadLetterTargetArn: queueArn(`${queueOf(domain)}-dlq`), maxReceiveCount };
    const attributes = {
      VisibilityTimeout: String(visibilitySeconds),
      Policy: policyFor("sns.amazonaws.com", "sqs:SendMessage", queueArn(queueOf(domain)), topicArnOf(domain)),
      ...(deadLetters && { RedrivePolicy: JSON.stringify(redrive) }),
    };
    await sqs.send(new CreateQueueCommand({ QueueName: queueOf(domain), Attributes: attributes }));
    await this.makeBucket(bucketOf(domain));
    await this.#sns({ Action: "CreateTopic", Name: topicOf(domain) });
    const AttributeValue = policyFor("ses.amazonaws.com", "sns:Publish", topicArnOf(domain), ruleArnOf(domain));
    await this.#sns({ Action: "SetTopicAttributes", TopicArn: topicArnOf(domain), AttributeName: "Policy", AttributeValue });
    await this.#sns({ Action: "Subscribe", TopicArn: topicArnOf(domain), Protocol: "sqs", Endpoint: queueArn(queueOf(domain)) });
  }

  async #queueUrl(name: string): Promise<string> {
    return `${this.emulator.endpoint}/000000000000/${name}`;
  }

  async #sns(form: Readonly<Record<string, string>>): Promise<void> {
    const body = new URLSearchParams({ Version: "2010-03-31", ...form });
    const headers = {
      Authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=0`,
    };
    const answer = await fetch(this.emulator.endpoint, { method: "POST", body, headers });
    if (!answer.ok) throw new Error(`SNS ${form["Action"]}: ${answer.status} ${await answer.text()}`);
  }
}

/** SES's opinions in place of those that stand there; one that is not given is left out. */
function withVerdicts(receipt: Readonly<Record<string, unknown>>, verdicts: Readonly<Record<string, string>>): Record<string, unknown> {
  const others = Object.entries(receipt).filter(([name]) => !name.endsWith("Verdict"));
  const { dmarcPolicy, ...statuses } = verdicts;
  const given = Object.entries(statuses).map(([name, status]) => [`${name}Verdict`, { status }]);
  return Object.fromEntries([...others, ...given, ...(dmarcPolicy === undefined ? [] : [["dmarcPolicy", dmarcPolicy]])]);
}

const emulatorPut = 8 * 1024 * 1024; // it takes no more in one piece

const dashed = (domain: string) => domain.replaceAll(".", "-");
export const queueOf = (domain: string): string => `${dashed(domain)}-queue`;
export const bucketOf = (domain: string): string => `${dashed(domain)}-emails`;
const topicOf = (domain: string): string => `${dashed(domain)}-topic`;
const topicArnOf = (domain: string): string => `arn:aws:sns:eu-central-1:000000000000:${topicOf(domain)}`;
const ruleArnOf = (domain: string): string =>
  `arn:aws:ses:eu-central-1:000000000000:receipt-rule-set/sesame:receipt-rule/${dashed(domain)}`;
const queueArn = (name: string): string => `arn:aws:sqs:eu-central-1:000000000000:${name}`;

/** A policy as docs/aws.md gives it. */
export function policyFor(service: string, action: string, resource: string, source: string = ruleArnOf("example.com")): string {
  const condition = { ArnEquals: { "aws:SourceArn": source } };
  return JSON.stringify({
    Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: action, Resource: resource, Condition: condition }],
  });
}

/** The active receipt rules of docs/aws.md for a domain, as SES gives them. */
export function receiptRulesOf(domain: string): string {
  const store = `<S3Action><BucketName>${bucketOf(domain)}</BucketName><TopicArn>${topicArnOf(domain)}</TopicArn></S3Action>`;
  const rule = `<Name>${dashed(domain)}</Name><Enabled>true</Enabled><ScanEnabled>true</ScanEnabled><Recipients><member>${domain}</member></Recipients>`;
  return `<Metadata><Name>sesame</Name></Metadata><Rules><member>${rule}<Actions><member>${store}</member></Actions></member></Rules>`;
}
