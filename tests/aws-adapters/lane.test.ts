// The lane: which calls it takes, which it leaves to the SDK, and what it does when AWS gives no plain success.

import { describe, expect, test } from "bun:test";
import { type AwsClients, awsClients, troubleOf } from "@sesame/aws-adapters";
import { hotCalls } from "../../packages/aws-adapters/clients.ts";
import type { HotCalls, Write } from "../../packages/aws-adapters/hot-calls.ts";
import { Lane } from "../../packages/aws-adapters/lane.ts";
import { laneTableCalls } from "../../packages/aws-adapters/lane-dynamo.ts";
import { Routes } from "../../packages/aws-adapters/lane-routes.ts";
import { laneObjectCalls } from "../../packages/aws-adapters/lane-s3.ts";
import { Scouts } from "../../packages/aws-adapters/lane-scouts.ts";
import { laneQueueCalls } from "../../packages/aws-adapters/lane-sqs.ts";
import { ManualAwsClock } from "./dynalite.ts";
import { type Sent, successFor, type TapAnswer, tapSdk } from "./wire-tap.ts";

const going = () => new AbortController().signal;
const write: Write = {
  TableName: "email-worker-ledger",
  Key: { id: "bucket/key" },
  UpdateExpression: "SET #a = :a",
  ExpressionAttributeNames: { "#a": "a" },
  ExpressionAttributeValues: { ":a": "nonce" },
  ReturnValues: "ALL_NEW",
};
const poll = {
  QueueUrl: "https://sqs.eu-central-1.amazonaws.com/1/q",
  MaxNumberOfMessages: 10,
  WaitTimeSeconds: 20,
  VisibilityTimeout: 120,
  MessageSystemAttributeNames: [],
};
const calls = {
  GetObject: (hot: HotCalls, signal = going()) => hot.getObject({ Bucket: "bucket", Key: "key" }, signal),
  CopyObject: (hot: HotCalls, signal = going()) =>
    hot.copyObject({ Bucket: "bucket", Key: "key", attributes: {}, metadata: { a: "b" } }, signal),
  UpdateItem: (hot: HotCalls, signal = going()) => hot.updateItem(write, signal),
  BatchGetItem: (hot: HotCalls, signal = going()) =>
    hot.batchGetItem({ "email-rules": { Keys: [{ email_address: "a" }], ConsistentRead: true } }, signal),
  ReceiveMessage: (hot: HotCalls, signal = going()) => hot.receive(poll, signal),
  DeleteMessageBatch: (hot: HotCalls, signal = going()) =>
    hot.deleteBatch({ QueueUrl: poll.QueueUrl, Entries: [{ Id: "0", ReceiptHandle: "r" }] }, signal),
  ChangeMessageVisibilityBatch: (hot: HotCalls, signal = going()) =>
    hot.changeVisibilityBatch({ QueueUrl: poll.QueueUrl, Entries: [{ Id: "0", ReceiptHandle: "r", VisibilityTimeout: 1 }] }, signal),
} as const;
type CallName = keyof typeof calls;
const names = Object.keys(calls) as CallName[];

type Way = "sdk" | "lane";

/** A lane whose two networks answer as `answer` says; success by default. */
class World {
  readonly clock = new ManualAwsClock();
  readonly clients: AwsClients = awsClients({
    version: "0.0.0-test",
    region: "eu-central-1",
    credentials: { accessKeyId: "AK", secretAccessKey: "SK" },
    clock: this.clock,
    attempts: 1,
  });
  readonly hot: HotCalls;
  nowMs = 0;
  /** The ways that requests took, in order. */
  took: Way[] = [];
  sent: Sent[] = [];
  answer: (way: Way, request: Sent, signal?: AbortSignal) => TapAnswer | Promise<TapAnswer> = (_, request) => successFor(request);

