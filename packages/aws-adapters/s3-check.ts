// S3 check: tests the permissions on a bucket for `sesame check`. It uses an object of its own and deletes it, because a
// copy of a stored mail would change the mail's metadata. It does not judge what it finds.
// S3 API Reference: "GetObject" (404 only with the permission to list), "CopyObject".

import { randomUUID } from "node:crypto";
import { CopyObjectCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { troubleOf } from "./trouble.ts";

export type S3CheckOptions = Readonly<{ s3: S3Client; clock: AwsClock; deadlineMs?: number }>;

/** Each field is `null` if the operation works, otherwise the error text. */
export type BucketDescription = Readonly<{
  /** Whether S3 reports a missing object as missing, and not as forbidden. */
  missingReported: string | null;
  /** Whether an object can be written. Only `sesame check` needs this. */
  writable: string | null;
  copyable: string | null;
  erasable: string | null;
}>;

export async function describeBucket(bucket: string, options: S3CheckOptions): Promise<BucketDescription> {
  const { s3 } = options;
  const object = { Bucket: bucket, Key: `sesame-check/${randomUUID()}` };
  const missingReported = await attempt(options, "describeMissing", (abortSignal) => askForMissing(s3, object, abortSignal));
  const put = new PutObjectCommand({ ...object, Body: new TextEncoder().encode("sesame check\r\n") });
  const writable = await attempt(options, "describeWritable", (abortSignal) => s3.send(put, { abortSignal }));
  if (writable !== null) return { missingReported, writable, copyable: writable, erasable: writable };
  const copy = new CopyObjectCommand({
    ...object,
    CopySource: `${bucket}/${object.Key}`,
    MetadataDirective: "REPLACE",
    Metadata: { processed: "true" },
  });
  const copyable = await attempt(options, "describeCopyable", (abortSignal) => s3.send(copy, { abortSignal }));
  const erasable = await attempt(options, "describeErasable", (abortSignal) => s3.send(new DeleteObjectCommand(object), { abortSignal }));
  return { missingReported, writable, copyable, erasable };
}

async function attempt(
  { clock, deadlineMs = 10_000 }: S3CheckOptions,
  operation: string,
  run: (abortSignal: AbortSignal) => Promise<unknown>,
): Promise<string | null> {
  try {
    await call({ port: "MailStore", operation, deadlineMs, clock }, run);
    return null;
  } catch (error) {
    return troubleOf(error).text;
  }
}

async function askForMissing(s3: S3Client, object: Readonly<{ Bucket: string; Key: string }>, abortSignal: AbortSignal): Promise<void> {
  try {
    await s3.send(new GetObjectCommand(object), { abortSignal });
  } catch (error) {
    if (troubleOf(error).code !== "NoSuchKey") throw error;
  }
}
