// Hot calls of S3 through the SDK: the reference for the lane, and the only way under Node and Deno. Attempts, redirects,
// credentials and errors are the SDK's.

import type { Readable } from "node:stream";
import { CopyObjectCommand, GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { ObjectCalls, ObjectCopy, OctetStream } from "./hot-calls.ts";
import { attributesOf, copyInput } from "./s3-attributes.ts";
import { GarbledError } from "./trouble.ts";

export function sdkObjectCalls(s3: S3Client): ObjectCalls {
  return {
    getObject: async (what, abortSignal) => {
      const answer = await s3.send(new GetObjectCommand(what), { abortSignal });
      if (answer.Body === undefined) throw new GarbledError("the answer has no body");
      const body = quiet(answer.Body as Readable); // the handler on node:http returns a Readable
      return { length: answer.ContentLength, range: answer.ContentRange, attributes: attributesOf(answer), body };
    },
    copyObject: async (copy, abortSignal) => {
      const { CopyObjectResult } = await s3.send(new CopyObjectCommand(copyOf(copy)), { abortSignal });
      // S3 answers 200 before it copies; without a result in the body the copy failed.
      if (CopyObjectResult?.ETag === undefined) throw new GarbledError("the answer has no result of the copy");
    },
  };
}

/** The next read of a stream reports its error. */
function quiet(stream: Readable): OctetStream {
  return stream.on("error", () => {});
}

function copyOf({ Bucket, Key, attributes, metadata }: ObjectCopy): ConstructorParameters<typeof CopyObjectCommand>[0] {
  const CopySource = copySource(Bucket, Key);
  return { ...copyInput(attributes), Bucket, Key, CopySource, MetadataDirective: "REPLACE", Metadata: { ...metadata } };
}

/** The source of a copy, as its header wants it. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
}
