// SQS description: what decides how a queue treats mail that fails, for `sesame check`. A dead-letter queue that keeps
// entries no longer than the queue itself loses them early, since a moved entry keeps its age (SQS Developer Guide,
// "Using dead-letter queues in Amazon SQS").

import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { troubleOf } from "./trouble.ts";

export type QueueDescription = Readonly<{
  url: string;
  arn: string;
  /** Default visibility; a receive says its own. */
  visibilitySeconds: number;
  retentionSeconds: number;
  /** `null`: entries that always fail are retried until their retention ends, and then they are gone. */
  deadLetter: DeadLetter | null;
}>;

export type DeadLetter = Readonly<{
  arn: string;
  /** An entry moves when it was received so often. */
  maxReceiveCount: number;
  /** What the dead-letter queue itself says; or why it could not be asked. */
  queue: Readonly<{ retentionSeconds: number; entries: number }> | Readonly<{ trouble: string }>;
}>;

/** Asks for a queue and its dead-letter queue. */
export async function describeQueue(sqs: SQSClient, url: string, abortSignal: AbortSignal): Promise<QueueDescription> {
  const attributes = await attributesOf(sqs, url, abortSignal);
  return {
    url,
    arn: attributes["QueueArn"] ?? "",
    visibilitySeconds: Number(attributes["VisibilityTimeout"]),
    retentionSeconds: Number(attributes["MessageRetentionPeriod"]),
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
    return { trouble: troubleOf(error).text }; // the right to look at it is not needed for work
  }
}

async function attributesOf(sqs: SQSClient, QueueUrl: string, abortSignal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }), { abortSignal });
  return Attributes;
}
