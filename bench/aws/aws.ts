// AWS: SQS, S3, DynamoDB and SES on one port of the loopback, quick enough that the worker is measured and not its opposite. Each
// call waits as long as the latency model says before it has its effect. It counts calls, and it notes when an entry was handed
// out and when it was deleted. It checks no signatures and refuses nothing that AWS would take.

import type { Server } from "bun";
import { metadataOf, Objects, octetsOf } from "./objects.ts";
import { Queue, type QueueWatch } from "./queues.ts";
import { answerSqs, fromForm, inJson, inXml, queueOf, type SqsCall } from "./sqs.ts";
import { Tables } from "./tables.ts";

/** Milliseconds for each kind of call. */
export type Latencies = Readonly<{ receive: number; get: number; read: number; write: number; copy: number; delete: number; send: number }>;

export const noLatency: Latencies = { receive: 0, get: 0, read: 0, write: 0, copy: 0, delete: 0, send: 0 };
export const modelLatency: Latencies = { receive: 15, get: 25, read: 5, write: 7, copy: 40, delete: 10, send: 50 };

/** The tables of a worker and the names of their keys. */
const tables = {
  "email-rules": "email_address",
  "email-blocked-senders": "email_address",
  "ses-outbound-messages": "MessageId",
  "email-worker-ledger": "id",
};

const kinds: Readonly<Record<string, keyof Latencies>> = {
  ReceiveMessage: "receive",
  DeleteMessage: "delete",
  DeleteMessageBatch: "delete",
  ChangeMessageVisibility: "delete",
  ChangeMessageVisibilityBatch: "delete",
  GetQueueUrl: "delete",
  GetQueueAttributes: "delete",
  GetObject: "get",
  HeadObject: "get",
  CopyObject: "copy",
  PutObject: "copy",
  DeleteObject: "delete",
  GetItem: "read",
  BatchGetItem: "read",
  UpdateItem: "write",
  PutItem: "write",
  DeleteItem: "write",
  SendRawEmail: "send",
  SendEmail: "send",
  GetSendQuota: "send",
};

export type AwsOptions = Readonly<{
  watch?: Partial<QueueWatch> & Readonly<{ marked?(name: string, status: string): void; called?(name: string): void }>;
  /** For TLS. */
  certificate?: Readonly<{ key: string; cert: string }>;
  /** Of the visibility timeouts, in milliseconds. */
  now?: () => number;
}>;

export class Aws {
  readonly tables: Tables = new Tables(tables);
  readonly objects: Objects;
  readonly queues: Map<string, Queue> = new Map();
  /** Calls so far, by name. A name with "?" is no operation that is played here. */
  readonly calls: Map<string, number> = new Map();
  /** Ports of the connections so far. */
  readonly connections: Set<number> = new Set();
  latencies: Latencies = noLatency;
  readonly #options: AwsOptions;
  readonly #server: Server<undefined>;

