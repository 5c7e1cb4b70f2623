// AWS checks of `sesame check`: credentials, region, clock, queues, buckets, tables and SES.

import {
  type AwsClients,
  describeBucket,
  describeSesAccount,
  describeSesIdentity,
  describeTable,
  describeTimeToLive,
  type QueueDescription,
  SqsMailQueue,
  type TraceIndex,
  traceIndexes,
} from "@sesame/aws-adapters";
import { describeConfigurationSet } from "@sesame/aws-adapters/check";
import type { Domain } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import { type Config, forDomain, queueNamesOf } from "../config.ts";
import { type Finding, failure, fine, hidden, inspect, inspectIfAllowed, warning } from "./finding.ts";

const day = 86_400;

export async function checkCredentials({ sqs }: AwsClients): Promise<readonly Finding[]> {
  const region = await inspect("region", "set AWS_REGION", async () => [fine("region", await sqs.config.region())]);
  const fix =
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, set AWS_PROFILE, or give the machine an IAM role (in a container, set the IMDS hop limit to 2)";
  const credentials = await inspect("credentials", fix, async () => {
    const { accessKeyId } = await sqs.config.credentials();
    return [fine("credentials", `${accessKeyId.slice(0, 4)}…`)];
  });
  return [...region, ...credentials];
}

/** Call it last: the time of AWS comes from the answers to other calls. */
export function checkClock({ clock }: AwsClients): readonly Finding[] {
  const skew = clock.skewMs;
  if (skew === null) return [warning("clock", "not checked, because no call to AWS was answered", "fix the errors above")];
  if (Math.abs(skew) < 60_000) return [fine("clock", `differs from AWS by ${skew / 1000} s`)];
  const text = `differs from AWS by ${Math.round(skew / 1000)} s; AWS refuses requests from 300 s`;
  return [(Math.abs(skew) < 300_000 ? warning : failure)("clock", text, "synchronize the clock (timedatectl set-ntp true)")];
}

/** `workers`: how many workers receive from the queue. */
export function checkQueue(
  domain: Domain,
  config: Config,
  { sqs, sqsPoll, clock }: AwsClients,
  workers: number,
): Promise<readonly Finding[]> {
  const name = forDomain(config.QUEUE_NAME, domain);
  const subject = `queue ${name}`;
  const fix = `create the queue, subscribe it to the SNS topic of the receipt rule, and allow sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueUrl, GetQueueAttributes`;
  return inspect(subject, fix, async () => {
    const found = await new SqsMailQueue({ sqs, sqsPoll, clock, name }).describe();
    return [
      fine(subject, `visibility timeout ${found.visibilitySeconds} s, retention ${found.retentionSeconds / day} days`),
      ...deadLetters(subject, found, workers),
    ];
  });
}

/**
 * The least number of receives before an entry is a dead letter. Each worker may receive a mail in vain when a dependency goes
 * away, and a mail that waits for SES is received about twenty times in five days.
 */
export function leastReceives(workers: number): number {
  return Math.max(20, workers + 11);
}

