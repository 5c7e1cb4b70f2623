// Bucket settings of `sesame check`: whether SES may store mail, how long objects live, their key, and events that S3 itself sends. It
// judges what was found and asks nothing.

import type { BucketLifecycle, BucketSettings } from "@sesame/aws-adapters/check";
import { type Finding, failure, hidden, note, warning } from "./finding.ts";
import { askPolicy, openTo } from "./policy.ts";
import { type ChainPlace, isAwsKey } from "./topic.ts";

const day = 86_400;
const deadLetterDays = 14; // docs/aws.md: how long the dead-letter queue keeps an entry

export type StoredIn = Readonly<{ bucket: string; prefix: string; role: string | null; retentionSeconds: number }>;

export function judgeBucket(settings: BucketSettings, stored: StoredIn, place: ChainPlace): readonly Finding[] {
  const subject = `bucket ${stored.bucket}`;
  const { policy, kmsKey, lifecycle, notifiedQueues } = settings;
  return [
    ...(policy.isSeen ? policyFindings(subject, policy.value, stored, place) : [hidden(subject, "its policy", policy.permission)]),
    ...(kmsKey.isSeen ? keyFindings(subject, kmsKey.value) : [hidden(subject, "its encryption", kmsKey.permission)]),
    ...(lifecycle.isSeen ? lifecycleFindings(subject, lifecycle.value, stored) : [hidden(subject, "its lifecycle", lifecycle.permission)]),
    ...(notifiedQueues.isSeen
      ? eventFindings(subject, notifiedQueues.value, place)
      : [hidden(subject, "its event notifications", notifiedQueues.permission)]),
  ];
}

function policyFindings(subject: string, policy: string | null, stored: StoredIn, { account, rules }: ChainPlace): readonly Finding[] {
  const resource = `arn:aws:s3:::${stored.bucket}/${stored.prefix}sesame-check`;
  const asked = { service: "ses.amazonaws.com", action: "s3:PutObject", resource };
  const findings: Finding[] = [];
  const fix = "see docs/aws.md, The bucket";
  const values = { "aws:sourceaccount": [account], "aws:sourcearn": rules, "aws:referer": [account] };
  const answer = stored.role === null ? askPolicy(policy, { ...asked, values }) : "allowed"; // a role writes with its own permissions
  if (answer === "missing" || answer === "denied")
    findings.push(failure(subject, "its policy does not let SES store mail for the receipt rule, so no mail arrives", fix));
  if (answer === "unknown")
    findings.push(note(subject, "cannot say whether SES may store mail: its policy has parts that this check does not know", fix));
  const open = openTo(policy, asked);
  if (open !== null) {
    const who = open === "anybody" ? "anybody" : "SES of any account";
    findings.push(
      warning(subject, `its policy lets ${who} write objects`, `add a condition on aws:SourceAccount and aws:SourceArn; ${fix}`),
    );
  }
  return findings;
}

function keyFindings(subject: string, key: string | null): readonly Finding[] {
  if (key === null || isAwsKey(key)) return [];
  const fix = "its policy must allow ses.amazonaws.com kms:GenerateDataKey, and the worker kms:Decrypt and kms:GenerateDataKey";
  return [note(subject, `it is encrypted with the key ${key}; the key is not checked`, fix)];
}

/** An object must outlive its queue entry, and the time that the entry may spend in the dead-letter queue. */
function lifecycleFindings(subject: string, rules: readonly BucketLifecycle[], { prefix, retentionSeconds }: StoredIn): readonly Finding[] {
  const queueDays = Math.ceil(retentionSeconds / day);
  const findings: Finding[] = [];
  for (const { name, prefix: of, expireDays, archiveDays } of rules) {
    if (!of.startsWith(prefix) && !prefix.startsWith(of)) continue;
    for (const [days, what] of [
      [expireDays, "deletes"],
      [archiveDays, "archives"],
    ] as const) {
      if (days === null || days > queueDays + deadLetterDays) continue;
      const isSure = days <= queueDays;
      const text = `its lifecycle rule ${name} ${what} objects after ${days} days, but an entry lives ${queueDays} days in the queue and ${deadLetterDays} more as a dead letter`;
      findings.push((isSure ? failure : warning)(subject, text, `let objects live for more than ${queueDays + deadLetterDays} days`));
    }
  }
  return findings;
}

function eventFindings(subject: string, queues: readonly string[], { queue }: ChainPlace): readonly Finding[] {
  if (!queues.includes(queue)) return [];
  const text = "S3 sends its own events to the queue: they name no recipients, so their entries become dead letters";
  return [warning(subject, text, "remove the event notification of the bucket; the topic of the receipt rule announces the mail")];
}
