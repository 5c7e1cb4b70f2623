// AWS findings: credentials, region and clock; queues, buckets, tables and SES as this configuration needs them.

import {
  type AwsClients,
  describeBucket,
  describeSesAccount,
  describeSesIdentity,
  describeTable,
  describeTimeToLive,
  type QueueDescription,
  SqsMailQueue,
  upperCaseKeys,
} from "@sesame/aws-adapters";
import type { Domain } from "@sesame/core";
import { type Config, forDomain } from "../config.ts";
import { type Finding, fine, looked, trouble, warning } from "./finding.ts";

const day = 86_400;

export async function checkCredentials({ sqs }: AwsClients): Promise<readonly Finding[]> {
  const region = await looked("region", "set AWS_REGION", async () => [fine("region", await sqs.config.region())]);
  const mend = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or give the machine a role (IMDS hop limit 2 from a container)";
  const credentials = await looked("credentials", mend, async () => {
    const { accessKeyId } = await sqs.config.credentials();
    return [fine("credentials", `${accessKeyId.slice(0, 4)}…`)];
  });
  return [...region, ...credentials];
}

/** To be asked last: the clock knows only after other calls were answered. */
export function checkClock({ clock }: AwsClients): readonly Finding[] {
  const skew = clock.skewMs;
  if (skew === null) return [warning("clock", "AWS answered nothing, so its time is not known", "mend the errors above")];
  if (Math.abs(skew) < 60_000) return [fine("clock", `${skew / 1000} s off AWS's`)];
  const text = `${Math.round(skew / 1000)} s off AWS's: requests are refused from 300 s on`;
  return [(Math.abs(skew) < 300_000 ? warning : trouble)("clock", text, "run a time service (timedatectl set-ntp true)")];
}

export function checkQueue(domain: Domain, config: Config, { sqs, sqsPoll, clock }: AwsClients): Promise<readonly Finding[]> {
  const name = forDomain(config.QUEUE_NAME, domain);
  const subject = `queue ${name}`;
  const mend = `create it, subscribe it to the topic of the receipt rule, and allow sqs:ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueUrl, GetQueueAttributes`;
  return looked(subject, mend, async () => {
    const found = await new SqsMailQueue({ sqs, sqsPoll, clock, name }).describe();
    return [
      fine(subject, `visible ${found.visibilitySeconds} s, kept ${found.retentionSeconds / day} days`),
      ...deadLetters(subject, found),
    ];
  });
}

function deadLetters(subject: string, { deadLetter, retentionSeconds }: QueueDescription): readonly Finding[] {
  if (deadLetter === null) {
    const text = "no dead-letter queue: a mail that always fails is tried until it is deleted unseen";
    return [warning(subject, text, "set a RedrivePolicy with maxReceiveCount 50 and a queue that keeps entries for 14 days")];
  }
  const { queue, maxReceiveCount, arn } = deadLetter;
  const findings: Finding[] = [];
  if (maxReceiveCount < 10)
    findings.push(
      warning(
        subject,
        `entries move after ${maxReceiveCount} receives`,
        "raise maxReceiveCount to 50: with back-off that is about two days",
      ),
    );
  if ("trouble" in queue)
    findings.push(warning(subject, `its dead-letter queue cannot be asked: ${queue.trouble}`, `allow sqs:GetQueueAttributes on ${arn}`));
  else {
    if (queue.retentionSeconds <= retentionSeconds) {
      const text = `its dead-letter queue keeps entries ${queue.retentionSeconds / day} days, and a moved entry keeps its age`;
      findings.push(warning(subject, text, "set the dead-letter queue's MessageRetentionPeriod to 1209600 (14 days)"));
    }
    if (queue.entries > 0)
      findings.push(
        warning(
          subject,
          `${queue.entries} entries in its dead-letter queue`,
          "see docs/operations.md, redrive them when the cause is mended",
        ),
      );
  }
  return findings.length > 0 ? findings : [fine(subject, `dead-letter queue after ${maxReceiveCount} receives`)];
}

