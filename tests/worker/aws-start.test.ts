// What a worker asks of AWS first: queues, ledger, and then the first entries.

import { afterEach, expect, test } from "bun:test";
import pino from "pino";
import { startAws } from "../../apps/worker/aws-start.ts";
import { decodeConfig } from "../../apps/worker/config.ts";
import { until } from "../until.ts";

type Asked = Readonly<{ operation: string; input: Readonly<Record<string, unknown>> }>;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Answers GetItem as `ledger` says, and everything else with success. */
function stub(ledger: () => Response) {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    fetch: async (request) => {
      const operation = request.headers.get("x-amz-target")?.replace(/^.*\./, "") ?? "";
      const input = (await request.json()) as Asked["input"];
      asked.push({ operation, input });
      if (operation === "GetItem") return ledger();
      return Response.json(operation === "GetQueueUrl" ? { QueueUrl: `http://sqs.test/1/${input["QueueName"]}` } : { Messages: [] });
    },
  });
  ends.push(() => server.stop(true));
  const of = (operation: string) => asked.flatMap((each) => (each.operation === operation ? [each.input] : []));
  return { endpoint: String(server.url), of };
}

async function start(endpoint: string, env: Readonly<Record<string, string>> = {}) {
  const config = decodeConfig({ DOMAINS: "example.com", AWS_CLIENT: "sdk", ...env });
  if (!config.ok) throw new Error(config.error);
  const aws = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const before = Object.keys(aws).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, aws);
  ends.push(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
  const lines: Readonly<Record<string, unknown>>[] = [];
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) });
  const started = await startAws(config.value, logger);
  ends.push(() => started.close());
  return { ...started, lines };
}

const found = () => Response.json({});
const missing = () =>
  Response.json({ __type: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", message: "no" }, { status: 400 });
const denied = () => Response.json({ __type: "com.amazon.coral.service#AccessDeniedException", message: "no" }, { status: 400 });

const rows: [string, number, Readonly<Record<string, string>>, unknown][] = [
  ["one queue waits for its first entry", 1, {}, [{ MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }]],
  ["several queues do not wait", 2, {}, [{ WaitTimeSeconds: 0 }, { WaitTimeSeconds: 0 }]],
  ["domains with the same queue receive once", 2, { QUEUE_NAME: "all" }, [{ MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }]],
  ["too few permits for a batch of each queue", 2, { CONCURRENCY: "19" }, []],
  ["too few permits for one batch", 1, { CONCURRENCY: "9" }, []],
];
for (const [what, count, env, polls] of rows) {
  test(`the URL of each queue and the ledger are asked at once, and receive() asks for entries: ${what}`, async () => {
    const aws = stub(found);
    const domains = Array.from({ length: count }, (_, n) => `domain-${n}.test`);
    const { ready, receive, queues } = await start(aws.endpoint, { DOMAINS: domains.join(), ...env });
    expect(await ready).toEqual({ ok: true, value: null });
    const distinct = new Set(queues.values());
    await until(() => aws.of("GetQueueUrl").length === distinct.size, "it asks for no queue");
    expect(aws.of("ReceiveMessage")).toEqual([]);
    await receive();
    if (aws.of("ReceiveMessage").length < (polls as unknown[]).length)
      await until(() => aws.of("ReceiveMessage").length === (polls as unknown[]).length, "it does not receive");
    expect(aws.of("ReceiveMessage")).toMatchObject(polls as object[]);
    expect(aws.of("GetQueueUrl")).toHaveLength(distinct.size);
    expect(aws.of("GetItem")).toHaveLength(1);
  });
}

test("without the table of the ledger the worker may not start", async () => {
  const { ready } = await start(stub(missing).endpoint);
  expect(await ready).toEqual({
    ok: false,
    error: 'Cannot start: the table LEDGER_TABLE must exist, is "email-worker-ledger"; create it with the command of sesame check',
  });
});

test("a ledger that cannot be checked may exist: it is logged, and the worker starts", async () => {
  const { ready, lines } = await start(stub(denied).endpoint);
  expect(await ready).toEqual({ ok: true, value: null });
  expect(lines.map(({ event }) => event)).toEqual(["probe-failed"]);
});

test("LEDGER=memory asks for no table", async () => {
  const aws = stub(missing);
  const { ready, lines } = await start(aws.endpoint, { LEDGER: "memory" });
  expect(await ready).toEqual({ ok: true, value: null });
  expect(lines.map(({ event }) => event)).toEqual(["ledger-in-memory"]);
  expect(aws.of("GetItem")).toEqual([]);
});
