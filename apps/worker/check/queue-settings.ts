// Queue settings of `sesame check`: who may put notices into a queue, its key, and how long it keeps them. It judges what was found and
// asks nothing.

import type { QueueDescription } from "@sesame/aws-adapters";
import { type Finding, failure, note, warning } from "./finding.ts";
import { askPolicy, openTo } from "./policy.ts";
import { isAwsKey } from "./topic.ts";

const leastRetentionSeconds = 4 * 86_400; // the default of SQS

/** `topics`: the ARNs of those that announce the domain's mail. */
export function judgeQueue(
  subject: string,
  { arn, policy, kmsKey, retentionSeconds }: Pick<QueueDescription, "arn" | "policy" | "kmsKey" | "retentionSeconds">,
  topics: readonly string[],
): readonly Finding[] {
  const findings: Finding[] = [];
  const fix = "see docs/aws.md, Topic and queues";
  const asked = { service: "sns.amazonaws.com", action: "sqs:SendMessage", resource: arn };
  for (const topic of topics) {
    const account = topic.split(":")[4] ?? "";
    const answer = askPolicy(policy, { ...asked, values: { "aws:sourcearn": [topic], "aws:sourceaccount": [account] } });
    const name = topic.split(":").at(-1);
    if (answer === "missing" || answer === "denied")
      findings.push(failure(subject, `its policy does not let the topic ${name} send, so no notice arrives`, fix));
    if (answer === "unknown")
      findings.push(
        note(subject, `cannot say whether the topic ${name} may send: its policy has parts that this check does not know`, fix),
      );
  }
  const open = openTo(policy, asked);
  if (open !== null) {
    const who = open === "anybody" ? "anybody" : "the topics of any account";
    findings.push(warning(subject, `its policy lets ${who} send, and the worker opens the mail that a notice names`, fix));
  }
  if (kmsKey !== null) findings.push(keyFinding(subject, kmsKey));
  if (retentionSeconds < leastRetentionSeconds)
    findings.push(
      warning(
        subject,
        `it keeps entries for ${Math.round(retentionSeconds / 8640) / 10} days only: if the mail server is away for longer, mail is lost`,
        "set MessageRetentionPeriod to 864000 (10 days)",
      ),
    );
  return findings;
}

/** SQS Developer Guide, "Key management": a service cannot send to a queue with the key that AWS made for SQS. */
function keyFinding(subject: string, key: string): Finding {
  const rights = "whose policy allows sns.amazonaws.com and the worker kms:GenerateDataKey and kms:Decrypt";
  if (isAwsKey(key))
    return failure(
      subject,
      `it is encrypted with the key ${key} of AWS, which SNS may not use, so no notice arrives`,
      `use a key of your own ${rights}, or the encryption of SQS (SSE-SQS)`,
    );
  return note(subject, `it is encrypted with the key ${key}; the key is not checked`, `it must be a key ${rights}`);
}
