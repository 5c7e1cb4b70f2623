// S3 check: what the doctor wants to know of a bucket, tried with an object of its own that is gone afterwards, because a
// copy of somebody's mail would change it. It judges nothing.
// S3 API Reference: "GetObject" (404 is said to those only who may list), "CopyObject".

import { randomUUID } from "node:crypto";
import { CopyObjectCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { troubleOf } from "./trouble.ts";

export type S3CheckOptions = Readonly<{ s3: S3Client; clock: AwsClock; deadlineMs?: number }>;

/** Each `null` where it works, else what S3 said. */
export type BucketDescription = Readonly<{
  /** Whether an object that is not there is told from one that must not be read. */
  missingIsSaid: string | null;
  /** Whether an object can be written; only the doctor does that, to try the rest. */
  writable: string | null;
  copyable: string | null;
  erasable: string | null;
}>;

export async function describeBucket(bucket: string, options: S3CheckOptions): Promise<BucketDescription> {
  const { s3 } = options;
  const object = { Bucket: bucket, Key: `sesame-check/${randomUUID()}` };
  const missingIsSaid = await attempt(options, "describeMissing", (abortSignal) => askForMissing(s3, object, abortSignal));
  const put = new PutObjectCommand({ ...object, Body: new TextEncoder().encode("sesame check\r\n") });
  const writable = await attempt(options, "describeWritable", (abortSignal) => s3.send(put, { abortSignal }));
  if (writable !== null) return { missingIsSaid, writable, copyable: writable, erasable: writable };
  const copy = new CopyObjectCommand({
    ...object,
    CopySource: `${bucket}/${object.Key}`,
    MetadataDirective: "REPLACE",
    Metadata: { processed: "true" },
  });
  const copyable = await attempt(options, "describeCopyable", (abortSignal) => s3.send(copy, { abortSignal }));
  const erasable = await attempt(options, "describeErasable", (abortSignal) => s3.send(new DeleteObjectCommand(object), { abortSignal }));
  return { missingIsSaid, writable, copyable, erasable };
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
