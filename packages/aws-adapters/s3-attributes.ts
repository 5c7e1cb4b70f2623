// S3 attributes: headers and metadata of an object, as `StoredMail.attributes` holds them from open() to mark(). S3 changes
// metadata only by copying the object onto itself, and a copy loses every header that is not sent again (S3 User Guide,
// "Working with object metadata"). Access-control lists cannot be kept; new buckets have them switched off.

import type { CopyObjectCommandInput, GetObjectCommandOutput, HeadObjectCommandOutput } from "@aws-sdk/client-s3";

type Attributes = Readonly<Record<string, string>>;

type Answer = Pick<
  GetObjectCommandOutput | HeadObjectCommandOutput,
  CopiedField | "ETag" | "Metadata" | "ExpiresString" | "BucketKeyEnabled"
>;

type CopiedField = (typeof copied)[number];

const copied = [
  "ContentType",
  "CacheControl",
  "ContentDisposition",
  "ContentEncoding",
  "ContentLanguage",
  "WebsiteRedirectLocation",
  "StorageClass", // absent means STANDARD, which is also the default of a copy
  "ServerSideEncryption",
  "SSEKMSKeyId",
] as const;
export const metadataPrefix = "metadata:";

/** The attributes in an answer to GetObject or HeadObject. */
export function attributesOf(answer: Answer): Attributes {
  const fields = [...copied, "ETag" as const].map((name) => [name, answer[name]] as const);
  const metadata = Object.entries(answer.Metadata ?? {}).map(([name, value]) => [metadataPrefix + name, value] as const);
  const expires = ["Expires", answer.ExpiresString] as const;
  const bucketKey = ["BucketKeyEnabled", answer.BucketKeyEnabled?.toString()] as const;
  return Object.fromEntries([...fields, expires, bucketKey, ...metadata].filter(([, value]) => value !== undefined)) as Attributes;
}

/** The user metadata in attributes. */
export function metadataOf(attributes: Attributes): Attributes {
  const own = Object.entries(attributes).filter(([name]) => name.startsWith(metadataPrefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(metadataPrefix.length), value]));
}

/** The input of a copy that changes only the metadata. */
export function copyInput(attributes: Attributes): Partial<CopyObjectCommandInput> {
  const { ETag, Expires, BucketKeyEnabled } = attributes;
  const expires = Expires === undefined ? Number.NaN : Date.parse(Expires);
  return {
    ...Object.fromEntries(copied.filter((name) => attributes[name] !== undefined).map((name) => [name, attributes[name]])),
    ...(Number.isNaN(expires) ? {} : { Expires: new Date(expires) }),
    ...(BucketKeyEnabled !== undefined && { BucketKeyEnabled: BucketKeyEnabled === "true" }),
    ...(ETag !== undefined && { CopySourceIfMatch: ETag }),
  };
}

/**
 * The metadata key which shows that SES encrypted the object ("Encrypt message" in the receipt rule), or `undefined`. Such
 * an object is not a readable mail; only the S3 encryption client of Java or Ruby can decrypt it (SES Developer
 * Guide, "Deliver to S3 bucket action").
 */
export function clientEncryption(metadata: Attributes | undefined): string | undefined {
  return ["x-amz-key", "x-amz-key-v2", "x-amz-iv", "x-amz-matdesc"].find((name) => metadata?.[name] !== undefined);
}
