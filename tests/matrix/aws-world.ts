// AWS world: one set of emulators for all cells of the matrix, each behind a proxy. Every request of a cell's clients
// bears the cell's number and the name of its call, so that each cell harms its own calls and no others, side by side.

import type { IncomingMessage } from "node:http";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityCommand, CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import { type AwsClients, awsClients } from "@sesame/aws-adapters";
import { fetchExchange } from "../../apps/worker/exchange.ts";
import { hotCalls } from "../../packages/aws-adapters/clients.ts";
import type { Exchange } from "../../packages/aws-adapters/lane.ts";
import type { ManualAwsClock } from "../aws-adapters/dynalite.ts";
import { sesameTables, teach, type Way } from "../aws-adapters/ways.ts";
import type { Fault } from "../system/aws-proxy.ts";
import { bucketOf, Cloud } from "../system/cloud.ts";
import { type CallName, callOf } from "./aws-calls.ts";
import type { Harm } from "./aws-ways.ts";

export const domain = "example.com";
export const bucket: string = bucketOf(domain);

/** What happens to a call of a cell now; `null`: nothing. */
export type Harming = (call: CallName) => Harm | null;

const [cellField, callField] = ["x-matrix-cell", "x-matrix-call"];

export class AwsWorld {
  readonly cloud: Cloud;
  readonly #cells = new Map<string, Harming>();
  readonly #objects = new Map<string, Fault>();
  /** What is done for a cell before its first mail. */
  readonly #first = new Map<string, () => Promise<void>>();
  readonly #documents: DynamoDBDocumentClient;

  private constructor(cloud: Cloud) {
    this.cloud = cloud;
    this.#documents = DynamoDBDocumentClient.from(cloud.dynalite.client);
    for (const proxy of Object.values(cloud.proxies)) proxy.fault = (_, request) => this.#faultOf(request);
  }

  static async start(): Promise<AwsWorld> {
    return new AwsWorld(await Cloud.start({ domains: [domain] }));
  }

  stop(): Promise<void> {
    return this.cloud.stop();
  }

