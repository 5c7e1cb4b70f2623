// SqsMailQueue keeps the contract of MailQueue, on the emulator.

import { afterAll, beforeAll } from "bun:test";
import { CreateQueueCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { type AwsClients, SqsMailQueue } from "@sesame/aws-adapters";
import { type MailQueueHarness, mailQueueContract } from "../contracts/mail-queue.ts";
import { type Emulator, startEmulator, testClients } from "./emulator.ts";
import { hotBy, type Way, ways } from "./ways.ts";

let emulator: Emulator;
let clients: AwsClients;
let queues = 0;

beforeAll(async () => {
  emulator = await startEmulator();
  clients = testClients(emulator.endpoint, { queues: 4 });
});
afterAll(async () => {
  clients.close();
  await emulator.close();
});

const skip = {
  "extend() says lost when the entry is visible again":
    "fauxqs notices that a visibility ended only when it is asked for entries; AWS's MessageNotInflight is in sqs-answers.test.ts",
};

for (const way of ways) mailQueueContract(`SqsMailQueue by the ${way}`, () => makeHarness(way), { skip });

async function makeHarness(way: Way): Promise<MailQueueHarness> {
  const { sqs, sqsPoll, clock } = clients;
  const name = `example-com-queue-${++queues}`;
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const queue = new SqsMailQueue({
    sqs,
    sqsPoll,
    clock,
    hot: hotBy(way, clients, { queueUrls: [QueueUrl] }),
    name,
    visibilitySeconds: 30,
    waitSeconds: 0,
    gatherMs: 1,
  });
  const put = async (MessageBody: string) => void (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody })));
  return { queue, visibilitySeconds: 30, put, advance: (seconds) => emulator.advance(seconds), close: async () => {} };
}
