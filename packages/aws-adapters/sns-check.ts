// SNS check: describes a topic and its subscriptions of one queue for `sesame check`. The worker itself never calls SNS. It does not
// judge what it finds.

import {
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SNSClient,
} from "@aws-sdk/client-sns";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { type AwsOptions, awsBase, clientSettings, prepare } from "./client-base.ts";
import { type Seen, see } from "./seen.ts";
import { troubleOf } from "./trouble.ts";

/** The client of SNS. Made by `openTopics`. */
export type Topics = Readonly<{ sns: SNSClient; clock: AwsClock; close(): void }>;

export type Topic =
  | { readonly kind: "missing" }
  | {
      readonly kind: "present";
      readonly attributes: Seen<Readonly<{ policy: string | null; kmsKey: string | null }>>;
      /** Those that have this queue as their endpoint. */
      readonly subscriptions: Seen<readonly Subscription[]>;
    };

export type Subscription =
  | { readonly kind: "pending" } // nobody has confirmed it
  | {
      readonly kind: "confirmed";
      readonly attributes: Seen<Readonly<{ isRaw: boolean; filterPolicy: string | null }>>;
    };

const deadlineMs = 5000;

/** Makes the client, with the settings of the others. */
export function openTopics(options: AwsOptions): Topics {
  const base = awsBase(options);
  const sns = new SNSClient(clientSettings(base, null, 2));
  prepare(sns, base);
  return { sns, clock: base.clock, close: () => sns.destroy() };
}

/** Describes a topic and how it announces to a queue. Both are named by their ARN. */
export async function describeTopic(topic: string, queue: string, topics: Topics): Promise<Topic> {
  try {
    const attributes = await see("sns:GetTopicAttributes", () => attributesOf(topic, topics));
    const subscriptions = await see("sns:ListSubscriptionsByTopic", () => subscriptionsOf(topic, queue, topics));
    return { kind: "present", attributes, subscriptions };
  } catch (error) {
    if (troubleOf(error).kind === "not-found") return { kind: "missing" };
    throw error;
  }
}

async function attributesOf(TopicArn: string, topics: Topics): Promise<Readonly<{ policy: string | null; kmsKey: string | null }>> {
  const { Attributes = {} } = await ask(topics, "describeTopic", (abortSignal) =>
    topics.sns.send(new GetTopicAttributesCommand({ TopicArn }), { abortSignal }),
  );
  return { policy: Attributes["Policy"] || null, kmsKey: Attributes["KmsMasterKeyId"] || null };
}

async function subscriptionsOf(TopicArn: string, queue: string, topics: Topics): Promise<readonly Subscription[]> {
  const found: Subscription[] = [];
  let from: string | undefined;
  do {
    const input = { TopicArn, ...(from !== undefined && { NextToken: from }) };
    const page = await ask(topics, "describeSubscriptions", (abortSignal) =>
      topics.sns.send(new ListSubscriptionsByTopicCommand(input), { abortSignal }),
    );
    for (const { Endpoint, SubscriptionArn = "" } of page.Subscriptions ?? [])
      if (Endpoint === queue) found.push(await subscriptionOf(SubscriptionArn, topics));
    from = page.NextToken;
  } while (from !== undefined);
  return found;
}

async function subscriptionOf(SubscriptionArn: string, topics: Topics): Promise<Subscription> {
  if (!SubscriptionArn.startsWith("arn:")) return { kind: "pending" };
  const attributes = await see("sns:GetSubscriptionAttributes", async () => {
    const { Attributes = {} } = await ask(topics, "describeSubscription", (abortSignal) =>
      topics.sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }), { abortSignal }),
    );
    return { isRaw: Attributes["RawMessageDelivery"] === "true", filterPolicy: Attributes["FilterPolicy"] || null };
  });
  return { kind: "confirmed", attributes };
}

function ask<T>({ clock }: Topics, operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return call({ port: "Topics", operation, deadlineMs, clock }, run);
}