function deadLetters(subject: string, { deadLetter, retentionSeconds }: QueueDescription, workers: number): readonly Finding[] {
  if (deadLetter === null) {
    const text = "it has no dead-letter queue: a mail that always fails is retried until its entry expires, and is then lost";
    return [warning(subject, text, "set a RedrivePolicy with maxReceiveCount 50, and a dead-letter queue with a retention of 14 days")];
  }
  const { queue, maxReceiveCount, arn } = deadLetter;
  const findings: Finding[] = [];
  const least = leastReceives(workers);
  if (maxReceiveCount < least)
    findings.push(
      warning(
        subject,
        `entries move to the dead-letter queue after only ${maxReceiveCount} receives; with ${workers === 1 ? "one worker" : `${workers} workers`} it must be at least ${least}`,
        `raise maxReceiveCount to ${Math.max(50, least)}, which allows retries for about two days`,
      ),
    );
  if ("trouble" in queue && queue.isDenied) findings.push(hidden(subject, "its dead-letter queue", `sqs:GetQueueAttributes on ${arn}`));
  else if ("trouble" in queue)
    findings.push(warning(subject, `cannot read its dead-letter queue: ${queue.trouble}`, `allow sqs:GetQueueAttributes on ${arn}`));
  else {
    if (queue.retentionSeconds <= retentionSeconds) {
      const text = `its dead-letter queue has a retention of ${queue.retentionSeconds / day} days, counted from when the mail arrived`;
      findings.push(warning(subject, text, "set MessageRetentionPeriod of the dead-letter queue to 1209600 (14 days)"));
    }
    if (queue.entries > 0)
      findings.push(
        warning(
          subject,
          `its dead-letter queue holds ${queue.entries} entries`,
          "find the cause (docs/operations.md), fix it, then redrive the entries",
        ),
      );
  }
  return findings.length > 0 ? findings : [fine(subject, `entries move to the dead-letter queue after ${maxReceiveCount} receives`)];
}

/** Two queues with the same objects: whoever may publish to one of them can have the mail of the other opened. */
export function checkMailObjects(config: Pick<Config, "MAIL_OBJECTS" | "QUEUE_NAME" | "domains">): readonly Finding[] {
  const queues = new Map<string, Set<string>>();
  for (const [domain, queue] of queueNamesOf(config)) {
    const objects = forDomain(config.MAIL_OBJECTS, domain);
    queues.set(objects, (queues.get(objects) ?? new Set()).add(queue));
  }
  return [...queues]
    .filter(([, names]) => names.size > 1)
    .map(([objects, names]) =>
      warning(
        "MAIL_OBJECTS",
        `notices of the queues ${[...names].join(", ")} may name the same objects (${objects}), so each domain can open the mail of the others`,
        "give each domain its own bucket or prefix, and name it with {domain} or {domain-dashed}, such as {domain-dashed}-emails/** or mail/{domain}/**",
      ),
    );
}

