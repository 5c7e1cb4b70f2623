// S3 settings check: describes policy, encryption, lifecycle and notifications of a bucket for `sesame check`. It does not judge what
// it finds. S3 API Reference, "GetBucketPolicy", "GetBucketEncryption", "GetBucketLifecycleConfiguration".

import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketPolicyCommand,
  type LifecycleRule,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { type Seen, see } from "./seen.ts";
import { troubleOf } from "./trouble.ts";

export type BucketSettings = Readonly<{
  policy: Seen<string | null>;
  /** The KMS key of the default encryption, "aws" for AWS's own key of S3; `null`: KMS is not used. */
  kmsKey: Seen<string | null>;
  lifecycle: Seen<readonly BucketLifecycle[]>;
  /** ARNs of the queues that S3 itself sends its events to. */
  notifiedQueues: Seen<readonly string[]>;
}>;

/** When objects with a prefix are deleted or archived, in days. `null`: never, or at a date. */
export type BucketLifecycle = Readonly<{ name: string; prefix: string; expireDays: number | null; archiveDays: number | null }>;

const archives: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);

export async function describeBucketSettings(
  bucket: string,
  { s3, clock, deadlineMs = 5000 }: Readonly<{ s3: S3Client; clock: AwsClock; deadlineMs?: number }>,
): Promise<BucketSettings> {
  const Bucket = { Bucket: bucket };
  const ask = <T>(permission: string, none: T, code: string, run: (abortSignal: AbortSignal) => Promise<T>): Promise<Seen<T>> =>
    see(permission, () =>
      call({ port: "MailStore", operation: "describeBucket", about: bucket, deadlineMs, clock }, orNone(none, code, run)),
    );
  const [policy, kmsKey, lifecycle, notifiedQueues] = await Promise.all([
    ask<string | null>("s3:GetBucketPolicy", null, "NoSuchBucketPolicy", async (abortSignal) => {
      return (await s3.send(new GetBucketPolicyCommand(Bucket), { abortSignal })).Policy ?? null;
    }),
    ask<string | null>("s3:GetEncryptionConfiguration", null, "ServerSideEncryptionConfigurationNotFoundError", async (abortSignal) => {
      const { ServerSideEncryptionConfiguration: found } = await s3.send(new GetBucketEncryptionCommand(Bucket), { abortSignal });
      const rule = found?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
      return rule?.SSEAlgorithm?.startsWith("aws:kms") ? (rule.KMSMasterKeyID ?? "aws") : null;
    }),
    ask<readonly BucketLifecycle[]>("s3:GetLifecycleConfiguration", [], "NoSuchLifecycleConfiguration", async (abortSignal) => {
      const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand(Bucket), { abortSignal });
      return Rules.filter(({ Status }) => Status === "Enabled").map(lifecycleOf);
    }),
    ask<readonly string[]>("s3:GetBucketNotification", [], "", async (abortSignal) => {
      const { QueueConfigurations = [] } = await s3.send(new GetBucketNotificationConfigurationCommand(Bucket), { abortSignal });
      return QueueConfigurations.map(({ QueueArn = "" }) => QueueArn);
    }),
  ]);
  return { policy, kmsKey, lifecycle, notifiedQueues };
}

/** S3 answers 404 with a code of its own for a setting that a bucket does not have. */
function orNone<T>(none: T, code: string, run: (abortSignal: AbortSignal) => Promise<T>): (abortSignal: AbortSignal) => Promise<T> {
  return async (abortSignal) => {
    try {
      return await run(abortSignal);
    } catch (error) {
      if (code !== "" && troubleOf(error).code === code) return none;
      throw error;
    }
  };
}

function lifecycleOf({ ID = "", Filter, Prefix, Expiration, Transitions = [] }: LifecycleRule): BucketLifecycle {
  const archived = Transitions.filter(({ StorageClass, Days }) => archives.has(StorageClass ?? "") && Days !== undefined);
  return {
    name: ID,
    prefix: Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "",
    expireDays: Expiration?.Days ?? null,
    archiveDays: archived.length === 0 ? null : Math.min(...archived.map(({ Days = 0 }) => Days)),
  };
}