  constructor() {
    tapSdk(this.clients, (request) => this.#serve("sdk", request));
    const sdk = hotCalls(this.clients, this.clock, undefined);
    const exchange = async (request: Sent, signal: AbortSignal) => {
      const { status, headers, body } = await this.#serve("lane", request, signal);
      return new Response(body === "" ? null : body, { status, headers });
    };
    const lane = new Lane({ exchange, clock: this.clock, now: () => this.nowMs });
    const { sqs, sqsPoll, s3, dynamo } = this.clients;
    for (const client of [sqs, sqsPoll, s3, dynamo]) lane.observe(client);
    this.hot = { ...laneQueueCalls(lane, this.clients, sdk), ...laneObjectCalls(lane, s3, sdk), ...laneTableCalls(lane, dynamo, sdk) };
  }

  /** The ways that one call takes. */
  async ways(name: CallName): Promise<string> {
    this.took = [];
    await calls[name](this.hot).catch(() => this.took.push("throws" as Way));
    return this.took.join(" ");
  }

  #serve(way: Way, request: Sent, signal?: AbortSignal): TapAnswer | Promise<TapAnswer> {
    this.took.push(way);
    this.sent.push(request);
    return this.answer(way, request, signal);
  }
}

const onLane = (answer: TapAnswer | (() => never)) => (way: Way, request: Sent) =>
  way === "sdk" ? successFor(request) : typeof answer === "function" ? answer() : answer;
const reset = (): never => {
  throw Object.assign(new Error("The socket connection was closed unexpectedly"), { code: "ECONNRESET" });
};
const refusedConnection = (): never => {
  throw Object.assign(new Error("Unable to connect"), { code: "ConnectionRefused" });
};
const typed = (status: number, type: string): TapAnswer => ({
  status,
  headers: {},
  body: JSON.stringify({ __type: `com.amazonaws#${type}`, message: "scripted" }),
});

