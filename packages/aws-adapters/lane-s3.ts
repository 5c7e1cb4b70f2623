// Lane of S3: GetObject and CopyObject without the SDK. A mail that fits into its head is read and checked as a whole, so
// that any fault makes the SDK ask again; a larger one is a stream that fails at its end if the checksum is wrong.
// S3 API Reference: "GetObject", "CopyObject"; S3 User Guide, "Checking object integrity for data uploads in Amazon S3".

import type { S3Client } from "@aws-sdk/client-s3";
import { headLimit } from "@sesame/core";
import type { Attributes, ObjectAnswer, ObjectCalls, ObjectCopy, ObjectRead, OctetStream } from "./hot-calls.ts";
import type { ExchangeAnswer, Lane, LaneRequest, PieceReader } from "./lane.ts";
import { type Checksum, checksumOf } from "./lane-checksum.ts";
import { encodedKey, type Route, routeName } from "./lane-routes.ts";
import { metadataPrefix } from "./s3-attributes.ts";
import { copySource } from "./sdk-s3.ts";
import { GarbledError } from "./trouble.ts";

const patienceMs = 10_000; // a third of the deadline of a call

/** `sdk`: the same calls through the SDK. */
export function laneObjectCalls(lane: Lane, s3: S3Client, sdk: ObjectCalls): ObjectCalls {
  const to = (call: string, bucket: string) => ({ client: s3, patienceMs, route: routeName(call, { Bucket: bucket }) ?? "" });
  return {
    getObject: (what, signal) =>
      lane.run(
        {
          ...to("GetObject", what.Bucket),
          request: (route) => getRequest(what, route),
          read: (answer, abort) => readObject(what, answer, abort),
          viaSdk: () => sdk.getObject(what, signal),
        },
        signal,
      ),
    copyObject: (copy, signal) =>
      lane.run(
        {
          ...to("CopyObject", copy.Bucket),
          request: (route) => copyRequest(copy, route),
          read: readCopy,
          viaSdk: () => sdk.copyObject(copy, signal),
        },
        signal,
      ),
  };
}

function getRequest({ Key, Range, IfMatch }: ObjectRead, route: Route): LaneRequest | null {
  const fields = {
    "x-amz-checksum-mode": "ENABLED",
    ...(Range !== undefined && { range: Range }),
    ...(IfMatch !== undefined && { "if-match": IfMatch }),
  };
  return requestOf("GET", "GetObject", Key, fields, route);
}

/** An address with a dot segment is changed on its way (RFC 3986 §5.2.4), and a field with other characters may be. */
function requestOf(
  method: "GET" | "PUT",
  operation: string,
  key: string,
  fields: Readonly<Record<string, string>>,
  { prefix }: Route,
): LaneRequest | null {
  const isSent = Object.values(fields).every((value) => /^[!-~]+(?: +[!-~]+)*$|^$/.test(value));
  if (!isSent || /(?:^|\/)\.\.?(?:\/|$)/.test(key)) return null;
  return { method, path: prefix + encodedKey(key), query: `x-id=${operation}`, fields };
}

async function readObject({ Range }: ObjectRead, answer: ExchangeAnswer, abort: () => void): Promise<ObjectAnswer> {
  const { status, headers } = answer;
  const [length, range] = [headers.get("content-length"), headers.get("content-range")];
  const isWhole = Range === undefined ? status === 200 : status === 206 && range !== null;
  if (!isWhole || length === null || !/^\d{1,15}$/.test(length)) {
    abort();
    throw new GarbledError("the answer has no length or no range");
  }
  const octets = Number(length);
  const checksum = checksumOf((name) => headers.get(`x-amz-checksum-${name}`));
  const body = octets <= headLimit ? oneOf(await checked(answer, octets, checksum)) : streamOf(answer, checksum, abort);
  return { length: octets, range: range ?? undefined, attributes: attributesIn(headers), body };
}

