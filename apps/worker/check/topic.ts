// Topic check of `sesame check`: whether SES may publish to a topic, and whether the topic announces to the queue. It judges what was
// found and asks nothing.

import type { Subscription, Topic } from "@sesame/aws-adapters/check";
import { type Finding, failure, fine, hidden, note, warning } from "./finding.ts";
import { askPolicy, openTo } from "./policy.ts";

/** What is known of a domain's chain. ARNs, and the account of the queue. */
export type ChainPlace = Readonly<{ account: string; rules: readonly string[]; queue: string }>;

/** Whether a key is one that AWS made: its policy cannot be changed, so no service may use it for another. */
export function isAwsKey(key: string): boolean {
  return /(?:^|\/|:)alias\/aws\/|^aws$/.test(key);
}

export function judgeTopic(arn: string, topic: Topic, place: ChainPlace): readonly Finding[] {
  const subject = `topic ${arn.split(":").at(-1)}`;
  if (topic.kind === "missing")
    return [failure(subject, "does not exist, although the receipt rule names it", `create it, or correct the rule (${arn})`)];
  const { attributes, subscriptions } = topic;
  const findings = attributes.isSeen
    ? [...policyFindings(subject, arn, attributes.value.policy, place), ...keyFindings(subject, attributes.value.kmsKey)]
    : [hidden(subject, "its policy and its key", attributes.permission)];
  findings.push(
    ...(subscriptions.isSeen
      ? subscriptionFindings(subject, arn, subscriptions.value, place)
      : [hidden(subject, "its subscriptions", subscriptions.permission)]),
  );
  return findings.some(({ level }) => level !== "ok") ? findings.filter(({ level }) => level !== "ok") : findings.slice(-1);
}

function policyFindings(subject: string, arn: string, policy: string | null, { account, rules }: ChainPlace): Finding[] {
  const asked = { service: "ses.amazonaws.com", action: "sns:Publish", resource: arn };
  const answer = askPolicy(policy, { ...asked, values: { "aws:sourceaccount": [account], "aws:sourcearn": rules } });
  const findings: Finding[] = [];
  const fix = "see docs/aws.md, Topic and queues";
  if (answer === "missing" || answer === "denied")
    findings.push(failure(subject, "its policy does not let SES publish for the receipt rule, so no notice arrives", fix));
  if (answer === "unknown")
    findings.push(note(subject, "cannot say whether SES may publish: its policy has parts that this check does not know", fix));
  if (openTo(policy, asked) !== null)
    findings.push(warning(subject, `its policy lets ${whoOf(policy, asked)} publish, and the worker believes each notice`, fix));
  return findings;
}

function whoOf(policy: string | null, asked: Parameters<typeof openTo>[1]): string {
  return openTo(policy, asked) === "anybody" ? "anybody" : "SES of any account";
}

/** SES Developer Guide, "Publish to Amazon SNS topic action": only a key of one's own can be opened to SES. */
function keyFindings(subject: string, key: string | null): Finding[] {
  if (key === null) return [];
  if (isAwsKey(key))
    return [
      failure(
        subject,
        `it is encrypted with the key ${key} of AWS, which SES may not use, so no notice arrives`,
        "use a key of your own whose policy allows ses.amazonaws.com kms:GenerateDataKey and kms:Decrypt, or none",
      ),
    ];
  return [
    note(
      subject,
      `it is encrypted with the key ${key}; the key is not checked`,
      "its policy must allow ses.amazonaws.com kms:GenerateDataKey and kms:Decrypt",
    ),
  ];
}

function subscriptionFindings(subject: string, arn: string, subscriptions: readonly Subscription[], { queue }: ChainPlace): Finding[] {
  const fix = `aws sns subscribe --topic-arn ${arn} --protocol sqs --notification-endpoint ${queue}`;
  if (subscriptions.length === 0) return [failure(subject, "the queue is not subscribed to it, so no notice arrives", fix)];
  const confirmed = subscriptions.filter((each) => each.kind === "confirmed");
  if (confirmed.length === 0) return [failure(subject, "the subscription of the queue is not confirmed, so no notice arrives", fix)];
  return confirmed.flatMap(({ attributes }) => {
    if (!attributes.isSeen) return [hidden(subject, "the settings of its subscription", attributes.permission)];
    const { isRaw, filterPolicy } = attributes.value;
    if (filterPolicy !== null)
      return [
        warning(
          subject,
          `the subscription of the queue has a filter policy, so notices that do not match are lost: ${filterPolicy.slice(0, 120)}`,
          "remove the filter policy of the subscription",
        ),
      ];
    return [fine(subject, `SES may publish; announces to the queue, raw message delivery ${isRaw ? "on" : "off"} (both work)`)];
  });
}
