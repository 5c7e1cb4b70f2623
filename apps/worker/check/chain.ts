// Chain check of `sesame check`: the way of a mail before the worker: MX, receipt rules, bucket, topic, subscription, queue. Most of it
// needs permissions that the worker does not have. What may not be seen is a note.

import { type AwsClients, type QueueDescription, SqsMailQueue } from "@sesame/aws-adapters";
import { describeBucketSettings, describeReceiptRules, describeTopic, type ReceiptRules, type Topics } from "@sesame/aws-adapters/check";
import type { Domain } from "@sesame/core";
import { type Config, forDomain, queueNamesOf } from "../config.ts";
import { mailObjects } from "../mail-objects.ts";
import { judgeBucket } from "./bucket-settings.ts";
import { type Finding, inspect, inspectIfAllowed } from "./finding.ts";
import { checkMx, type LookUpMx } from "./mx.ts";
import { judgeQueue } from "./queue-settings.ts";
import { judgeReceipt, type Receipt } from "./receipt.ts";
import { type ChainPlace, judgeTopic } from "./topic.ts";

export type ChainTools = Readonly<{ clients: AwsClients; topics: Topics; lookUp: LookUpMx }>;

/** Checks the chain of each domain. */
export async function checkChain(config: Config, tools: ChainTools): Promise<readonly Finding[]> {
  const region = await tools.clients.sqs.config.region().catch(() => null);
  const known: ReceiptRules[] = [];
  const [mx, trouble] = await Promise.all([
    Promise.all(config.domains.map((domain) => checkMx(domain, region, tools.lookUp))),
    inspectIfAllowed("receipt rules", "the active receipt rules", "ses:DescribeActiveReceiptRuleSet", async () => {
      known.push(await describeReceiptRules(tools.clients));
      return [];
    }),
  ]);
  const chains = await Promise.all(config.domains.map((domain) => checkDomain(domain, known[0] ?? null, config, tools)));
  return unique([...mx.flat(), ...trouble, ...chains.flat()]);
}

/** Domains may share a queue, a topic or a bucket. */
function unique(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((each) => [`${each.level} ${each.subject} ${each.text}`, each])).values()];
}

async function checkDomain(domain: Domain, rules: ReceiptRules | null, config: Config, tools: ChainTools): Promise<readonly Finding[]> {
  const mayOpen = mailObjects(config.MAIL_OBJECTS, queueNamesOf(config));
  const receipt = rules === null ? null : judgeReceipt(domain, rules, (bucket, key) => mayOpen(bucket, key, domain));
  const queue = await describeOwnQueue(domain, config, tools.clients);
  if (queue === null) return receipt?.findings ?? []; // the check of the queue itself says why
  const subject = `queue ${forDomain(config.QUEUE_NAME, domain)}`;
  const place = placeOf(queue, rules, receipt);
  const topics = receipt?.topics ?? [];
  const [ofTopics, ofBuckets] = await Promise.all([
    Promise.all(topics.map((arn) => checkTopic(arn, place, tools))),
    checkBuckets(domain, receipt, queue, place, config, tools),
  ]);
  return [...(receipt?.findings ?? []), ...ofBuckets, ...ofTopics.flat(), ...judgeQueue(subject, queue, topics)];
}

async function describeOwnQueue(domain: Domain, config: Config, { sqs, sqsPoll, clock }: AwsClients): Promise<QueueDescription | null> {
  const name = forDomain(config.QUEUE_NAME, domain);
  return new SqsMailQueue({ sqs, sqsPoll, clock, name }).describe().catch(() => null);
}

/** The rules are in the account and region of the queue. */
function placeOf({ arn }: QueueDescription, rules: ReceiptRules | null, receipt: Receipt | null): ChainPlace {
  const [, partition = "aws", , region = "", account = ""] = arn.split(":");
  const names = receipt?.rules ?? [];
  return {
    account,
    queue: arn,
    rules: names.map((name) => `arn:${partition}:ses:${region}:${account}:receipt-rule-set/${rules?.name}:receipt-rule/${name}`),
  };
}

function checkTopic(arn: string, place: ChainPlace, { topics }: ChainTools): Promise<readonly Finding[]> {
  const subject = `topic ${arn.split(":").at(-1)}`;
  return inspect(subject, "correct the topic of the receipt rule", async () =>
    judgeTopic(arn, await describeTopic(arn, place.queue, topics), place),
  );
}

/** The buckets of the receipt rules; where these are not known, the one of MAIL_OBJECTS without its policy for SES. */
async function checkBuckets(
  domain: Domain,
  receipt: Receipt | null,
  { retentionSeconds }: QueueDescription,
  place: ChainPlace,
  config: Config,
  { clients: { s3, clock } }: ChainTools,
): Promise<readonly Finding[]> {
  const [bucket = "", ...path] = forDomain(config.MAIL_OBJECTS, domain).split("/");
  const own =
    /[*?[{!(]/.test(bucket) || bucket === "" ? [] : [{ bucket, prefix: path.join("/").replace(/[*?[{!(].*$/s, ""), role: "not known" }];
  const stores = receipt === null || receipt.stores.length === 0 ? own : receipt.stores;
  const checks = stores.map((store) =>
    inspect(`bucket ${store.bucket}`, "correct the bucket of the receipt rule", async () => {
      const settings = await describeBucketSettings(store.bucket, { s3, clock });
      return judgeBucket(settings, { ...store, retentionSeconds }, place);
    }),
  );
  return (await Promise.all(checks)).flat();
}
