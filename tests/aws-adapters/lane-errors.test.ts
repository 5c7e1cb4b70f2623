// Answers of AWS, of proxies and of broken connections: the lane ends in the same trouble as the SDK, with one request more at most.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { troubleOf } from "@sesame/aws-adapters";
import type { HotCalls } from "../../packages/aws-adapters/hot-calls.ts";
import { nothingDone } from "../../packages/aws-adapters/trouble.ts";
import { testClients } from "./emulator.ts";
import { jsonError, type Route, type ScriptedHttp, s3Error, scriptedHttp } from "./scripted-http.ts";
import { hotBy, type Way, ways } from "./ways.ts";

const QueueUrl = "https://sqs.eu-central-1.amazonaws.com/1/q";
const going = () => new AbortController().signal;
const expression = { UpdateExpression: "SET #a = :a", ExpressionAttributeNames: { "#a": "a" }, ExpressionAttributeValues: { ":a": "x" } };
const calls: Readonly<Record<string, readonly [route: string, (hot: HotCalls) => Promise<unknown>]>> = {
  GetObject: ["GET /bucket/key", (hot) => hot.getObject({ Bucket: "bucket", Key: "key" }, going())],
  CopyObject: ["PUT /bucket/key", (hot) => hot.copyObject({ Bucket: "bucket", Key: "key", attributes: {}, metadata: {} }, going())],
  UpdateItem: [
    "DynamoDB_20120810.UpdateItem",
    (hot) => hot.updateItem({ TableName: "t", Key: { id: "x" }, ...expression, ReturnValues: "ALL_NEW" }, going()),
  ],
  BatchGetItem: [
    "DynamoDB_20120810.BatchGetItem",
    (hot) => hot.batchGetItem({ t: { Keys: [{ id: "x" }], ConsistentRead: true } }, going()),
  ],
  DeleteMessageBatch: [
    "AmazonSQS.DeleteMessageBatch",
    (hot) => hot.deleteBatch({ QueueUrl, Entries: [{ Id: "0", ReceiptHandle: "r" }] }, going()),
  ],
  ReceiveMessage: [
    "AmazonSQS.ReceiveMessage",
    (hot) =>
      hot.receive({ QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 0, VisibilityTimeout: 1, MessageSystemAttributeNames: [] }, going()),
  ],
};
const page: Route = { status: 502, headers: { "content-type": "text/html" }, body: "<html><h1>502 Bad Gateway</h1></html>" };
const everywhere: readonly (readonly [string, Route])[] = [
  ["a page of a proxy", page],
  ["an empty 503", { status: 503, body: "" }],
  ["an empty 403", { status: 403, body: "" }],
  ["429", { status: 429, body: "" }],
  ["a reset", "reset"],
  ["a close", "close"],
];
const cut: Route = { headers: { "content-length": "100" }, body: ["close"] };
const coral = (status: number, type: string) => jsonError(status, `com.amazon.coral.service#${type}`);
const ofJson: readonly (readonly [string, Route])[] = [
  ...(["AccessDeniedException", "ResourceNotFoundException", "ThrottlingException", "ExpiredTokenException"] as const).map(
    (type) => [type, coral(400, type)] as const,
  ),
  ["InternalServerError", coral(500, "InternalServerError")],
  ["a page with status 200", { headers: { "content-type": "text/html" }, body: "<html>Log in</html>" }],
  ["half a JSON", { body: '{"Messages":[' }],
];
const ofS3: readonly (readonly [string, Route])[] = [
  ...(["AccessDenied", "InvalidObjectState", "RequestTimeTooSkewed", "ExpiredToken"] as const).map(
    (code) => [code, s3Error(403, code)] as const,
  ),
  ["NoSuchBucket", s3Error(404, "NoSuchBucket")],
  ["PreconditionFailed", s3Error(412, "PreconditionFailed")],
  ["SlowDown", s3Error(503, "SlowDown")],
  ["InternalError", s3Error(500, "InternalError")],
];

let aws: ScriptedHttp;
beforeAll(async () => {
  aws = await scriptedHttp();
});
afterAll(() => aws.close());

async function troubleBy(way: Way, name: string, answer: Route) {
  const [route = "", ask = () => Promise.resolve()] = calls[name] ?? [];
  aws.on(route, answer);
  const clients = testClients(aws.endpoint, { attempts: 1 });
  const hot = hotBy(way, clients, { buckets: ["bucket"], queueUrls: [QueueUrl], tables: [["t"]] });
  const before = aws.requests(route).length;
  const error: unknown = await ask(hot).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  clients.close();
  const { kind, retry } = troubleOf(error);
  return {
    trouble: error === null ? null : { kind, retry, nothingDone: nothingDone(error) },
    requests: aws.requests(route).length - before,
  };
}

describe.skipIf(ways.length < 2)("the same trouble by the SDK and by the lane", () => {
  for (const name of Object.keys(calls)) {
    // A body of GetObject is read later. A poll that is cut is garbled for the SDK and unreachable for the lane: both are tried again.
    const rows = name === "GetObject" || name === "ReceiveMessage" ? everywhere : [...everywhere, ["a cut body", cut] as const];
    for (const [title, answer] of [...rows, ...(name.endsWith("Object") ? ofS3 : ofJson)]) {
      test(`${name}: ${title}`, async () => {
        const [sdk, lane] = [await troubleBy("SDK", name, answer), await troubleBy("lane", name, answer)];
        expect(sdk.trouble).not.toBeNull();
        expect(lane.trouble).toEqual(sdk.trouble);
        expect(lane.requests).toBeGreaterThanOrEqual(sdk.requests);
        // fetch itself repeats a request without effects once, if a connection that was kept ends.
        expect(lane.requests).toBeLessThanOrEqual(sdk.requests + (name === "GetObject" || name === "CopyObject" ? 2 : 1));
      });
    }
  }
});
