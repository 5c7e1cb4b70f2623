// The example in the package's README works as it stands there.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { CreateQueueCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";
import { SqsMailQueue } from "@sesame/aws-adapters";
import { runExample } from "../contracts/example.ts";
import { raw, received, s3 } from "../core/ses/notice-sample.ts";
import { type Dynalite, startDynalite } from "./dynalite.ts";
import { type Emulator, startEmulator, testClients } from "./emulator.ts";

let dynamo: Dynalite;
let emulator: Emulator;
beforeAll(async () => {
  [dynamo, emulator] = await Promise.all([startDynalite(), startEmulator()]);
});
afterAll(async () => {
  await Promise.all([dynamo.close(), emulator.close()]);
});

test("the example of packages/aws-adapters/README.md takes a mail from the queue and closes it", async () => {
  const clients = testClients(emulator.endpoint);
  const { QueueUrl } = await clients.sqs.send(new CreateQueueCommand({ QueueName: "example-com-queue" }));
  await clients.s3.send(new CreateBucketCommand({ Bucket: s3.bucketName }));
  await clients.s3.send(new PutObjectCommand({ Bucket: s3.bucketName, Key: s3.objectKey, Body: "Subject: x\r\n\r\n" }));
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: raw(received()) }));
  const env = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
  };
  const mailId = `${s3.bucketName}/${s3.objectKey}`;
  expect(await runExample("packages/aws-adapters/README.md", { env })).toBe(`${mailId}: 14 octets\n`);
  const { Items } = await DynamoDBDocumentClient.from(dynamo.client).send(new ScanCommand({ TableName: "email-worker-ledger" }));
  expect(Items).toMatchObject([{ id: mailId, closed: true }]);
  expect(await new SqsMailQueue({ ...clients, name: "example-com-queue" }).size()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  clients.close();
}, 120_000);
