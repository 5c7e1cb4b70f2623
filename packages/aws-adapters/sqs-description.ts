// SQS description: describes a queue and its dead-letter queue for `sesame check`. A moved entry keeps its age, so a
// dead-letter queue must keep entries longer than the queue (SQS Developer Guide,
// "Using dead-letter queues in Amazon SQS").

import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { troubleOf } from "./trouble.ts";

export type QueueDescription = Readonly<{
  url: string;
  arn: string;
  /** Default visibility timeout of the queue; the worker sets its own at each receive. */
  visibilitySeconds: number;
  retentionSeconds: number;
  /** The policy of the queue, as text; `null` if it has none. */
  policy: string | null;
  /** The KMS key that encrypts it: an id, an ARN or an alias; `null` if KMS does not. */
  kmsKey: string | null;
  /** `null`: an entry that always fails is retried until its retention ends, and is then lost. */
  deadLetter: DeadLetter | null;
}>;

export type DeadLetter = Readonly<{
  arn: string;
  /** Number of receives after which an entry is moved. */
  maxReceiveCount: number;
  /** The settings of the dead-letter queue, or the error text if they cannot be read. `isDenied`: for want of a permission. */
  queue: Readonly<{ retentionSeconds: number; entries: number }> | Readonly<{ trouble: string; isDenied: boolean }>;
}>;

/** Describes a queue and its dead-letter queue. */
export async function describeQueue(sqs: SQSClient, url: string, abortSignal: AbortSignal): Promise<QueueDescription> {
  const attributes = await attributesOf(sqs, url, abortSignal);
  return {
    url,
    arn: attributes["QueueArn"] ?? "",
    visibilitySeconds: Number(attributes["VisibilityTimeout"]),
    retentionSeconds: Number(attributes["MessageRetentionPeriod"]),
    policy: attributes["Policy"] || null,
    kmsKey: attributes["KmsMasterKeyId"] || null,
    deadLetter: await deadLetterOf(attributes["RedrivePolicy"], sqs, abortSignal),
  };
}

async function deadLetterOf(policy: string | undefined, sqs: SQSClient, abortSignal: AbortSignal): Promise<DeadLetter | null> {
  if (!policy) return null;
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy) as Readonly<Record<string, unknown>>;
  const arn = String(deadLetterTargetArn);
  return { arn, maxReceiveCount: Number(maxReceiveCount), queue: await ask(arn, sqs, abortSignal) };
}

async function ask(arn: string, sqs: SQSClient, abortSignal: AbortSignal): Promise<DeadLetter["queue"]> {
  try {
    const [, , , , account = "", name = ""] = arn.split(":");
    const input = { QueueName: name, QueueOwnerAWSAccountId: account };
    const { QueueUrl = "" } = await sqs.send(new GetQueueUrlCommand(input), { abortSignal });
    const attributes = await attributesOf(sqs, QueueUrl, abortSignal);
    return { retentionSeconds: Number(attributes["MessageRetentionPeriod"]), entries: Number(attributes["ApproximateNumberOfMessages"]) };
  } catch (error) {
    const { kind, text } = troubleOf(error);
    return { trouble: text, isDenied: kind === "denied" }; // normal operation does not need this permission
  }
}

async function attributesOf(sqs: SQSClient, QueueUrl: string, abortSignal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }), { abortSignal });
  return Attributes;
}
