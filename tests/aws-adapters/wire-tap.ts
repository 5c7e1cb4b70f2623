// Wire tap: the SDK's clients and the lane without a network. It shows the request that each of them sends for the same input,
// and answers with success. The SDK's endpoints are those of AWS, so that a bucket is in the host name where AWS wants it there.

import { Readable } from "node:stream";
import { type AwsClients, awsClients } from "@sesame/aws-adapters";
import fc from "fast-check";
import { hotCalls } from "../../packages/aws-adapters/clients.ts";
import type { HotCalls } from "../../packages/aws-adapters/hot-calls.ts";
import type { SignedRequest } from "../../packages/aws-adapters/lane.ts";

export type Sent = SignedRequest;
/** `lane`: null where the call is left to the SDK. */
export type Pair = Readonly<{ sdk: Sent; lane: Sent | null }>;

export type WireTap = Readonly<{
  credentials: Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken: string }>;
  /** Makes the same call both ways. */
  both(call: (calls: HotCalls) => Promise<unknown>): Promise<Pair>;
}>;

export function wireTap(): WireTap {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret/+key", sessionToken: "token//+==" };
  const clients = awsClients({ version: "0.0.0-test", region: "eu-central-1", credentials });
  const sent: { sdk: Sent[]; lane: Sent[] } = { sdk: [], lane: [] };
  tapSdk(clients, (request) => {
    sent.sdk.push(request);
    return successFor(request);
  });
  const sdk = hotCalls(clients, clients.clock, undefined);
  const lane = hotCalls(clients, clients.clock, async (request) => {
    sent.lane.push(request);
    const { status, headers, body } = successFor(request);
    return new Response(body, { headers, status });
  });
  return {
    credentials,
    both: async (call) => {
      sent.lane.length = 0;
      await call(sdk); // shows the route, if it is new
      const [ofSdk] = sent.sdk.slice(-1);
      await call(lane);
      if (ofSdk === undefined) throw new Error("the SDK has sent nothing");
      return { sdk: ofSdk, lane: sent.lane[0] ?? null };
    },
  };
}

type SdkRequest = Readonly<{
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query: Readonly<Record<string, string>>;
  headers: Record<string, string>;
  body?: unknown;
}>;

export type TapAnswer = Readonly<{ status: number; headers: Record<string, string>; body: string }>;