describe("each call", () => {
  test.each(names)("%s goes through the SDK first, and then by the lane", async (name) => {
    const world = new World();
    expect([await world.ways(name), await world.ways(name), await world.ways(name)]).toEqual(["sdk", "lane", "lane"]);
  });
  test.each(names.filter((name) => name !== "ReceiveMessage"))(
    "%s sends a burst by the lane once its first call has shown the way",
    async (name) => {
      const world = new World();
      const burst = () => Promise.allSettled(Array.from({ length: 5 }, () => calls[name](world.hot)));
      await burst();
      expect(world.took).toEqual(["sdk", "lane", "lane", "lane", "lane"]);
      world.took = [];
      world.nowMs += 300_000;
      await burst();
      expect(world.took).toEqual(["sdk", "lane", "lane", "lane", "lane"]);
    },
  );
  test.each(names.filter((name) => name !== "ReceiveMessage"))(
    "%s waits for no first call after one that has shown nothing",
    async (name) => {
      const world = new World();
      const burst = () => Promise.allSettled(Array.from({ length: 3 }, () => calls[name](world.hot)));
      let [inWork, most] = [0, 0];
      world.answer = async () => {
        most = Math.max(most, ++inWork);
        await Bun.sleep(0);
        inWork--;
        return typed(400, "ValidationException");
      };
      await burst();
      expect([world.took, most]).toEqual([["sdk", "sdk", "sdk"], 2]); // the first one alone
      most = 0;
      await burst();
      expect(most).toBe(3);
    },
  );
  test("ReceiveMessage waits for no first call, which may be a poll of 20 seconds", async () => {
    const world = new World();
    await Promise.all([calls.ReceiveMessage(world.hot), calls.ReceiveMessage(world.hot)]);
    expect(world.took).toEqual(["sdk", "sdk"]);
  });
  test.each(names)("%s gives the same answer both ways", async (name) => {
    const world = new World();
    const plain = async () => {
      const answer = await calls[name](world.hot);
      if (answer === undefined || !("body" in answer)) return answer;
      const octets: number[] = [];
      for await (const piece of answer.body) octets.push(...piece);
      return { ...answer, body: octets };
    };
    const [first, second] = [await plain(), await plain()];
    expect(world.took).toEqual(["sdk", "lane"]);
    // What the SDK adds to each answer is no part of it.
    const { $metadata: _, Failed: _f, UnprocessedKeys: _u, ...bare } = (first ?? {}) as Record<string, unknown>;
    expect(second ?? {}).toMatchObject(Array.isArray(first) ? (first as never) : bare);
  });
  test.each(names)("%s asks the SDK after a redirect, and learns its way anew", async (name) => {
    const world = new World();
    await world.ways(name);
    world.answer = onLane({ status: 307, headers: { location: "https://elsewhere.test/" }, body: "" });
    expect(await world.ways(name)).toBe("lane sdk");
  });
  test.each(names)("%s has no lane for five minutes where AWS refuses the lane what it grants the SDK", async (name) => {
    const world = new World();
    await world.ways(name);
    world.answer = onLane(typed(403, "SignatureDoesNotMatch"));
    expect([await world.ways(name), await world.ways(name)]).toEqual(["lane sdk", "sdk"]);
    world.nowMs += 300_000;
    world.answer = onLane(successFor(world.sent[0] as Sent));
    expect([await world.ways(name), await world.ways(name)]).toEqual(["sdk", "lane"]);
  });
  test.each(names)("%s forgets its way after five minutes", async (name) => {
    const world = new World();
    await world.ways(name);
    world.nowMs += 299_999;
    expect(await world.ways(name)).toBe("lane");
    world.nowMs += 1;
    expect(await world.ways(name)).toBe("sdk");
  });
  const overloads: readonly (readonly [string, TapAnswer | (() => never)])[] = [
    ["503", typed(503, "ServiceUnavailable")],
    ["429", { status: 429, headers: {}, body: "" }],
    ["ThrottlingException", typed(400, "ThrottlingException")],
    ["a refused connection", refusedConnection],
  ];
  for (const [title, answer] of overloads) {
    test.each(names)(`%s and its whole service rest for one second after ${title}`, async (name) => {
      const world = new World();
      for (const each of names) await world.ways(each);
      world.answer = onLane(answer);
      expect(await world.ways(name)).toBe(name === "ReceiveMessage" && title === "503" ? "lane throws" : "lane sdk");
      world.answer = (_, request) => successFor(request);
      const same = names.filter((each) => serviceOf(each) === serviceOf(name));
      for (const each of names) expect(`${each} ${await world.ways(each)}`).toBe(`${each} ${same.includes(each) ? "sdk" : "lane"}`);
      world.nowMs += 1000;
      for (const each of names) expect(await world.ways(each)).toBe("lane");
    });
  }
  const garbled: readonly (readonly [string, TapAnswer])[] = [
    ["an empty body", { status: 200, headers: {}, body: "" }],
    ["a page of a proxy", { status: 200, headers: { "content-type": "text/html" }, body: "<html>Log in</html>" }],
    ["a list", { status: 200, headers: {}, body: "[]" }],
    ["an error within a 200", { status: 200, headers: {}, body: "<Error><Code>InternalError</Code></Error>" }],
  ];
  for (const [title, answer] of garbled) {
    test.each(names.filter((name) => name !== "ReceiveMessage"))(`%s asks the SDK after ${title}`, async (name) => {
      const world = new World();
      await world.ways(name);
      world.answer = onLane(answer);
      expect(await world.ways(name)).toBe("lane sdk");
    });
    test(`ReceiveMessage throws after ${title}, because entries may be out of sight`, async () => {
      const world = new World();
      await world.ways("ReceiveMessage");
      world.answer = onLane(answer);
      expect(await world.ways("ReceiveMessage")).toBe("lane throws");
    });
  }
  test.each(names)("%s that breaks off is asked again by the SDK, except a poll", async (name) => {
    const world = new World();
    await world.ways(name);
    world.answer = onLane(reset);
    expect(await world.ways(name)).toBe(name === "ReceiveMessage" ? "lane throws" : "lane sdk");
    world.answer = (_, request) => successFor(request);
    expect(await world.ways(name)).toBe("lane"); // one broken connection says nothing of the service
  });
  test.each(names)("%s is not asked again when its caller waits no more", async (name) => {
    const world = new World();
    await world.ways(name);
    const controller = new AbortController();
    world.answer = (_, __, signal) => {
      controller.abort(new Error("over"));
      expect(signal?.aborted).toBe(true);
      throw signal?.reason;
    };
    world.took = [];
    await expect(Promise.resolve(calls[name](world.hot, controller.signal))).rejects.toThrow("over");
    expect(world.took).toEqual(["lane"]);
  });
  test.each(names)("%s is signed with the credentials and the time of now", async (name) => {
    const world = new World();
    await world.ways(name);
    const rotated = { accessKeyId: "NEW", secretAccessKey: "NEWSK", sessionToken: "token" };
    const { sqs, sqsPoll, s3, dynamo } = world.clients;
    for (const client of [sqs, sqsPoll, s3, dynamo]) Object.assign(client.config, { credentials: async () => rotated });
    world.clock.advance(86_400);
    await world.ways(name);
    const { headers = {} } = world.sent.at(-1) ?? {};
    expect(headers["authorization"]).toStartWith("AWS4-HMAC-SHA256 Credential=NEW/20260102/eu-central-1/");
    expect([headers["x-amz-date"], headers["x-amz-security-token"]]).toEqual(["20260102T000000Z", "token"]);
    expect(headers["accept-encoding"]).toBe("identity");
    expect(headers["user-agent"]).toContain("sesame/0.0.0-test");
  });
});

