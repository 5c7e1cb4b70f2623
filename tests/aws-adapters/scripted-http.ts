// Scripted HTTP: an AWS that does what a test says, octet by octet, where the emulators are too kind: errors in a 200,
// answers that are cut, drip or never come, a `Date` of tomorrow. Routes stand in a table; answers are used in order and
// the last one stays. What no route covers is answered 501 and kept in `strangers`.
//   SQS, DynamoDB: `AmazonSQS.ReceiveMessage`, `DynamoDB_20120810.UpdateItem` (the X-Amz-Target field)
//   SES v1:        `SendRawEmail` (the form's Action)
//   S3, SES v2:    `GET /bucket/key`, `POST /v2/email/outbound-emails` (method and path as sent, without the query)

import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";

export type Request = Readonly<{
  route: string;
  method: string;
  /** Path and query, as sent. */
  target: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** The body as JSON; `undefined` where it is none. */
  json: unknown;
}>;

/** A piece of a body: octets, a pause, or an end before the end. */
export type Piece = string | Uint8Array | Pause | "close" | "reset" | "hang";

/** So many milliseconds, or until the test has come so far. */
export type Pause = Readonly<{ waitMs: number }> | Readonly<{ until: Promise<void> }>;

export type Answer = Readonly<{
  /** Default 200. */
  status?: number;
  /** Content-Length is counted from the octets of the body unless it stands here. */
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array | readonly Piece[];
}>;

/** Instead of an answer: the connection ends, or nothing comes for ever. */
export type NoAnswer = "close" | "reset" | "hang";

export type Route = Answer | NoAnswer | ((request: Request) => Answer | NoAnswer);

export type ScriptedHttp = Readonly<{
  endpoint: string;
  /** All requests so far, or those of one route. */
  requests(route?: string): readonly Request[];
  /** Routes that were asked for and are not in the table. */
  strangers: readonly string[];
  /** Connections that are open now. */
  connections(): number;
  /** Octets of bodies that left so far: what a client that reads no more holds back. */
  sentOctets(): number;
  /** Sets the answers of a route anew. */
  on(route: string, ...answers: readonly Route[]): void;
  close(): Promise<void>;
}>;

/** Starts a server on a free port of 127.0.0.1. */
export async function scriptedHttp(routes: Readonly<Record<string, Route | readonly Route[]>> = {}): Promise<ScriptedHttp> {
  const table = new Map<string, Route[]>(Object.entries(routes).map(([route, answers]) => [route, listOf(answers)]));
  const requests: Request[] = [];
  const strangers: string[] = [];
  const sockets = new Set<Socket>();
  const tally = { octets: 0 };
  const answerTo = (request: Request): Answer | NoAnswer => {
    requests.push(request);
    const answers = table.get(request.route) ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined) strangers.push(request.route);
    const { route } = request;
    if (answer === undefined) return { status: 501, body: `no route ${route}` };
    return typeof answer === "function" ? answer(request) : answer;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // a client may leave at any time
    void converse(socket, answerTo, tally);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests: (route) => requests.filter((request) => route === undefined || request.route === route),
    strangers,
    connections: () => sockets.size,
    sentOctets: () => tally.octets,
    on: (route, ...answers) => void table.set(route, [...answers]),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listOf(answers: Route | readonly Route[]): Route[] {
  return Array.isArray(answers) ? [...(answers as readonly Route[])] : [answers as Route];
}

type Tally = { octets: number };

/** Reads requests from one connection and answers each before it reads the next. */
async function converse(socket: Socket, answerTo: (request: Request) => Answer | NoAnswer, tally: Tally): Promise<void> {
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      held = Buffer.concat([held, chunk as Buffer]);
      for (let taken = takeRequest(held); taken !== null; taken = takeRequest(held)) {
        held = taken.rest;
        if (!(await send(socket, answerTo(taken.request), tally))) return;
      }
    }
  } catch {
    // The client left.
  }
}

