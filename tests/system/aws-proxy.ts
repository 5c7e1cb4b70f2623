// AWS proxy: stands before an emulator, counts every call by its name, and can do to a call what networks and services do:
// refuse it, break it off, drip, fall silent, answer rubbish. It passes everything else on as it is.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a call in place of success. `done`: the service did what it was asked, and only its answer is lost. */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string }
  | { readonly kind: "reset"; readonly done: boolean }
  | { readonly kind: "silence"; readonly done: boolean }
  | { readonly kind: "drip"; readonly everyMs: number }
  | { readonly kind: "cut"; readonly after: number };

export type AwsProxy = Readonly<{
  endpoint: string;
  /** Calls so far, by name: `ReceiveMessage`, `GetObject`, `BatchGetItem`, `SendRawEmail`, … */
  calls: Map<string, number>;
  /** Asked before each call; `null` passes it on. */
  fault: (name: string, request: IncomingMessage) => Fault | null;
  close(): Promise<void>;
}> & {
  fault: (name: string, request: IncomingMessage) => Fault | null;
  /** Milliseconds by which the `Date` of each answer is put forward; less than 0: back. */
  aheadMs: number;
};

/** Starts one before an emulator. */
export async function startAwsProxy(upstream: string): Promise<AwsProxy> {
  const calls = new Map<string, number>();
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing));
  server.keepAliveTimeout = 0; // no harm but the one that is asked for: a kept connection must not end as it is used again
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const proxy: AwsProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    fault: () => null,
    aheadMs: 0,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const body = await bodyOf(incoming);
      const name = callName(incoming, body);
      calls.set(name, (calls.get(name) ?? 0) + 1);
      await meet(proxy.fault(name, incoming), incoming, body, outgoing);
    } catch {
      outgoing.destroy(); // the emulator or the client went away
    }
  }

  async function meet(fault: Fault | null, incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse): Promise<void> {
    if (fault?.kind === "answer") return void outgoing.writeHead(fault.status, { ...fault.headers }).end(fault.body);
    if (fault && "done" in fault) {
      if (fault.done) await drain(await ask(upstream, incoming, body));
      if (fault.kind === "reset") incoming.socket.destroy();
      return;
    }
    const answer = await ask(upstream, incoming, body);
    outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, date: new Date(Date.now() + proxy.aheadMs).toUTCString() });
    if (fault === null) answer.pipe(outgoing);
    else if (fault.kind === "cut") cut(await bodyOf(answer), fault.after, outgoing);
    else drip(await bodyOf(answer), fault.everyMs, outgoing);
  }
}

function cut(body: Buffer, after: number, outgoing: ServerResponse): void {
  outgoing.write(body.subarray(0, after));
  setTimeout(() => outgoing.destroy(), 20);
}

function drip(body: Buffer, everyMs: number, outgoing: ServerResponse): void {
  let at = 0;
  const timer = setInterval(() => {
    outgoing.write(body.subarray(at, ++at));
    if (at >= body.length || outgoing.destroyed) {
      clearInterval(timer);
      outgoing.end();
    }
  }, everyMs);
}

async function bodyOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function drain(answer: IncomingMessage): Promise<void> {
  await bodyOf(answer);
}

function ask(upstream: string, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const { hostname, port } = new URL(upstream);
  const { method, url: path, headers } = incoming;
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers, agent: false }, resolve);
    asked.on("error", reject);
    asked.end(body);
  });
}

/** The API call that a request makes: from its target header, its form, or for S3 its method and subject. */
export function callName({ method, url = "/", headers }: IncomingMessage, body: Buffer): string {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return target.slice(target.indexOf(".") + 1);
  const action = /(?:^|&)Action=(\w+)/.exec(body.subarray(0, 2000).toString("latin1"))?.[1];
  if (action !== undefined && method === "POST") return action;
  if (url.startsWith("/v2/email/outbound-emails")) return "SendEmail";
  if (url.startsWith("/v2/email/account")) return "GetAccount";
  if (method === "PUT") return headers["x-amz-copy-source"] === undefined ? "PutObject" : "CopyObject";
  return { GET: "GetObject", HEAD: "HeadObject", DELETE: "DeleteObject" }[method ?? ""] ?? `${method} ${url}`;
}
