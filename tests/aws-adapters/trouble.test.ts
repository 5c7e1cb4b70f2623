// troubleOf() on what the SDK really throws: every way in which a call can fail, played by a scripted server, once for a
// JSON service and once for S3.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type TroubleKind, troubleOf } from "@sesame/aws-adapters";
import { PortError } from "@sesame/core";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { nothingDone, troubleOfEntry } from "../../packages/aws-adapters/trouble.ts";
import { jsonError, type Route, type ScriptedHttp, s3Error, scriptedHttp } from "./scripted-http.ts";

let aws: ScriptedHttp;
beforeAll(async () => {
  aws = await scriptedHttp();
});
afterAll(() => aws.close());

const settings = (endpoint: string) => ({
  endpoint,
  region: "eu-central-1",
  maxAttempts: 1,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  requestHandler: new NodeHttpHandler({ httpAgent: { keepAlive: false }, httpsAgent: { keepAlive: false } }),
});

/** What the SDK throws; the call is ended after `deadlineMs`, as call() does it. */
async function thrownBy(service: "sqs" | "s3", endpoint: string, deadlineMs: number = 3000): Promise<unknown> {
  const abortSignal = AbortSignal.timeout(deadlineMs);
  try {
    if (service === "sqs") {
      await new SQSClient({ ...settings(endpoint), useQueueUrlAsEndpoint: false }).send(
        new ReceiveMessageCommand({ QueueUrl: "http://q/1/q" }),
        {
          abortSignal,
        },
      );
    } else {
      const s3 = new S3Client({ ...settings(endpoint), forcePathStyle: true });
      await s3.send(new GetObjectCommand({ Bucket: "bucket", Key: "key" }), { abortSignal });
    }
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

type Row = readonly [kind: TroubleKind, code: string, retry: boolean, answer: Route];

const sqsRows: readonly Row[] = [
  ["refused", "InvalidAttributeName", false, jsonError(400, "com.amazonaws.sqs#InvalidAttributeName")],
  ["refused", "InvalidParameterValue", false, jsonError(400, "com.amazon.coral.service#InvalidParameterValue")],
  ["denied", "AccessDeniedException", false, jsonError(403, "com.amazon.coral.service#AccessDeniedException")],
  ["denied", "KmsAccessDenied", false, jsonError(400, "com.amazonaws.sqs#KmsAccessDenied")],
  ["denied", "UnrecognizedClientException", false, jsonError(403, "com.amazon.coral.service#UnrecognizedClientException")],
  ["expired-credentials", "ExpiredTokenException", true, jsonError(403, "com.amazon.coral.service#ExpiredTokenException")],
  ["not-found", "QueueDoesNotExist", false, jsonError(400, "com.amazonaws.sqs#QueueDoesNotExist")],
  [
    "not-found",
    "QueueDoesNotExist",
    false,
    jsonError(400, "com.amazonaws.sqs#QueueDoesNotExist", "gone", {
      "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender",
    }),
  ],
  ["throttled", "ThrottlingException", true, jsonError(400, "com.amazon.coral.availability#ThrottlingException")],
  ["throttled", "RequestThrottled", true, jsonError(403, "com.amazonaws.sqs#RequestThrottled")],
  ["throttled", "OverLimit", true, jsonError(403, "com.amazonaws.sqs#OverLimit")],
  ["receipt-lost", "ReceiptHandleIsInvalid", false, jsonError(400, "com.amazonaws.sqs#ReceiptHandleIsInvalid")],
  ["receipt-lost", "MessageNotInflight", false, jsonError(400, "com.amazonaws.sqs#MessageNotInflight")],
  [
    "receipt-lost",
    "InvalidParameterValue",
    false,
    jsonError(
      400,
      "InvalidParameterValue",
      "Value 900 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
    ),
  ],
  [
    "clock-skew",
    "InvalidSignatureException",
    false,
    jsonError(403, "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260102T000000Z"),
  ],
  [
    "denied",
    "InvalidSignatureException",
    false,
    jsonError(403, "InvalidSignatureException", "The request signature we calculated does not match"),
  ],
  ["unavailable", "InternalFailure", true, jsonError(500, "InternalFailure")],
  ["unavailable", "ServiceUnavailable", true, jsonError(503, "ServiceUnavailable")],
  ["unavailable", "", true, { status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" }],
  ["garbled", "", true, { headers: { "content-type": "application/x-amz-json-1.0" }, body: '{"Messages": [{"Bo' }],
  ["garbled", "", true, { headers: { "content-type": "text/html" }, body: "<html>Welcome to the hotel</html>" }],
  ["garbled", "", true, { headers: { "content-length": "500" }, body: ["{", "close"] }],
  ["unreachable", "", true, "reset"],
  ["unreachable", "", true, "close"],
];

const s3Rows: readonly Row[] = [
  ["not-found", "NoSuchKey", false, s3Error(404, "NoSuchKey")],
  ["not-found", "NoSuchBucket", false, s3Error(404, "NoSuchBucket")],
  ["denied", "AccessDenied", false, s3Error(403, "AccessDenied")],
  ["denied", "KMS.DisabledException", false, s3Error(400, "KMS.DisabledException")],
  ["denied", "InvalidAccessKeyId", false, s3Error(403, "InvalidAccessKeyId")],
  ["expired-credentials", "ExpiredToken", true, s3Error(400, "ExpiredToken")],
  ["clock-skew", "RequestTimeTooSkewed", false, s3Error(403, "RequestTimeTooSkewed")],
  ["archived", "InvalidObjectState", false, s3Error(403, "InvalidObjectState")],
  ["conflict", "PreconditionFailed", true, s3Error(412, "PreconditionFailed")],
  ["metadata-too-large", "MetadataTooLarge", false, s3Error(400, "MetadataTooLarge")],
  ["refused", "InvalidRequest", false, s3Error(400, "InvalidRequest")],
  ["throttled", "SlowDown", true, s3Error(503, "SlowDown")],
  ["unavailable", "InternalError", true, s3Error(500, "InternalError")],
  ["unavailable", "ServiceUnavailable", true, s3Error(503, "ServiceUnavailable")],
  ["unavailable", "", true, { status: 503, body: "" }],
  ["denied", "", false, { status: 403, body: "" }],
  ["not-found", "", false, { status: 404, headers: { "content-type": "text/html" }, body: "<html>Not here</html>" }],
  ["unreachable", "", true, "reset"],
  ["unreachable", "", true, "close"],
];

describe.each([
  ["sqs", "AmazonSQS.ReceiveMessage", sqsRows],
  ["s3", "GET /bucket/key", s3Rows],
] as const)("troubleOf() of an answer of %s", (service, route, rows) => {
  for (const [kind, code, retry, answer] of rows) {
    const shown =
      typeof answer === "string" ? answer : JSON.stringify(typeof answer === "object" ? [answer.status ?? 200, code || answer.body] : "");
    test(`says ${kind} when it is ${shown}`, async () => {
      aws.on(route, answer);
      const trouble = troubleOf(await thrownBy(service, aws.endpoint));
      expect(trouble).toMatchObject({ kind, retry });
      if (code !== "") expect(trouble.code).toBe(code);
      expect(trouble.text).toMatch(/^[^\r\n]+: [^\r\n]+$/);
    });
  }
});

describe.each(["sqs", "s3"] as const)("troubleOf() without an answer of %s", (service) => {
  test("says unreachable when nobody listens", async () => {
    const server = await listening(() => {});
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    expect(troubleOf(await thrownBy(service, `http://127.0.0.1:${port}`))).toMatchObject({ kind: "unreachable", retry: true });
  });
  test("says unreachable when the name does not resolve", async () => {
    expect(troubleOf(await thrownBy(service, "http://sesame.invalid"))).toMatchObject({ kind: "unreachable", retry: true });
  });
  test("says deadline when no answer comes", async () => {
    aws.on("AmazonSQS.ReceiveMessage", "hang");
    aws.on("GET /bucket/key", "hang");
    expect(troubleOf(await thrownBy(service, aws.endpoint, 100))).toMatchObject({ kind: "deadline", retry: true });
  });
  test("says that the connection failed when the other side speaks no TLS", async () => {
    const server = await listening((socket) => socket.end("220 mail.example.com ESMTP\r\n"));
    const { kind } = troubleOf(await thrownBy(service, `https://127.0.0.1:${portOf(server)}`));
    expect(["untrusted", "unreachable"]).toContain(kind);
    server.close();
  });
});

/** A certificate that nobody signed, or `null` where there is no openssl to make one. */
function selfSigned(): Readonly<{ key: string; cert: string }> | null {
  const folder = mkdtempSync(join(tmpdir(), "sesame-certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"];
  const made = spawnSync("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert]);
  const certificate = made.status === 0 ? { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") } : null;
  rmSync(folder, { recursive: true });
  return certificate;
}

const certificate = selfSigned();

describe.skipIf(certificate === null)(
  `troubleOf() of TLS${certificate ? "" : " (skipped: there is no openssl to make a certificate)"}`,
  () => {
    test.each(["sqs", "s3"] as const)("says untrusted when nobody signed the certificate of %s", async (service) => {
      const server = createTlsServer(certificate ?? {}, (socket) => socket.on("error", () => {}));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const trouble = troubleOf(await thrownBy(service, `https://127.0.0.1:${portOf(server)}`));
      expect(trouble).toMatchObject({ kind: "untrusted", retry: false });
      server.close();
    });
  },
);

type Listener = NonNullable<Parameters<typeof createServer>[1]>;

async function listening(onSocket: Listener): Promise<Server> {
  const server = createServer({}, onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** What the SDK throws where an answer cannot be read. */
class Deserialization extends Error {
  readonly $metadata: Readonly<{ httpStatusCode: number }>;

  constructor(httpStatusCode: number) {
    super("Unexpected token '<'\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response");
    this.$metadata = { httpStatusCode };
  }
}

describe("troubleOf()", () => {
  const named = (name: string, more: object = {}) => Object.assign(new Error("text"), { name, ...more });
  test.each([
    ["a certificate of one's own making", "untrusted", named("Error", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })],
    ["a certificate of another host", "untrusted", named("Error", { code: "ERR_TLS_CERT_ALTNAME_INVALID" })],
    ["a chain without credentials", "no-credentials", named("CredentialsProviderError", { tryNextLink: false })],
    ["no region", "misconfigured", new Error("Region is missing")],
    [
      "all addresses of a host",
      "unreachable",
      new AggregateError([named("Error", { code: "ECONNREFUSED" }), named("Error", { code: "ENETUNREACH" })]),
    ],
    ["a condition of DynamoDB", "conflict", named("ConditionalCheckFailedException", { $metadata: { httpStatusCode: 400 } })],
    ["a table without capacity", "throttled", named("ProvisionedThroughputExceededException", { $metadata: { httpStatusCode: 400 } })],
    ["a table that is not there", "not-found", named("ResourceNotFoundException", { $metadata: { httpStatusCode: 400 } })],
    ["a key that KMS lacks", "denied", named("KMS.NotFoundException", { $metadata: { httpStatusCode: 400 } })],
    ["a busy KMS", "throttled", named("KMS.ThrottlingException", { $metadata: { httpStatusCode: 400 } })],
    [
      "a wrong checksum",
      "damaged",
      new Error('Checksum mismatch: expected "a" but received "b" in response header "x-amz-checksum-crc32".'),
    ],
    ["a wrong digest of an entry", "damaged", new Error("Invalid MD5 checksum on messages: 1")],
    ["what a port threw for it", "denied", new PortError("MailStore", "open", "text", named("AccessDenied"))],
    ["an answer of 429", "throttled", named("Odd", { $metadata: { httpStatusCode: 429 } })],
    ["an answer of 409", "conflict", named("Odd", { $metadata: { httpStatusCode: 409 } })],
    ["an answer of 408", "deadline", named("Odd", { $metadata: { httpStatusCode: 408 } })],
    ["an answer of 401", "denied", named("Odd", { $metadata: { httpStatusCode: 401 } })],
    ["a page of 500", "unavailable", new Deserialization(500)],
    ["a page of 404", "garbled", new Deserialization(404)],
    ["X26 a page of 403", "denied", new Deserialization(403)],
    ["X26 a page of 429", "throttled", new Deserialization(429)],
    ["a page of 200", "garbled", new Deserialization(200)],
    ["a bug", "unknown", new TypeError("undefined is not an object")],
    ["a text", "unknown", "a text"],
    ["nothing", "unknown", undefined],
  ] as [string, TroubleKind, unknown][])("sorts %s as %s", (...[, kind, error]) => {
    expect(troubleOf(error).kind).toBe(kind);
  });

  test("keeps the token of a refused signature out of its text", () => {
    const message =
      "The request signature we calculated does not match.\n\nThe Canonical String was\n'POST\n/\nx-amz-security-token:SECRET'";
    const { text } = troubleOf(
      Object.assign(new Error(message), { name: "InvalidSignatureException", $metadata: { httpStatusCode: 403 } }),
    );
    expect(text).not.toContain("SECRET");
    expect(text).toContain("InvalidSignatureException (HTTP 403): The request signature we calculated does not match.");
  });
});

describe("the text of a trouble", () => {
  const textOf = (message: string) => troubleOf(Object.assign(new Error(message), { name: "ThrottlingException" })).text;
  const opaque = "IQoJb3JpZ2luX2VjE".padEnd(120, "aB3/+=_%-");

  test("shows four characters of what may be a token, and all of what is a name", () => {
    expect(textOf(`The token ${opaque} has expired`)).toEndWith(": The token IQoJ… has expired");
    expect(textOf(`No key ${"k".repeat(99)} here`)).toEndWith(`: No key ${"k".repeat(99)} here`);
  });

  test("has 300 characters of the message at most", () => {
    expect(textOf("long ".repeat(60).trim())).toEndWith("long long");
    expect(textOf("long ".repeat(61).trim())).toEndWith(`${"long ".repeat(60).slice(0, 299)}…`);
  });

  test("names the error by the code of AWS, and by that of the system where there is one", () => {
    expect(troubleOf(Object.assign(new Error("text"), { name: "ThrottlingException", code: "Sender" })).code).toBe("ThrottlingException");
    expect(troubleOf(Object.assign(new Error("text"), { name: "TimeoutError", code: "ECONNRESET" }))).toMatchObject({
      code: "ECONNRESET",
      kind: "unreachable",
    });
  });
});

describe("nothingDone()", () => {
  const named = (name: string, more: object = {}, message: string = "text") => Object.assign(new Error(message), { name, ...more });
  const answered = (httpStatusCode: number, name: string = "Odd") => named(name, { $metadata: { httpStatusCode } });
  const rows: readonly (readonly [certain: boolean, what: string, error: unknown])[] = [
    [true, "a refusal", answered(400)],
    [true, "the last refusal there is", answered(499)],
    [true, "an unavailable service by AWS's own word", answered(503, "ServiceUnavailableException")],
    [false, "a proxy's 503", answered(503)],
    [false, "a failure of AWS", answered(500, "InternalFailure")],
    [false, "an answer that could not be read", answered(200)],
    [true, "no credentials", named("CredentialsProviderError")],
    [true, "a certificate that nobody signed", named("Error", { code: "CERT_HAS_EXPIRED" })],
    [true, "nobody who listens", named("Error", { code: "ECONNREFUSED" })],
    [true, "a name that does not resolve", named("Error", { code: "ENOTFOUND" })],
    [
      true,
      "a connection that timed out",
      named("TimeoutError", {}, "Socket timed out without establishing a connection: could not establish a connection"),
    ],
    [true, "a connection that the system gave up", named("Error", { code: "ETIMEDOUT" }, "connect ETIMEDOUT 10.0.0.1:443")],
    [false, "a connection that broke", named("Error", { code: "ECONNRESET" }, "read ECONNRESET")],
    [false, "a deadline", named("DeadlineError")],
    [true, "what a port threw for it", new PortError("Courier", "send", "text", answered(400))],
    [false, "a bug", new TypeError("undefined is not an object")],
  ];
  for (const [certain, what, error] of rows) {
    test(`is ${certain} of ${what}`, () => {
      expect(nothingDone(error)).toBe(certain);
    });
  }
});

describe("troubleOfEntry()", () => {
  const rows: readonly (readonly [TroubleKind, boolean, Parameters<typeof troubleOfEntry>[0]])[] = [
    ["receipt-lost", false, { Code: "ReceiptHandleIsInvalid", SenderFault: true }],
    ["receipt-lost", false, { Code: "MessageNotInflight", SenderFault: true }],
    ["receipt-lost", false, { Code: "AWS.SimpleQueueService.MessageNotInflight", SenderFault: true }],
    [
      "receipt-lost",
      false,
      {
        Code: "InvalidParameterValue",
        Message: "Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
        SenderFault: true,
      },
    ],
    [
      "refused",
      false,
      { Code: "InvalidParameterValue", Message: "Value -1 for parameter VisibilityTimeout is invalid.", SenderFault: true },
    ],
    ["unavailable", true, { Code: "InternalError", SenderFault: false }],
    ["unavailable", true, { Code: "SomethingNew", SenderFault: false }],
    ["throttled", true, { Code: "RequestThrottled", SenderFault: true }],
    ["refused", false, {}],
  ];
  for (const [kind, retry, entry] of rows) {
    test(`says ${kind} of ${JSON.stringify(entry)}`, () => {
      expect(troubleOfEntry(entry)).toMatchObject({ kind, retry });
    });
  }
});
