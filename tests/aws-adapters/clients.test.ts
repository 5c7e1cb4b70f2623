// awsClients(): what the clients do with connections and endpoints.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { GetSendQuotaCommand } from "@aws-sdk/client-ses";
import { GetAccountCommand } from "@aws-sdk/client-sesv2";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { type AwsClients, awsClients } from "@sesame/aws-adapters";
import { testClients } from "./emulator.ts";
import { json, type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

let aws: ScriptedHttp;
let clients: AwsClients;

beforeEach(async () => {
  aws = await scriptedHttp({
    "AmazonSQS.GetQueueAttributes": json({}),
    "HEAD /bucket/key": { body: "" },
    GetSendQuota: { headers: { "content-type": "text/xml" }, body: "<GetSendQuotaResponse><GetSendQuotaResult/></GetSendQuotaResponse>" },
    "GET /v2/email/account": { headers: { "content-type": "application/json" }, body: "{}" },
  });
});
afterEach(async () => {
  clients.close();
  await aws.close();
});

const askSqs = () => clients.sqs.send(new GetQueueAttributesCommand({ QueueUrl: "http://elsewhere.invalid/1/q" }));
const askS3 = () => clients.s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "key" }));
const connectionFields = () => aws.requests().map(({ headers }) => headers["connection"]);

test("SQS and S3 keep their connections", async () => {
  clients = testClients(aws.endpoint);
  for (const ask of [askSqs, askSqs, askS3, askS3]) await ask();
  expect(connectionFields()).toEqual(Array.from({ length: 4 }, () => "keep-alive"));
  expect(aws.connections()).toBe(2);
});

test("SES has a new connection for each call, since one that was kept may have ended under a send", async () => {
  clients = testClients(aws.endpoint);
  await clients.ses.send(new GetSendQuotaCommand({}));
  await clients.sesv2.send(new GetAccountCommand({}));
  expect(connectionFields()).toEqual(["close", "close"]);
});

test("AWS_ENDPOINT_URL holds for each service, with the bucket in the path and whatever host a queue's URL names", async () => {
  const before = process.env["AWS_ENDPOINT_URL"];
  process.env["AWS_ENDPOINT_URL"] = aws.endpoint;
  try {
    clients = awsClients({ version: "0.0.0-test", region: "eu-central-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } });
    await askSqs();
    await askS3();
    expect(aws.strangers).toEqual([]);
  } finally {
    if (before === undefined) delete process.env["AWS_ENDPOINT_URL"];
    else process.env["AWS_ENDPOINT_URL"] = before;
  }
});
