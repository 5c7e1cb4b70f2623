// SQS stub, a process of its own: queues in memory, with long polls, in SQS's JSON protocol. It prints its port. A POST to
// `/put` with `{ queue, bodies }` puts entries. It has neither visibility timeouts nor batches that fail in part.

type Waiting = Readonly<{ limit: number; answer: (messages: readonly object[]) => void }>;
type Queue = { entries: string[]; waiting: Waiting[]; inFlight: number };

const queues = new Map<string, Queue>();
let serial = 0;

function queueOf(name: string): Queue {
  const queue = queues.get(name) ?? { entries: [], waiting: [], inFlight: 0 };
  queues.set(name, queue);
  return queue;
}

function take(queue: Queue, limit: number): readonly object[] {
  const bodies = queue.entries.splice(0, limit);
  queue.inFlight += bodies.length;
  return bodies.map((Body) => {
    const id = String(++serial);
    const MD5OfBody = new Bun.CryptoHasher("md5").update(Body).digest("hex");
    const Attributes = { ApproximateReceiveCount: "1", SentTimestamp: String(Date.now()) };
    return { MessageId: id, ReceiptHandle: id, MD5OfBody, Body, Attributes };
  });
}

function receive(queue: Queue, limit: number, waitSeconds: number): Promise<readonly object[]> {
  if (queue.entries.length > 0 || waitSeconds === 0) return Promise.resolve(take(queue, limit));
  return new Promise((resolve) => {
    const waiting: Waiting = {
      limit,
      answer: (messages) => {
        clearTimeout(timer);
        queue.waiting = queue.waiting.filter((each) => each !== waiting);
        resolve(messages);
      },
    };
    const timer = setTimeout(() => waiting.answer([]), waitSeconds * 1000);
    queue.waiting.push(waiting);
  });
}

type Asked = Readonly<{
  QueueName?: string;
  QueueUrl?: string;
  MaxNumberOfMessages?: number;
  WaitTimeSeconds?: number;
  Entries?: readonly Readonly<{ Id: string }>[];
}>;

async function answer(operation: string, asked: Asked): Promise<object> {
  if (operation === "GetQueueUrl") return { QueueUrl: `http://127.0.0.1:${server.port}/000000000000/${asked.QueueName}` };
  const queue = queueOf(asked.QueueUrl?.split("/").at(-1) ?? "");
  const entries = asked.Entries ?? [];
  switch (operation) {
    case "ReceiveMessage":
      return { Messages: await receive(queue, asked.MaxNumberOfMessages ?? 1, asked.WaitTimeSeconds ?? 0) };
    case "DeleteMessageBatch":
      queue.inFlight -= entries.length;
      return { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] };
    case "ChangeMessageVisibilityBatch":
      return { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] };
    default:
      return {
        Attributes: {
          ApproximateNumberOfMessages: String(queue.entries.length),
          ApproximateNumberOfMessagesNotVisible: String(queue.inFlight),
          ApproximateNumberOfMessagesDelayed: "0",
        },
      };
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 60,
  fetch: async (request) => {
    if (new URL(request.url).pathname === "/put") {
      const { queue: name, bodies } = (await request.json()) as { queue: string; bodies: string[] };
      const queue = queueOf(name);
      queue.entries.push(...bodies);
      for (const waiting of queue.waiting) if (queue.entries.length > 0) waiting.answer(take(queue, waiting.limit));
      return new Response("");
    }
    const operation = request.headers.get("x-amz-target")?.split(".")[1] ?? "";
    return Response.json(await answer(operation, (await request.json()) as Asked), {
      headers: { "content-type": "application/x-amz-json-1.0" },
    });
  },
});
process.stdout.write(`${server.port}\n`);