  constructor(options: AwsOptions = {}) {
    this.#options = options;
    const marked = (name: string, { status = "" }: Readonly<Record<string, string>>) => options.watch?.marked?.(name, status);
    this.objects = new Objects({ copied: marked, erased: () => {} });
    const fetch = (request: Request, server: Server<undefined>) => {
      if (options.certificate) this.connections.add(server.requestIP(request)?.port ?? 0);
      return this.#answer(request);
    };
    const tls = options.certificate ? { tls: options.certificate } : {};
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch, ...tls });
  }

  get endpoint(): string {
    return `${this.#options.certificate ? "https://localhost" : "http://127.0.0.1"}:${this.#server.port}`;
  }

  /** The queue of this name, which is made if it is new. */
  queue(name: string): Queue {
    const known = this.queues.get(name);
    if (known !== undefined) return known;
    const { watch = {}, now = Date.now } = this.#options;
    const queue = new Queue(name, { handedOut: (id) => watch.handedOut?.(id), deleted: (id) => watch.deleted?.(id) }, now);
    this.queues.set(name, queue);
    return queue;
  }

  close(): Promise<void> {
    return this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const target = request.headers.get("x-amz-target");
    if (target !== null) return this.#answerJson(target, request);
    const path = new URL(request.url).pathname;
    if (request.method === "POST") {
      if (path === "/v2/email/outbound-emails") return this.#send("SendEmail", request);
      return this.#answerForm(new URLSearchParams(await request.text()), path, request.signal);
    }
    return this.#answerS3(request, decodeURIComponent(path.slice(1)));
  }

  async #answerJson(target: string, request: Request): Promise<Response> {
    const operation = target.slice(target.indexOf(".") + 1);
    const input: unknown = JSON.parse(await request.text());
    if (target.startsWith("AmazonSQS")) {
      const { status, type, body } = inJson(await this.#sqs({ operation, input: input as SqsCall["input"] }, request.signal));
      return new Response(body, { status, headers: { "content-type": type } });
    }
    await this.#wait(operation);
    const answer = this.tables.answer(operation, input) ?? this.#unknown(operation);
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers: { "content-type": "application/x-amz-json-1.0" } });
  }

  async #answerForm(form: URLSearchParams, path: string, signal: AbortSignal): Promise<Response> {
    const call = fromForm(form, path);
    if (call !== null) {
      const { status, type, body } = inXml(call, await this.#sqs(call, signal));
      return new Response(body, { status, headers: { "content-type": type } });
    }
    const operation = form.get("Action") ?? "";
    await this.#wait(operation);
    const results: Readonly<Record<string, string>> = {
      SendRawEmail: `<MessageId>${crypto.randomUUID()}</MessageId>`,
      GetSendQuota: "<Max24HourSend>-1.0</Max24HourSend><MaxSendRate>10000.0</MaxSendRate><SentLast24Hours>0.0</SentLast24Hours>",
    };
    const result = results[operation];
    if (result === undefined) return new Response(JSON.stringify(this.#unknown(operation).body), { status: 400 });
    const body = `<${operation}Response><${operation}Result>${result}</${operation}Result></${operation}Response>`;
    return new Response(body, { headers: { "content-type": "text/xml" } });
  }

  async #answerS3(request: Request, name: string): Promise<Response> {
    const { method, headers } = request;
    const source = headers.get("x-amz-copy-source");
    const operation = `${method === "PUT" && source !== null ? "Copy" : `${method.at(0)}${method.slice(1).toLowerCase()}`}Object`;
    await this.#wait(operation);
    if (method === "GET" || method === "HEAD") return this.objects.get(name, headers, method === "HEAD");
    if (method === "DELETE") return this.objects.delete(name);
    if (method !== "PUT") return new Response(JSON.stringify(this.#unknown(operation).body), { status: 400 });
    if (source !== null) return this.objects.copy(name, source, headers);
    const content = await octetsOf(new Uint8Array(await request.arrayBuffer()));
    this.objects.put(name, content, metadataOf(headers));
    return new Response(null, { headers: { etag: content.etag } });
  }

  async #send(operation: string, request: Request): Promise<Response> {
    await request.arrayBuffer();
    await this.#wait(operation);
    return Response.json({ MessageId: crypto.randomUUID() });
  }

  /** The queue is that of the moment when the call comes in: a later one of the same name belongs to the next run. */
  async #sqs(call: SqsCall, signal: AbortSignal): ReturnType<typeof answerSqs> {
    const queue = this.queues.get(queueOf(call));
    await this.#wait(call.operation);
    return answerSqs(call, queue, this.endpoint, signal);
  }

  #unknown(operation: string): Readonly<{ status: number; body: unknown }> {
    this.calls.set(`${operation}?`, (this.calls.get(`${operation}?`) ?? 0) + 1);
    return { status: 400, body: { __type: "com.amazonaws#UnknownOperationException", message: operation } };
  }

  async #wait(operation: string): Promise<void> {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    this.#options.watch?.called?.(operation);
    const ms = this.latencies[kinds[operation] ?? "get"];
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