function serviceOf(name: CallName): string {
  if (name === "ReceiveMessage") return "polls";
  if (name.endsWith("Object")) return "s3";
  return name.endsWith("Item") ? "dynamodb" : "sqs";
}

describe("only the SDK takes", () => {
  const object = (key: string, more: object = {}) => ({ Bucket: "bucket", Key: key, ...more });
  const keys = ["a/../b", "./a", "..", "a/.", "a/./b", "x\ud800"];
  test.each(keys)("the key %j", async (key) => {
    const world = new World();
    await world.ways("GetObject");
    await world.ways("CopyObject");
    world.took = [];
    await world.hot.getObject(object(key), going()).catch(() => {});
    await world.hot.copyObject({ Bucket: "bucket", Key: key, attributes: {}, metadata: {} }, going()).catch(() => {});
    expect(world.took).not.toContain("lane");
  });
  test.each(["...", "a..b/.c", "%2e%2e/x", "a//b", "\\..\\"])("but not the key %j", async (key) => {
    const world = new World();
    await world.ways("GetObject");
    await world.hot.getObject(object(key), going());
    expect(world.took.at(-1)).toBe("lane");
  });
  test.each(["ä", "a\r\nx: y", " a"])("the metadata %j", async (text) => {
    const world = new World();
    await world.ways("CopyObject");
    world.took = [];
    await world.hot.copyObject({ ...object("key"), attributes: {}, metadata: { text } }, going()).catch(() => {});
    expect(world.took).not.toContain("lane");
  });
  test("polls above 32 at once", async () => {
    const world = new World();
    await world.ways("ReceiveMessage");
    let open: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    world.answer = async (way, request) => {
      if (way === "lane") await opened;
      return successFor(request);
    };
    world.took = [];
    const tapped = Array.from({ length: 32 }, () => calls.ReceiveMessage(world.hot));
    await new Promise((resolve) => setImmediate(resolve));
    world.answer = (_, request) => successFor(request);
    await calls.ReceiveMessage(world.hot);
    open();
    await Promise.all(tapped);
    expect(world.took.filter((way) => way === "lane").length).toBe(32);
    expect(world.took.at(-1)).toBe("sdk");
    expect(await world.ways("ReceiveMessage")).toBe("lane");
  });
});

describe("Routes", () => {
  const authorization = (names: string, scope = "20260101/eu-central-1/s3/aws4_request", algorithm = "AWS4-HMAC-SHA256") =>
    `${algorithm} Credential=AK/${scope}, SignedHeaders=${names}, Signature=00`;
  const request = (changes: object = {}, signature = authorization("host;x-amz-date")) => ({
    protocol: "https:",
    hostname: "bucket.s3.eu-central-1.amazonaws.com",
    path: "/a/key",
    query: { "x-id": "GetObject" },
    headers: { host: "bucket.s3.eu-central-1.amazonaws.com", authorization: signature },
    ...changes,
  });
  const learned = (asked: ReturnType<typeof request>, status = 200) => {
    const routes = new Routes(() => 0);
    routes.learn("GetObjectCommand", { Bucket: "bucket", Key: "a/key" }, asked, status);
    return routes.find("GetObject bucket");
  };
  test("takes endpoint, region and service from what the SDK signed", () => {
    expect(learned(request())).toMatchObject({
      origin: "https://bucket.s3.eu-central-1.amazonaws.com",
      prefix: "/",
      scope: { region: "eu-central-1", service: "s3" },
    });
    const host = "localhost:9000";
    const own = {
      protocol: "http:",
      hostname: "localhost",
      port: 9000,
      path: "/bucket/a/key",
      headers: { host, authorization: authorization("host") },
    };
    expect(learned(request(own))).toMatchObject({ origin: "http://localhost:9000", prefix: "/bucket/" });
  });
  const none: readonly (readonly [string, ReturnType<typeof request>, number?])[] = [
    [
      "a multi-region access point, which is signed by SigV4a",
      request({}, authorization("host", "20260101/s3/aws4_request", "AWS4-ECDSA-P256-SHA256")),
    ],
    ["an express session", request({}, authorization("host;x-amz-s3session-token", "20260101/eu-central-1/s3express/aws4_request"))],
    ["a session token of another kind", request({}, authorization("host;x-amz-s3session-token"))],
    ["a signed field that the lane does not know", request({}, authorization("host;x-amz-request-payer"))],
    ["no signature", request({ headers: { host: "bucket.s3.eu-central-1.amazonaws.com" } })],
    ["a bearer token", request({}, "Bearer token")],
    ["a query that the lane does not know", request({ query: { "x-id": "GetObject", versionId: "1" } })],
    ["a path that does not end with the key", request({ path: "/other" })],
    ["another host in its field", request({ headers: { host: "elsewhere.test", authorization: authorization("host") } })],
    ["a refusal", request(), 403],
    ["a redirect", request(), 307],
  ];
  for (const [title, asked, status] of none) {
    test(`gives no route for ${title}`, () => {
      expect(learned(asked, status)).toBeNull();
    });
  }
  test("keeps no more than a thousand", () => {
    const routes = new Routes(() => 0);
    for (let n = 0; n <= 1000; n++) routes.learn("GetObjectCommand", { Bucket: `b${n}`, Key: "a/key" }, request(), 200);
    expect([routes.find("GetObject b0"), routes.find("GetObject b1") !== null, routes.find("GetObject b1000") !== null]).toEqual([
      null,
      true,
      true,
    ]);
  });
});