/** Stands in the place of the SDK's network. `answer` may throw, for a connection that breaks. */
export function tapSdk(
  { sqs, sqsPoll, s3, dynamo }: Pick<AwsClients, "sqs" | "sqsPoll" | "s3" | "dynamo">,
  answer: (request: Sent) => TapAnswer | Promise<TapAnswer>,
): void {
  const handle = async (request: SdkRequest) => {
    const { method, protocol, hostname, port, path, query, headers } = request;
    const search = Object.entries(query).map(([name, value]) => `?${name}=${value}`);
    const url = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search.join("")}`;
    const sent = request.body instanceof Uint8Array ? new TextDecoder().decode(request.body) : (request.body as string | undefined);
    const { status, body, ...rest } = await answer({ method, url, headers, ...(sent !== undefined && { body: sent }) });
    return { response: { statusCode: status, headers: rest.headers, body: Readable.from(body === "" ? [] : [Buffer.from(body)]) } };
  };
  for (const client of [sqs, sqsPoll, s3, dynamo])
    Object.assign(client.config, { requestHandler: { handle, destroy: () => {}, metadata: { handlerProtocol: "http/1.1" } } });
}

/** The answer of AWS to a call that succeeds. */
export function successFor({ method, headers: { "x-amz-target": target = method, range } }: Sent): TapAnswer {
  const [status, headers] = [200, { "content-type": "application/x-amz-json-1.0" }];
  if (target === "GET") {
    const fields = { "content-length": "1", etag: '"e"' };
    return range === undefined
      ? { status, headers: fields, body: "x" }
      : { status: 206, headers: { ...fields, "content-range": "bytes 5-5/6" }, body: "x" };
  }
  const copied = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
  if (target === "PUT") return { status, headers: { "content-type": "application/xml" }, body: copied };
  if (target.endsWith("UpdateItem")) return { status, headers, body: '{"Attributes":{"id":{"S":"x"}}}' };
  if (target.endsWith("BatchGetItem")) return { status, headers, body: '{"Responses":{"email-rules":[]}}' };
  if (target.endsWith("ReceiveMessage")) return { status, headers, body: "{}" };
  return { status, headers, body: '{"Successful":[],"Failed":[]}' };
}

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const key = fc
  .array(fc.oneof(fc.string({ unit: "grapheme", maxLength: 8 }), fc.constantFrom("a b", "!'()*~", "%2e", "..", "", "é", "+&=?#")), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("/"))
  .filter((each) => each !== "" && !/\p{Surrogate}/u.test(each));
const bucket = fc.constantFrom("example-com-emails", "dotted.example.com");
const printable = fc.stringMatching(/^[!-~](?:[ -~]{0,40}[!-~])?$/);
const attributes = fc.record(
  {
    ContentType: printable,
    CacheControl: printable,
    ContentDisposition: printable,
    ContentEncoding: fc.constantFrom("identity", "gzip"),
    ContentLanguage: fc.constant("de"),
    Expires: fc.constantFrom("Thu, 01 Jan 2026 00:00:00 GMT", "never"),
    StorageClass: fc.constantFrom("STANDARD_IA", "INTELLIGENT_TIERING"),
    ServerSideEncryption: fc.constant("aws:kms"),
    SSEKMSKeyId: fc.constant("arn:aws:kms:eu-central-1:1:key/2"),
    BucketKeyEnabled: fc.constantFrom("true", "false"),
    WebsiteRedirectLocation: fc.constant("/there"),
    ETag: fc.constantFrom('"e"', '"0123-2"'),
  },
  { requiredKeys: [] },
);
const metadata = fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,12}$/), fc.oneof(printable, fc.constant("")), { maxKeys: 6 });
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    text,
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }),
    fc.uniqueArray(text, { minLength: 1, maxLength: 4 }).map((all) => new Set(all)),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 8 }), tie("any"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).any;
/** Rows of any values that Sesame writes. */
export const rows: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), value, {
  maxKeys: 5,
  noNullPrototype: true,
}) as never;
const QueueUrl = fc.constantFrom("https://sqs.eu-central-1.amazonaws.com/1/q", "https://sqs.eu-central-1.amazonaws.com/1/other");
const entries = fc.array(fc.record({ Id: fc.nat(9).map(String), ReceiptHandle: text, VisibilityTimeout: fc.nat(43200) }), {
  maxLength: 10,
});

type Generated<T> = Readonly<{ arbitrary: fc.Arbitrary<T>; play(tap: WireTap, input: T): Promise<Pair> }>;
const generated = <T>(
  arbitrary: fc.Arbitrary<T>,
  call: (calls: HotCalls, input: T, signal: AbortSignal) => Promise<unknown>,
): Generated<T> => ({
  arbitrary,
  play: (tap, input) => tap.both((calls) => call(calls, input, new AbortController().signal)),
});

export const arbitraries: Readonly<Record<string, Generated<never>>> = {
  GetObject: generated(
    fc.record(
      { Bucket: bucket, Key: key, Range: fc.nat().map((at) => `bytes=${at}-`), IfMatch: fc.constant('"e"') },
      { requiredKeys: ["Bucket", "Key"] },
    ),
    (calls, what, signal) => calls.getObject(what as never, signal),
  ) as never,
  CopyObject: generated(fc.record({ Bucket: bucket, Key: key, attributes, metadata }), (calls, copy, signal) =>
    calls.copyObject(copy as never, signal),
  ) as never,
  UpdateItem: generated(fc.record({ key: text, values: rows }), (calls, { key: id, values }, signal) =>
    calls.updateItem(
      {
        TableName: "email-worker-ledger",
        Key: { id },
        UpdateExpression: "SET #a = :a",
        ConditionExpression: "attribute_not_exists(#b)",
        ExpressionAttributeNames: { "#a": "a", "#b": "b" },
        ExpressionAttributeValues: values,
        ReturnValues: "ALL_NEW",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      },
      signal,
    ),
  ) as never,
  BatchGetItem: generated(fc.array(text, { minLength: 1, maxLength: 20 }), (calls, keys, signal) =>
    calls.batchGetItem({ "email-rules": { Keys: keys.map((each) => ({ email_address: each })), ConsistentRead: true } }, signal),
  ) as never,
  ReceiveMessage: generated(fc.record({ QueueUrl, limit: fc.nat(10), wait: fc.nat(20) }), (calls, { QueueUrl: url, limit, wait }, signal) =>
    calls.receive(
      {
        QueueUrl: url,
        MaxNumberOfMessages: limit,
        WaitTimeSeconds: wait,
        VisibilityTimeout: 120,
        MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
      },
      signal,
    ),
  ) as never,
  DeleteMessageBatch: generated(fc.record({ QueueUrl, Entries: entries }), (calls, { QueueUrl: url, Entries }, signal) =>
    calls.deleteBatch({ QueueUrl: url, Entries: Entries.map(({ Id, ReceiptHandle }) => ({ Id, ReceiptHandle })) }, signal),
  ) as never,
  ChangeMessageVisibilityBatch: generated(fc.record({ QueueUrl, Entries: entries }), (calls, batch, signal) =>
    calls.changeVisibilityBatch(batch, signal),
  ) as never,
};