export function checkBucket(domain: Domain, config: Config, { s3, clock }: AwsClients): Promise<readonly Finding[]> {
  const [bucket = ""] = forDomain(config.MAIL_OBJECTS, domain).split("/");
  if (/[*?[{!(]/.test(bucket) || bucket === "")
    return Promise.resolve([
      warning(
        `bucket of ${domain}`,
        "MAIL_OBJECTS names no bucket, so a notice may name any bucket",
        "set MAIL_OBJECTS to <bucket>/<prefix>/**",
      ),
    ]);
  const subject = `bucket ${bucket}`;
  return inspect(subject, "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket", async () => {
    const { missingReported, writable, copyable, erasable } = await describeBucket(bucket, { s3, clock });
    const findings: Finding[] = [];
    if (missingReported !== null)
      findings.push(
        warning(
          subject,
          `S3 does not report missing objects as missing: ${missingReported}`,
          `allow s3:ListBucket on ${bucket} and s3:GetObject on its objects`,
        ),
      );
    if (writable !== null)
      findings.push(
        failure(subject, `cannot write objects, so no mail can get its audit mark: ${writable}`, `allow s3:PutObject on ${bucket}/*`),
      );
    else if (copyable !== null)
      findings.push(
        failure(
          subject,
          `cannot copy an object onto itself, so no mail can get its audit mark: ${copyable}`,
          `allow s3:GetObject and s3:PutObject on ${bucket}/*`,
        ),
      );
    if (writable === null && erasable !== null)
      findings.push(warning(subject, `cannot delete objects: ${erasable}`, "allow s3:DeleteObject, or set BLOCKED_MAIL=keep"));
    return findings.length > 0 ? findings : [fine(subject, "objects can be read, marked and deleted")];
  });
}

type Table = Readonly<{
  name: string;
  key: string;
  feature: string;
  expires: boolean;
  /** Which users' table it is; `null`: none. */
  users: RuleTable | null;
  needed: boolean;
  /** Indexes that it should have. */
  indexes?: readonly TraceIndex[];
}>;

/** The tables of a configuration, with their keys and features. */
export function tablesOf(config: Config): readonly Table[] {
  return [
    {
      name: config.RULES_TABLE,
      key: "email_address",
      feature: "auto-replies and forwards",
      expires: false,
      users: "rules",
      needed: false,
    },
    { name: config.BLOCKED_TABLE, key: "email_address", feature: "blocklists", expires: false, users: "blocked", needed: false },
    { name: config.OUTBOUND_TABLE, key: "MessageId", feature: "rewritten bounces", expires: true, users: null, needed: false },
    ...(config.LEDGER === "table"
      ? [
          {
            name: config.LEDGER_TABLE,
            key: "id",
            feature: "the worker",
            expires: true,
            users: null,
            needed: true,
            indexes: config.TRACE_INDEX === "on" ? Object.values(traceIndexes) : [],
          },
        ]
      : []),
  ];
}

/** `rows`: what is wrong with the rows of the table. */
export async function checkTable(
  table: Table,
  { dynamo, clock }: AwsClients,
  rows: Promise<readonly Finding[]> = Promise.resolve([]),
): Promise<readonly Finding[]> {
  const { name, key, feature, expires, needed, indexes = [] } = table;
  const subject = `table ${name}`;
  const options = { client: dynamo, clock };
  const ofRows = await rows;
  const settings = await inspectIfAllowed(subject, "its settings", "dynamodb:DescribeTable", async () => {
    const found = await describeTable(name, options);
    if (found.kind === "missing") {
      const create = `aws dynamodb create-table --table-name ${name} --attribute-definitions AttributeName=${key},AttributeType=S --key-schema AttributeName=${key},KeyType=HASH --billing-mode PAY_PER_REQUEST`;
      return [(needed ? failure : warning)(subject, `does not exist: ${feature} ${needed ? "cannot start" : "are off"}`, create)];
    }
    if (found.keys.join() !== `${key} S`)
      return [
        failure(subject, `its key must be ${key} (S), is ${found.keys.join(", ")}`, "delete the table and create it with this key only"),
      ];
    const findings = [
      ...missingIndexes(subject, name, indexes, found.indexes),
      ...(expires ? await timeToLive(subject, name, options) : []),
    ];
    return findings.length + ofRows.length > 0 ? findings : [fine(subject, `${found.rows} rows`)];
  });
  return [...settings, ...ofRows];
}

/** DynamoDB makes one index at a time. */
function missingIndexes(subject: string, table: string, wanted: readonly TraceIndex[], found: readonly string[]): readonly Finding[] {
  return wanted
    .filter(({ name }) => !found.includes(name))
    .map(({ name, key, order }) => {
      const keys = `[{"AttributeName":"${key}","KeyType":"HASH"},{"AttributeName":"${order}","KeyType":"RANGE"}]`;
      const create = `[{"Create":{"IndexName":"${name}","KeySchema":${keys},"Projection":{"ProjectionType":"KEYS_ONLY"}}}]`;
      return warning(
        subject,
        `TRACE_INDEX is on, and the index ${name} does not exist or is not ready: sesame trace cannot search`,
        `aws dynamodb update-table --table-name ${table} --attribute-definitions AttributeName=${key},AttributeType=S AttributeName=${order},AttributeType=N --global-secondary-index-updates '${create}'`,
      );
    });
}

type Options = Parameters<typeof describeTimeToLive>[1];

function timeToLive(subject: string, name: string, options: Options): Promise<readonly Finding[]> {
  const fix = `aws dynamodb update-time-to-live --table-name ${name} --time-to-live-specification Enabled=true,AttributeName=expires`;
  return inspectIfAllowed(`${subject} time to live`, "its time to live", "dynamodb:DescribeTimeToLive", async () => {
    const { attribute } = await describeTimeToLive(name, options);
    return attribute === "expires" ? [] : [warning(subject, "time to live is off: its rows are never deleted", fix)];
  });
}

export function checkSesAccount({ sesv2, clock }: AwsClients): Promise<readonly Finding[]> {
  return inspectIfAllowed("SES account", "its state", "ses:GetAccount", async () => {
    const { sandbox, sendingEnabled, enforcement, dailyQuota, sentToday, maxRate } = await describeSesAccount({ sesv2, clock });
    const findings: Finding[] = [];
    if (!sendingEnabled) findings.push(failure("SES account", "sending is paused", "see the reputation dashboard in the SES console"));
    if (enforcement !== "HEALTHY")
      findings.push(warning("SES account", `its enforcement status is ${enforcement}`, "see the reputation dashboard in the SES console"));
    if (sandbox)
      findings.push(
        warning(
          "SES account",
          "it is in the SES sandbox: forwards and auto-replies reach verified addresses only",
          "request production access in the SES console",
        ),
      );
    if (dailyQuota > 0 && sentToday > dailyQuota * 0.8)
      findings.push(warning("SES account", `${sentToday} of the daily quota of ${dailyQuota} mails are used`, "request a higher quota"));
    return findings.length > 0
      ? findings
      : [fine("SES account", `sending rate ${maxRate} recipients per second, quota ${dailyQuota} mails per day`)];
  });
}

export function checkSesIdentity(domain: Domain, { sesv2, clock }: AwsClients): Promise<readonly Finding[]> {
  const subject = `SES identity ${domain}`;
  return inspectIfAllowed(subject, "its state", "ses:GetEmailIdentity", async () => {
    const found = await describeSesIdentity(domain, { sesv2, clock });
    if (found.kind === "missing")
      return [
        failure(
          subject,
          "does not exist: Sesame cannot send mail from this domain",
          `aws sesv2 create-email-identity --email-identity ${domain}`,
        ),
      ];
    const findings: Finding[] = [];
    if (!found.verified)
      findings.push(
        failure(subject, "not verified: Sesame cannot send mail from this domain", "publish the DKIM records that the SES console shows"),
      );
    if (found.dkim !== "SUCCESS")
      findings.push(
        warning(subject, `DKIM is ${found.dkim}: forwards may fail DMARC`, "publish the DKIM records that the SES console shows"),
      );
    if (!found.bouncesByMail)
      findings.push(
        warning(
          subject,
          "feedback forwarding is off: bounces of forwards and auto-replies do not arrive as mail",
          `aws sesv2 put-email-identity-feedback-attributes --email-identity ${domain} --email-forwarding-enabled`,
        ),
      );
    if (found.configurationSet !== null) findings.push(...(await configurationSet(subject, found.configurationSet, { sesv2, clock })));
    return findings.length > 0 ? findings : [fine(subject, "verified, DKIM active, feedback forwarding on")];
  });
}

/** The set that SES takes for our mail, because it names none. */
function configurationSet(subject: string, name: string, options: Pick<AwsClients, "sesv2" | "clock">): Promise<readonly Finding[]> {
  const what = `its configuration set ${name}`;
  return inspectIfAllowed(subject, what, "ses:GetConfigurationSet, GetConfigurationSetEventDestinations", async () => {
    const found = await describeConfigurationSet(name, options);
    const fix = "correct the default configuration set of the identity in the SES console";
    if (found.kind === "missing") return [failure(subject, `${what} does not exist, so SES refuses forwards and auto-replies`, fix)];
    const findings: Finding[] = [];
    if (!found.sendingEnabled) findings.push(failure(subject, `sending is off in ${what}, so SES refuses forwards and auto-replies`, fix));
    if (found.tracking.length > 0)
      findings.push(
        warning(
          subject,
          `${what} tracks opens or clicks (${found.tracking.join(", ")}): SES then changes the text of forwards, and their signatures break`,
          "take opens and clicks out of its event destinations, or use another set for this identity",
        ),
      );
    return findings;
  });
}
