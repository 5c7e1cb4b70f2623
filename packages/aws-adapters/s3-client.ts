// S3 client: the client of S3, and the hot calls of the objects.

import { S3Client } from "@aws-sdk/client-s3";
import { type AwsBase, type AwsOptions, clientSettings, prepare, spareSockets } from "./client-base.ts";
import type { ObjectCalls } from "./hot-calls.ts";
import { laneObjectCalls } from "./lane-s3.ts";
import { sdkObjectCalls } from "./sdk-s3.ts";

export function s3Client(base: AwsBase): S3Client {
  const { mailsInWork = 32 } = base.options;
  // An emulator has no host name for each bucket. The bucket may be in another region than the queue.
  const s3 = new S3Client({
    ...clientSettings(base, mailsInWork + spareSockets),
    forcePathStyle: hasOwnEndpoint(base.options),
    followRegionRedirects: true,
  });
  prepare(s3, base);
  return s3;
}

/** The hot calls of the objects: through the lane if there is one. */
export function objectCalls(s3: S3Client, { lane }: Pick<AwsBase, "lane">): ObjectCalls {
  const sdk = sdkObjectCalls(s3);
  return lane === null ? sdk : laneObjectCalls(lane, s3, sdk);
}

function hasOwnEndpoint({ endpoint }: AwsOptions): boolean {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env;
  return endpoint !== undefined || Boolean(AWS_ENDPOINT_URL) || Boolean(AWS_ENDPOINT_URL_S3);
}