  /** A queue of a cell's own with a dead-letter queue, and one entry in it. */
  async enqueue(cell: string, body: string): Promise<void> {
    await this.#first.get(cell)?.();
    const { sqs } = this.cloud.clients;
    await sqs.send(new CreateQueueCommand({ QueueName: `${cell}-dlq` }));
    const redrive = { deadLetterTargetArn: `arn:aws:sqs:eu-central-1:000000000000:${cell}-dlq`, maxReceiveCount: 10 };
    await sqs.send(new CreateQueueCommand({ QueueName: cell, Attributes: { RedrivePolicy: JSON.stringify(redrive) } }));
    await sqs.send(new SendMessageCommand({ QueueUrl: this.#url(cell), MessageBody: body }));
  }

  /** Brings an entry back into sight; one that is gone stays gone. */
  async show(queue: string, receiptHandle: string): Promise<void> {
    const change = { QueueUrl: this.#url(queue), ReceiptHandle: receiptHandle, VisibilityTimeout: 0 };
    await this.cloud.clients.sqs.send(new ChangeMessageVisibilityCommand(change)).catch(() => {});
  }

  /** Entries of a queue, seen or not. */
  async queued(queue: string): Promise<number> {
    const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"] as const;
    const command = new GetQueueAttributesCommand({ QueueUrl: this.#url(queue), AttributeNames: [...names] });
    const { Attributes = {} } = await this.cloud.clients.sqs.send(command);
    return names.reduce((sum, name) => sum + Number(Attributes[name]), 0);
  }

  /** A mail's row of the ledger. */
  async ledgerRow(key: string): Promise<Readonly<Record<string, unknown>>> {
    const { Item = {} } = await this.#documents.send(new GetCommand({ TableName: "email-worker-ledger", Key: { id: `${bucket}/${key}` } }));
    return Item;
  }

  /** The status in an object's audit trail; "none", or "gone" where the object is. */
  async trail(key: string): Promise<string> {
    const head = await this.cloud.clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).catch(() => null);
    return head === null ? "gone" : (head.Metadata?.["status"] ?? "none");
  }

  /** What GetObject of a cell gets in place of the mail: the head of the true answer over other octets. */
  async disguise(cell: string, key: string, octets: "other" | "half"): Promise<void> {
    const answer = await fetch(`${this.cloud.emulator.endpoint}/${bucket}/${key}`, { headers: { "x-amz-checksum-mode": "ENABLED" } });
    const whole = Buffer.from(await answer.arrayBuffer()).toString("latin1");
    const body = octets === "half" ? whole.slice(0, whole.length / 2) : whole.replace(/[a-z]/g, "x");
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => /^(?:etag|x-amz-.*|content-type|last-modified)$/.test(name)));
    this.#objects.set(cell, { kind: "answer", status: 200, headers: { ...headers, "content-length": String(body.length) }, body });
  }

  /** Clients of a worker of a cell, harmed as `harming` says. The lane knows its routes, and is harmed as the SDK is. */
  clients(way: Way, cell: string, clock: ManualAwsClock, harming: Harming): AwsClients {
    this.#cells.set(cell, harming);
    const { env } = this.cloud;
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const clientsOf = (endpoint = "") =>
      awsClients({ version: "0.0.0-test", region: "eu-central-1", credentials, clock, connectTimeoutMs: 60_000, endpoint });
    const queue = clientsOf(env["AWS_ENDPOINT_URL_SQS"]);
    const store = clientsOf(env["AWS_ENDPOINT_URL_S3"]);
    const tables = clientsOf(env["AWS_ENDPOINT_URL_DYNAMODB"]);
    const mail = clientsOf(env["AWS_ENDPOINT_URL_SES"]);
    const all = { sqs: queue.sqs, sqsPoll: queue.sqsPoll, s3: store.s3, dynamo: tables.dynamo, ses: mail.ses, sesv2: mail.sesv2 };
    const exchange = way === "lane" ? led(cell, harming) : undefined;
    const hot = hotCalls(all, clock, exchange);
    let isReady = exchange === undefined;
    for (const client of Object.values(all)) lead(client as unknown as Client, cell, (call) => (isReady ? harming(call) : null));
    const names = { buckets: [bucket], queueUrls: [this.#url(cell)], tables: sesameTables ?? [] };
    this.#first.set(cell, async () => {
      if (!isReady) await teach(all, hot, names);
      isReady = true;
    });
    const close = () => {
      for (const clients of [queue, store, tables, mail]) clients.close();
      this.#cells.delete(cell);
    };
    return { ...all, hot, clock, close };
  }

  #url(queue: string): string {
    return `${this.cloud.emulator.endpoint}/000000000000/${queue}`;
  }

  #faultOf({ headers }: IncomingMessage): Fault | null {
    const cell = String(headers[cellField]);
    const harm = this.#cells.get(cell)?.(headers[callField] as CallName) ?? null;
    if (harm?.kind === "object") return this.#objects.get(cell) ?? null;
    return harm?.kind === "proxy" ? harm.fault : null;
  }
}

type Request = { protocol: string; hostname: string; port?: number; headers: Record<string, string> };
type Args = Readonly<{ input: Record<string, unknown>; request: Request }>;
type Context = Readonly<{ commandName?: string }>;
type Client = { middlewareStack: { add(middleware: Middleware, place: object): void } };
type Middleware = (next: (args: Args) => Promise<unknown>, context: Context) => (args: Args) => Promise<unknown>;

/** Marks each attempt of each call, and leads it astray where that is its harm. Behind the signature, which no emulator reads. */
function lead(client: Client, cell: string, harming: Harming): void {
  const middleware: Middleware =
    (next, { commandName = "" }) =>
    (args) => {
      const call = callOf(commandName, args.input);
      const { request } = args;
      request.headers[cellField] = cell;
      if (call === null) return next(args);
      request.headers[callField] = call;
      const harm = harming(call);
      if (harm?.kind === "astray") Object.assign(request, astray[harm.to]);
      return next(args);
    };
  client.middlewareStack.add(middleware, { step: "finalizeRequest", priority: "low", name: "matrixLead", override: true });
}

/** Marks each request of the lane, and leads it astray, as `lead` does for the SDK. */
function led(cell: string, harming: Harming): Exchange | undefined {
  const send = fetchExchange();
  if (send === undefined) return undefined;
  return (request, signal) => {
    const { headers, url, body = "{}" } = request;
    const name = headers["x-amz-target"]?.replace(/^.*\./, "") ?? new URL(url).searchParams.get("x-id") ?? "";
    const call = callOf(name, headers["x-amz-target"] === undefined ? {} : JSON.parse(body));
    if (call === null) return send({ ...request, headers: { ...headers, [cellField]: cell } }, signal);
    const harm = harming(call);
    const address = new URL(url);
    if (harm?.kind === "astray") Object.assign(address, astray[harm.to]);
    const marks = { [cellField]: cell, [callField]: call };
    return send({ ...request, url: address.href, headers: { ...headers, ...marks } }, signal);
  };
}

const astray: Readonly<Record<Extract<Harm, { kind: "astray" }>["to"], Partial<Request>>> = {
  "closed port": { hostname: "127.0.0.1", port: 1 },
  "unknown host": { hostname: "x.invalid" }, // RFC 2606 §2
  "plaintext port": { protocol: "https:" },
};