describe("UpdateItem", () => {
  const failed: TapAnswer = {
    status: 400,
    headers: {},
    body: JSON.stringify({
      __type: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
      message: "The conditional request failed",
      Item: { id: { S: "x" }, owner: { S: "two" } },
    }),
  };
  test("takes a refused condition for the answer, with the row, and does not ask the SDK", async () => {
    const world = new World();
    await world.ways("UpdateItem");
    world.answer = () => failed;
    world.took = [];
    const thrown = await calls.UpdateItem(world.hot).catch((error: unknown) => error);
    expect(world.took).toEqual(["lane"]);
    expect(thrown).toMatchObject({ name: "ConditionalCheckFailedException", Item: { id: { S: "x" }, owner: { S: "two" } } });
    expect(troubleOf(thrown).kind).toBe("conflict");
  });
  test("sends the same values again through the SDK, and tells of each attempt", async () => {
    const world = new World();
    await world.ways("UpdateItem");
    world.answer = (way) => (way === "lane" ? reset() : typed(500, "InternalServerError"));
    world.sent = [];
    const attempts: unknown[] = [];
    await world.hot.updateItem(write, going(), (error) => attempts.push(troubleOf(error).kind)).catch(() => {});
    const [first, second] = world.sent.map(({ body }) => JSON.parse(body ?? ""));
    expect(second).toEqual(first);
    expect(first.ExpressionAttributeValues).toEqual({ ":a": { S: "nonce" } });
    expect(attempts).toEqual(["unreachable", "unavailable"]);
  });
});

describe("ReceiveMessage", () => {
  test("does not wait again when the SDK asks again", async () => {
    const world = new World();
    await world.ways("ReceiveMessage");
    world.answer = onLane(typed(403, "AccessDenied"));
    world.sent = [];
    await calls.ReceiveMessage(world.hot);
    expect(world.sent.map(({ body }) => JSON.parse(body ?? "").WaitTimeSeconds)).toEqual([20, 0]);
  });
  test("throws for an entry whose body is damaged, as the SDK does", async () => {
    const world = new World();
    await world.ways("ReceiveMessage");
    world.answer = () => ({
      status: 200,
      headers: {},
      body: JSON.stringify({ Messages: [{ MessageId: "1", Body: "x", MD5OfBody: "00" }] }),
    });
    const thrown = await calls.ReceiveMessage(world.hot).catch((error: unknown) => error);
    expect(troubleOf(thrown)).toMatchObject({ kind: "damaged" });
  });
});

describe("a first call that does not end", () => {
  test("keeps the others for a second, and no longer", async () => {
    const scouts = new Scouts(1);
    scouts.follow("GetObject bucket", new Promise(() => {}), () => false);
    expect(scouts.awaited("GetObject other")).toBeNull();
    await scouts.awaited("GetObject bucket");
  });
});