export function checkBucket(domain: Domain, config: Config, { s3, clock }: AwsClients): Promise<readonly Finding[]> {
  const [bucket = ""] = forDomain(config.MAIL_OBJECTS, domain).split("/");
  if (/[*?[{!(]/.test(bucket) || bucket === "")
    return Promise.resolve([
      warning(`bucket of ${domain}`, "MAIL_OBJECTS names no bucket, so a notice may name any", "set MAIL_OBJECTS to bucket/prefix/**"),
    ]);
  const subject = `bucket ${bucket}`;
  return looked(subject, "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket", async () => {
    const { missingIsSaid, writable, copyable, erasable } = await describeBucket(bucket, { s3, clock });
    const findings: Finding[] = [];
    if (missingIsSaid !== null)
      findings.push(
        warning(
          subject,
          `a missing object is not told from a forbidden one: ${missingIsSaid}`,
          `allow s3:ListBucket on ${bucket} and s3:GetObject on its objects`,
        ),
      );
    if (writable !== null)
      findings.push(trouble(subject, `nothing can be written, so no mark either: ${writable}`, `allow s3:PutObject on ${bucket}/*`));
    else if (copyable !== null)
      findings.push(
        trouble(
          subject,
          `an object cannot be copied onto itself, so no mail can be marked: ${copyable}`,
          `allow s3:GetObject and s3:PutObject on ${bucket}/*`,
        ),
      );
    if (writable === null && erasable !== null)
      findings.push(warning(subject, `nothing can be deleted: ${erasable}`, "allow s3:DeleteObject, or set BLOCKED_MAIL=keep"));
    return findings.length > 0 ? findings : [fine(subject, "readable, markable, erasable")];
  });
}

type Table = Readonly<{ name: string; key: string; feature: string; expires: boolean; addresses: boolean; needed: boolean }>;

/** The tables of a configuration, and what each must have. */
export function tablesOf(config: Config): readonly Table[] {
  return [
    { name: config.RULES_TABLE, key: "email_address", feature: "replies and forwards", expires: false, addresses: true, needed: false },
    { name: config.BLOCKED_TABLE, key: "email_address", feature: "blocklists", expires: false, addresses: true, needed: false },
    { name: config.OUTBOUND_TABLE, key: "MessageId", feature: "rewritten bounces", expires: true, addresses: false, needed: false },
    ...(config.LEDGER === "table"
      ? [{ name: config.LEDGER_TABLE, key: "id", feature: "all work", expires: true, addresses: false, needed: true }]
      : []),
  ];
}

export function checkTable(table: Table, { dynamo, clock }: AwsClients): Promise<readonly Finding[]> {
  const { name, key, feature, expires, addresses, needed } = table;
  const subject = `table ${name}`;
  const options = { client: dynamo, clock };
  return looked(subject, "allow dynamodb:DescribeTable, BatchGetItem, GetItem, UpdateItem, PutItem, DeleteItem and Scan", async () => {
    const found = await describeTable(name, options);
    if (found.kind === "missing") {
      const create = `aws dynamodb create-table --table-name ${name} --attribute-definitions AttributeName=${key},AttributeType=S --key-schema AttributeName=${key},KeyType=HASH --billing-mode PAY_PER_REQUEST`;
      return [(needed ? trouble : warning)(subject, `missing: ${feature} ${needed ? "fails" : "are off"}`, create)];
    }
    if (found.keys.join() !== `${key} S`)
      return [
        trouble(
          subject,
          `its key must be ${key} (S), is ${found.keys.join(", ")}`,
          "create the table anew with that key alone",
        ),
      ];
    const findings: Finding[] = [];
    if (expires) findings.push(...(await timeToLive(subject, name, options)));
    if (addresses) findings.push(...(await spellings(subject, name, options)));
    return findings.length > 0 ? findings : [fine(subject, `${found.rows} rows`)];
  });
}

type Options = Parameters<typeof describeTimeToLive>[1];

function timeToLive(subject: string, name: string, options: Options): Promise<readonly Finding[]> {
  const mend = `aws dynamodb update-time-to-live --table-name ${name} --time-to-live-specification Enabled=true,AttributeName=expires`;
  return looked(`${subject} time to live`, "allow dynamodb:DescribeTimeToLive", async () => {
    const { attribute } = await describeTimeToLive(name, options);
    return attribute === "expires" ? [] : [warning(subject, "its rows are never deleted", mend)];
  });
}

/** Mail asks in lower case. */
async function spellings(subject: string, name: string, options: Options): Promise<readonly Finding[]> {
  const keys = await upperCaseKeys(name, options);
  if (keys.length === 0) return [];
  return [warning(subject, `rows that no mail finds: ${keys.join(", ")}`, "write the keys in lower case")];
}

export function checkSesAccount({ sesv2, clock }: AwsClients): Promise<readonly Finding[]> {
  return looked("SES account", "allow ses:GetAccount", async () => {
    const { sandbox, sendingEnabled, enforcement, dailyQuota, sentToday, maxRate } = await describeSesAccount({ sesv2, clock });
    const findings: Finding[] = [];
    if (!sendingEnabled)
      findings.push(trouble("SES account", "sending is paused", "see the account's reputation dashboard in the SES console"));
    if (enforcement !== "HEALTHY")
      findings.push(warning("SES account", `its state is ${enforcement}`, "see the reputation dashboard in the SES console"));
    if (sandbox)
      findings.push(
        warning(
          "SES account",
          "in the sandbox: forwards and replies reach verified addresses only",
          "request production access in the SES console",
        ),
      );
    if (dailyQuota > 0 && sentToday > dailyQuota * 0.8)
      findings.push(warning("SES account", `${sentToday} of ${dailyQuota} mails of today are used up`, "request a higher quota"));
    return findings.length > 0 ? findings : [fine("SES account", `${maxRate} recipients a second, ${dailyQuota} mails a day`)];
  });
}

export function checkSesIdentity(domain: Domain, { sesv2, clock }: AwsClients): Promise<readonly Finding[]> {
  const subject = `SES identity ${domain}`;
  return looked(subject, "allow ses:GetEmailIdentity", async () => {
    const found = await describeSesIdentity(domain, { sesv2, clock });
    if (found.kind === "missing")
      return [trouble(subject, "missing: nothing can be sent for it", `aws sesv2 create-email-identity --email-identity ${domain}`)];
    const findings: Finding[] = [];
    if (!found.verified)
      findings.push(trouble(subject, "not verified: nothing can be sent for it", "publish the DKIM records that the SES console shows"));
    if (found.dkim !== "SUCCESS")
      findings.push(
        warning(subject, `DKIM is ${found.dkim}: forwards may fail DMARC`, "publish the DKIM records that the SES console shows"),
      );
    if (!found.bouncesByMail)
      findings.push(
        warning(
          subject,
          "bounces are not mailed, so none is shown to its sender",
          `aws sesv2 put-email-identity-feedback-attributes --email-identity ${domain} --email-forwarding-enabled`,
        ),
      );
    return findings.length > 0 ? findings : [fine(subject, "verified, signed, bounces by mail")];
  });
}