async function checked(answer: ExchangeAnswer, length: number, checksum: Checksum | null): Promise<Uint8Array> {
  const octets = new Uint8Array(await answer.arrayBuffer());
  if (octets.length !== length) throw new GarbledError(`the body ended after ${octets.length} of ${length} octets`);
  checksum?.update(octets);
  await checksum?.verify();
  return octets;
}

function oneOf(octets: Uint8Array): OctetStream {
  return {
    async *[Symbol.asyncIterator]() {
      if (octets.length > 0) yield octets;
    },
    destroy: () => {},
  };
}

/** Reads on demand. What is not read stays in the socket. */
function streamOf({ body }: ExchangeAnswer, checksum: Checksum | null, abort: () => void): OctetStream {
  if (body === null) throw new GarbledError("the answer has no body");
  const reader = body.getReader();
  return { [Symbol.asyncIterator]: () => ({ next: () => nextOf(reader, checksum) }), destroy: abort };
}

async function nextOf(reader: PieceReader, checksum: Checksum | null): Promise<IteratorResult<Uint8Array>> {
  const { done, value } = await reader.read();
  if (done || value === undefined) {
    await checksum?.verify();
    return { done: true, value: undefined };
  }
  checksum?.update(value);
  return { done: false, value };
}

/** The fields that are attributes under their own name; the others are in a copy under the same field. */
const fieldsOf: ReadonlyMap<string, string> = new Map([
  ["ContentType", "content-type"],
  ["CacheControl", "cache-control"],
  ["ContentDisposition", "content-disposition"],
  ["ContentEncoding", "content-encoding"],
  ["ContentLanguage", "content-language"],
  ["WebsiteRedirectLocation", "x-amz-website-redirect-location"],
  ["StorageClass", "x-amz-storage-class"],
  ["ServerSideEncryption", "x-amz-server-side-encryption"],
  ["SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id"],
  ["BucketKeyEnabled", "x-amz-server-side-encryption-bucket-key-enabled"],
]);
const names: ReadonlyMap<string, string> = new Map(
  [...fieldsOf, ["Expires", "expires"] as const, ["ETag", "etag"] as const].map(([name, field]) => [field, name]),
);
const metadataField = "x-amz-meta-";

function attributesIn(headers: ExchangeAnswer["headers"]): Attributes {
  const attributes: [string, string][] = [];
  headers.forEach((value, field) => {
    const name = field.startsWith(metadataField) ? metadataPrefix + field.slice(metadataField.length) : names.get(field);
    if (name !== undefined) attributes.push([name, value]);
    // The SDK and the exchange may read such a field in different encodings.
    if (name !== undefined && !/^[\t -~]*$/.test(value)) throw new GarbledError(`the field ${field} has other characters than ASCII`);
  });
  return Object.fromEntries(attributes);
}

function copyRequest({ Bucket, Key, attributes, metadata }: ObjectCopy, route: Route): LaneRequest | null {
  const expires = Date.parse(attributes["Expires"] ?? "");
  const kept = [...fieldsOf].flatMap(([name, field]) => (attributes[name] === undefined ? [] : [[field, attributes[name]] as const]));
  const fields = {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [metadataField + name.toLowerCase(), value])),
    ...(Number.isNaN(expires) ? {} : { expires: new Date(expires).toUTCString() }),
    ...(attributes["ETag"] !== undefined && { "x-amz-copy-source-if-match": attributes["ETag"] }),
    "x-amz-copy-source": copySource(Bucket, Key),
    "x-amz-metadata-directive": "REPLACE",
  };
  return requestOf("PUT", "CopyObject", Key, fields, route);
}

/** S3 answers 200 before it copies; without a result in the body the copy failed. */
async function readCopy(answer: ExchangeAnswer): Promise<void> {
  const text = await answer.text();
  const at = text.indexOf("<CopyObjectResult");
  if (at < 0 || !/<ETag>[^<]/.test(text.slice(at))) throw new GarbledError("the answer has no result of the copy");
}
