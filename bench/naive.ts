// Naive: the worker that many people have today, as short as it can be: receive up to ten, and take one mail after another
// to its end, or all ten side by side (NAIVE_AT_ONCE=1). It fetches each mail whole, parses it, looks each row up by
// itself, tries pattern by pattern, opens a connection for each mail, and deletes entry by entry.
// What it does not do: no replies, forwards or bounces; no ledger, so that a crash or a slow answer delivers twice; a mail
// for two recipients of whom one is refused is lost or doubled; nothing says why; a mail that fails fails for ever; no
// deadline and no metrics. What it does do is what the benches compare.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CopyObjectCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DeleteMessageCommand, GetQueueUrlCommand, type Message, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { simpleParser } from "mailparser";
import picomatch from "picomatch";
import { createTransport } from "./nodemailer.ts";

const { DOMAINS: domain = "", SMTP_HOST: host = "", SMTP_PORT: port = "", NAIVE_AT_ONCE } = process.env;
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
const s3 = new S3Client({ forcePathStyle: true });
const tables = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const smtp = createTransport({ host, port: Number(port), ignoreTLS: true, name: "naive.test" });

const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: `${domain.replaceAll(".", "-")}-queue` }));
let ending = false; // a poll that is broken off may still take an entry, which the next run would miss
process.once("SIGTERM", () => {
  ending = true;
});
while (!ending) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
  if (NAIVE_AT_ONCE) await Promise.all(Messages.map(handle));
  else for (const entry of Messages) await handle(entry);
}
process.exit(0);

async function handle({ Body = "", ReceiptHandle }: Message): Promise<void> {
  const { mail, receipt } = JSON.parse(JSON.parse(Body).Message);
  const object = { Bucket: receipt.action.bucketName as string, Key: receipt.action.objectKey as string };
  const answer = await s3.send(new GetObjectCommand(object));
  const raw = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
  const { from } = await simpleParser(raw);
  const senders = [mail.source as string, ...(from?.value.map(({ address = "" }) => address) ?? [])];
  const to: string[] = [];
  for (const recipient of receipt.recipients as string[]) {
    await rowOf("email-rules", recipient); // what it would say of replies and forwards
    if (!isBlocked(await rowOf("email-blocked-senders", recipient), senders)) to.push(recipient);
  }
  if (to.length > 0) await smtp.sendMail({ envelope: { from: mail.source, to }, raw });
  const { Metadata, ContentType } = answer;
  const copy = { CopySource: `${object.Bucket}/${object.Key}`, MetadataDirective: "REPLACE" as const, ContentType };
  const status = to.length > 0 ? "delivered" : "blocked";
  await s3.send(new CopyObjectCommand({ ...object, ...copy, Metadata: { ...Metadata, status } }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
}

/** The recipient's row, else the one of the whole domain. */
async function rowOf(table: string, recipient: string): Promise<Record<string, unknown>> {
  for (const key of [recipient, recipient.replace(/^.*@/, "*@")]) {
    const { Item } = await tables.send(new GetCommand({ TableName: table, Key: { email_address: key } }));
    if (Item) return Item;
  }
  return {};
}

function isBlocked({ blocked_patterns: patterns = [] }: Record<string, unknown>, senders: readonly string[]): boolean {
  for (const pattern of patterns as Iterable<string>)
    for (const sender of senders) if (picomatch.isMatch(sender, pattern, { nocase: true, dot: true })) return true;
  return false;
}