function takeRequest(held: Buffer): { request: Request; rest: Buffer } | null {
  const end = held.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first = "", ...lines] = held.toString("latin1", 0, end).split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const from = end + 4;
  const to = from + Number(headers["content-length"] ?? 0);
  if (held.length < to) return null;
  const body = held.toString("utf8", from, to);
  return {
    request: { route: routeOf(method, target, headers, body), method, target, headers, body, json: jsonOf(body) },
    rest: held.subarray(to),
  };
}

function routeOf(method: string, target: string, headers: Readonly<Record<string, string>>, body: string): string {
  const action = /^(?:.*&)?Action=(\w+)/.exec(body)?.[1];
  return headers["x-amz-target"] ?? action ?? `${method} ${target.split("?", 1)[0]}`;
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** False when the connection has come to its end. */
async function send(socket: Socket, answer: Answer | NoAnswer, tally: Tally): Promise<boolean> {
  if (typeof answer === "string") return end(socket, answer);
  const { status = 200, headers = {}, body = "" } = answer;
  const pieces: readonly Piece[] = typeof body === "string" || body instanceof Uint8Array ? [body] : body;
  const length = pieces.reduce((sum, piece) => sum + octetsOf(piece).length, 0);
  // HEAD says how long the body would be, and 304 has none: a test gives the field itself.
  const fields = Object.entries({
    date: new Date().toUTCString(),
    "x-amzn-requestid": "scripted",
    "content-length": String(length),
    ...headers,
  });
  socket.write(`HTTP/1.1 ${status} ${status}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  for (const piece of pieces) {
    if (piece === "close" || piece === "reset" || piece === "hang") return end(socket, piece);
    if (typeof piece === "object" && "waitMs" in piece) await new Promise((resolve) => setTimeout(resolve, piece.waitMs));
    else if (typeof piece === "object" && "until" in piece) await piece.until;
    else {
      if (!socket.write(piece)) await drained(socket);
      tally.octets += piece.length;
    }
    if (socket.destroyed) return false;
  }
  return true;
}

function octetsOf(piece: Piece): Uint8Array {
  if (piece === "close" || piece === "reset" || piece === "hang") return new Uint8Array();
  if (typeof piece === "string") return Buffer.from(piece);
  return piece instanceof Uint8Array ? piece : new Uint8Array();
}

async function end(socket: Socket, how: NoAnswer): Promise<boolean> {
  if (how === "close") socket.end();
  if (how === "reset") socket.resetAndDestroy();
  if (how === "hang") await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return false;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.once("drain", done).once("close", done);
  });
}

/** An answer of SQS or DynamoDB (AWS JSON 1.0). */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { headers: { "content-type": "application/x-amz-json-1.0", ...headers }, body: JSON.stringify(value) };
}

/** A refusal of SQS or DynamoDB. `type` as AWS sends it: `com.amazonaws.sqs#QueueDoesNotExist`. */
export function jsonError(status: number, type: string, text: string = "scripted", headers: Readonly<Record<string, string>> = {}): Answer {
  return { ...json({ __type: type, message: text, Message: text }, headers), status };
}

function inXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A refusal of S3; also with status 200, where it stands in place of the result. */
export function s3Error(status: number, code: string, text: string = "scripted"): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${inXml(text)}</Message><RequestId>scripted</RequestId></Error>`;
  return { status, headers: { "content-type": "application/xml" }, body };
}

/** An entry of a ReceiveMessage answer; the SDK compares the digest. */
export function sqsEntry(id: string, body: string, attributes: Readonly<Record<string, string>> = {}): unknown {
  const Attributes = { ApproximateReceiveCount: "1", SentTimestamp: "1767225600000", ...attributes };
  return { MessageId: id, ReceiptHandle: `receipt-${id}`, MD5OfBody: createHash("md5").update(body).digest("hex"), Body: body, Attributes };
}
