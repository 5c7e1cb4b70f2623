// call(): one total deadline, whatever the other side does; and AwsClock, which hears the time in every answer.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { type AwsClients, AwsClock } from "@sesame/aws-adapters";
import { PortError } from "@sesame/core";
import { call } from "../../packages/aws-adapters/call.ts";
import { testClients } from "./emulator.ts";
import { json, jsonError, type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

const clock = new AwsClock();
const what = { port: "Port", operation: "doThis", deadlineMs: 60, clock };

async function thrownBy(work: Promise<unknown>): Promise<PortError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PortError) return error;
  throw new Error(`No PortError: ${error}`);
}

describe("call()", () => {
  test("gives what the call gives", async () => {
    expect(await call(what, async () => 7)).toBe(7);
  });
  test("throws a PortError with its port and operation when the call fails", async () => {
    const cause = Object.assign(new Error("no"), { name: "AccessDenied", $metadata: { httpStatusCode: 403, requestId: "R1" } });
    const error = await thrownBy(
      call(what, async () => {
        throw cause;
      }),
    );
    expect(error).toMatchObject({ port: "Port", operation: "doThis", cause });
    expect(error.message).toBe(
      "Cannot do this: AWS denied access: AccessDenied (HTTP 403, request R1): no. Check the IAM policy and the policy of the bucket, queue or key",
    );
  });
  test("hands on a PortError as it is", async () => {
    const error = new PortError("Other", "that", "text");
    expect(
      await thrownBy(
        call(what, () => {
          throw error;
        }),
      ),
    ).toBe(error);
  });
  test("throws when its deadline is over, though the call heeds no signal and ends later with an error", async () => {
    let fail: (error: Error) => void = () => {};
    const never = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const error = await thrownBy(call(what, () => never));
    expect(error.message).toBe("Cannot do this: the answer of AWS did not come in time: DeadlineError: no whole answer within 60 ms");
    fail(new Error("too late, and nobody's rejection")); // would fail this test if nobody handled it
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  test("raises its signal when its deadline is over, and not when the call was in time", async () => {
    let late: AbortSignal | undefined;
    await thrownBy(
      call(what, (signal) => {
        late = signal;
        return new Promise(() => {});
      }),
    );
    expect(late?.aborted).toBe(true);
    const early = await call(what, async (signal) => signal);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(early.aborted).toBe(false);
  });
});

describe("call() of the SDK", () => {
  let aws: ScriptedHttp;
  let clients: AwsClients;
  beforeAll(async () => {
    aws = await scriptedHttp();
    clients = testClients(aws.endpoint);
  });
  afterAll(async () => {
    clients.close();
    await aws.close();
  });
  const ask = (deadlineMs: number) =>
    call({ port: "MailQueue", operation: "size", deadlineMs, clock: clients.clock }, (abortSignal) =>
      clients.sqs.send(new GetQueueUrlCommand({ QueueName: "q" }), { abortSignal }),
    );
  const drip = Array.from({ length: 400 }, () => [" ", { waitMs: 10 }] as const).flat();

  test.each([
    ["no answer comes", "hang", "in time"],
    ["its body drips", { body: drip }, "in time"], // which goes on for seconds
    ["every try is refused for now", jsonError(503, "ServiceUnavailable"), "Cannot size"],
  ] as const)("ends in time when %s", async (_, answer, text) => {
    aws.on("AmazonSQS.GetQueueUrl", answer);
    expect((await thrownBy(ask(150))).message).toContain(text);
  });
  test("tries again within its deadline when an answer was refused for now", async () => {
    aws.on("AmazonSQS.GetQueueUrl", jsonError(500, "InternalFailure"), "reset", json({ QueueUrl: "http://q" }));
    expect(await ask(5000)).toMatchObject({ QueueUrl: "http://q" });
  });
  test("says who asks", async () => {
    aws.on("AmazonSQS.GetQueueUrl", json({ QueueUrl: "http://q" }));
    await ask(5000);
    expect(aws.requests().at(-1)?.headers["user-agent"]).toContain("sesame/0.0.0-test");
  });
});

describe("AwsClock", () => {
  const start = Date.parse("2026-01-01T00:00:00Z");
  /** A machine whose clock and whose time since its start are what a test says. */
  function machine() {
    const state = { wall: start, monotonic: 5000 };
    const hasPassed = (ms: number) => {
      state.wall += ms;
      state.monotonic += ms;
    };
    return { state, hasPassed, clock: new AwsClock({ wall: () => state.wall, monotonic: () => state.monotonic }) };
  }
  const at = (ms: number) => new Date(start + ms).toUTCString();

  test.each([
    ["AWS has the same time", 0, 0, 0],
    ["the difference is less than the field can tell", 1000, 0, 0],
    ["the difference is less than two seconds", -1999, 0, 0],
    ["AWS is ahead", 60_000, 0, 60_000],
    ["AWS is behind", -61_000, 0, -60_000], // the field is cut to whole seconds
    ["the answer took long and may have been written at any time of it", -15_000, 20_000, 0],
    ["AWS is ahead by more than the answer took", 60_000, 20_000, 60_000],
    ["AWS is behind by more than the answer took", -60_000, 20_000, -39_000],
  ])("now() is right when %s", (_, date, tookMs, offset) => {
    const { clock, state } = machine();
    clock.hear(at(date), tookMs);
    expect(clock.now() - state.wall).toBe(offset);
    expect(clock.skewMs).toBe(offset);
  });
  test("now() does not move when the system's clock is set", () => {
    const { clock, state, hasPassed } = machine();
    state.wall += 3_600_000;
    hasPassed(1000);
    expect(clock.now()).toBe((start + 1000) as never);
    clock.hear(at(1000), 10);
    expect(clock.now()).toBe((start + 1000) as never);
    expect(clock.skewMs).toBe(-3_600_000);
  });
  test("now() catches up when the machine slept", () => {
    const { clock, state } = machine();
    state.wall += 600_000; // the monotonic clock slept too
    clock.hear(at(600_000), 10);
    expect(clock.now()).toBe((start + 600_000) as never);
    expect(clock.skewMs).toBe(0);
  });
  test("skewMs is null before any answer, and after one without a date", () => {
    const { clock } = machine();
    clock.hear(undefined, 10);
    clock.hear("yesterday", 10);
    expect(clock.skewMs).toBeNull();
  });
  test.each([
    ["an answer", json({ QueueUrl: "http://q" }, { date: new Date(Date.now() + 3_600_000).toUTCString() })],
    ["a refusal", jsonError(403, "AccessDeniedException", "no", { date: new Date(Date.now() + 3_600_000).toUTCString() })],
  ])("observe() hears the time in %s", async (_, answer) => {
    const aws = await scriptedHttp({ "AmazonSQS.GetQueueUrl": answer });
    const clients = testClients(aws.endpoint, { clock: new AwsClock() });
    await clients.sqs.send(new GetQueueUrlCommand({ QueueName: "q" })).catch(() => {});
    expect(Math.abs((clients.clock.skewMs ?? 0) - 3_600_000)).toBeLessThan(60_000);
    clients.close();
    await aws.close();
  });
  test("observe() hears nothing in an answer that a cache kept", async () => {
    const aws = await scriptedHttp({ "AmazonSQS.GetQueueUrl": json({ QueueUrl: "http://q" }, { date: at(0), age: "10" }) });
    const clients = testClients(aws.endpoint, { clock: new AwsClock() });
    await clients.sqs.send(new GetQueueUrlCommand({ QueueName: "q" }));
    expect(clients.clock.skewMs).toBeNull();
    clients.close();
    await aws.close();
  });
});
