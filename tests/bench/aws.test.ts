// The AWS of the benches keeps the contracts of the ports with the adapters of production, as the emulators of the other tests do.
// So a bench measures a worker that works. Its second protocol, which Debian's boto3 speaks, is shown as well.

import { afterAll, expect, test } from "bun:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoDirectory, DynamoLedger, DynamoOutbound, S3MailStore, SqsMailQueue } from "@sesame/aws-adapters";
import { Aws } from "../../bench/aws/aws.ts";
import { bodyOf } from "../../bench/aws/queues.ts";
import { ManualAwsClock } from "../aws-adapters/dynalite.ts";
import { testClients } from "../aws-adapters/emulator.ts";
import { directoryContract } from "../contracts/directory.ts";
import { ledgerContract } from "../contracts/ledger.ts";
import { mailQueueContract } from "../contracts/mail-queue.ts";
import { mailStoreContract } from "../contracts/mail-store.ts";
import { outboundContract } from "../contracts/outbound.ts";

let ahead = 0; // milliseconds
const aws = new Aws({ now: () => Date.now() + ahead });
const clients = testClients(aws.endpoint, { queues: 4 });
const client = new DynamoDBClient({
  endpoint: aws.endpoint,
  region: "eu-central-1",
  credentials: { accessKeyId: "a", secretAccessKey: "b" },
});
const documents = DynamoDBDocumentClient.from(client);
let made = 0;
afterAll(async () => {
  clients.close();
  client.destroy();
  await aws.close();
});

const close = async () => {};
const emptied = () => {
  aws.tables.clear();
  return { client, clock: new ManualAwsClock() };
};

directoryContract("bench AWS: DynamoDirectory", async () => {
  const put = (TableName: string) => async (email_address: string, row: Readonly<Record<string, unknown>>) => {
    await documents.send(new PutCommand({ TableName, Item: { email_address, ...row } }));
  };
  return { directory: new DynamoDirectory(emptied()), putRule: put("email-rules"), putBlocked: put("email-blocked-senders"), close };
});

ledgerContract("bench AWS: DynamoLedger", async () => {
  const options = emptied();
  const { clock } = options;
  return {
    open: (owner) => new DynamoLedger({ ...options, owner }),
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds),
    close,
  };
});

outboundContract("bench AWS: DynamoOutbound", async () => ({ outbound: new DynamoOutbound(emptied()), close }));

mailQueueContract("bench AWS: SqsMailQueue", async () => {
  const name = `queue-${++made}`;
  const queue = new SqsMailQueue({ ...clients, name, visibilitySeconds: 30, waitSeconds: 0, gatherMs: 1 });
  const put = async (text: string) => aws.queue(name).send(`${++made}`, bodyOf(text));
  aws.queue(name);
  const advance = async (seconds: number) => {
    ahead += seconds * 1000;
  };
  return { queue, visibilitySeconds: 30, put, advance, close };
});

const held = "the answer to open() is still there, and has the whole mail";
mailStoreContract(
  "bench AWS: S3MailStore",
  async () => {
    const { s3, clock } = clients;
    const bucket = `bucket-${++made}`;
    return {
      store: new S3MailStore({ s3, clock }),
      bucket,
      put: async ({ key }, Body, Metadata) =>
        void (await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, Metadata: { ...Metadata } }))),
      attributesOf: async ({ key }) => (await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))).Metadata ?? {},
      close,
    };
  },
  {
    skip: {
      "open() takes a key as it stands": "Bun.serve resolves dot segments of a path, and no mail of a bench has them",
      "rest() and whole() fail when the object was cut short": held,
      "rest() and whole() fail when the object is gone": held,
    },
  },
);

test("bench AWS answers the query protocol of SQS with the same entries as JSON", async () => {
  const text = '{"a":"<&> ä\\r\\n"}';
  aws.queue("old").send("entry-1", bodyOf(text));
  const ask = async (form: Readonly<Record<string, string>>) => {
    const answer = await fetch(`${aws.endpoint}/000000000000/old`, { method: "POST", body: new URLSearchParams(form) });
    return answer.text();
  };
  expect(await ask({ Action: "GetQueueUrl", QueueName: "old" })).toContain(`<QueueUrl>${aws.endpoint}/000000000000/old</QueueUrl>`);
  const received = await ask({ Action: "ReceiveMessage", MaxNumberOfMessages: "10", VisibilityTimeout: "30" });
  const body = (/<Body>(.*)<\/Body>/.exec(received)?.[1] ?? "").replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  expect(body).toBe(text);
  expect(aws.queue("old").sizes()).toEqual({ visible: 0, inFlight: 1 });
  await ask({ Action: "DeleteMessage", ReceiptHandle: /<ReceiptHandle>(.*)<\/ReceiptHandle>/.exec(received)?.[1] ?? "" });
  expect(aws.queue("old").sizes()).toEqual({ visible: 0, inFlight: 0 });
  expect(await ask({ Action: "GetQueueUrl", QueueName: "absent" })).toContain("NonExistentQueue");
});

test("bench AWS counts a call that it does not play, and refuses it", async () => {
  const headers = { "x-amz-target": "DynamoDB_20120810.TransactWriteItems" };
  const answer = await fetch(aws.endpoint, { method: "POST", headers, body: "{}" });
  expect([answer.status, aws.calls.get("TransactWriteItems?")]).toEqual([400, 1]);
});
