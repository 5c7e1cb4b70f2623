// AWS ways: the fourteen ways in which a call of AWS goes wrong, as the proxy before the emulator or the client's own
// network does them. A way has one or more variants: whether the service did what it was asked before its answer was
// lost, and the three bodies that a 200 may have and must not.

import { json, jsonError, s3Error } from "../aws-adapters/scripted-http.ts";
import type { Fault } from "../system/aws-proxy.ts";
import { type CallName, calls, type Protocol } from "./aws-calls.ts";

export type WayName = (typeof wayNames)[number];
export const wayNames = [
  "400",
  "403 denied",
  "403 expired token",
  "404",
  "throttled",
  "500",
  "503",
  "refused",
  "DNS failure",
  "TLS failure",
  "reset in mid-answer",
  "no answer",
  "dripping answer",
  "200 with a wrong body",
] as const;

/** What happens to the call: something behind the proxy, or the request never reaches AWS. */
export type Harm =
  | { readonly kind: "proxy"; readonly fault: Fault }
  | { readonly kind: "object"; readonly octets: "other" | "half" } // another body below the head of the true answer
  | { readonly kind: "astray"; readonly to: "closed port" | "unknown host" | "plaintext port" };

export type Variant = Readonly<{
  name: string;
  harm: Harm;
  /** The service did what it was asked, and only its answer was lost. */
  done: boolean;
  /** Nothing but a deadline ends it. */
  hangs: boolean;
  /** Octets of the mail, where it must not be a small one. */
  size?: number;
}>;

/** The variants of one cell; a single one has no name. */
export function variantsOf(call: CallName, way: WayName): readonly Variant[] {
  const { protocol } = calls[call];
  switch (way) {
    case "400":
      return [refusal(protocol, 400, codes[protocol].bad, "scripted refusal")];
    case "403 denied":
      return [refusal(protocol, 403, codes[protocol].denied, "not authorized")];
    case "403 expired token":
      return [refusal(protocol, 403, codes[protocol].expired, "The security token included in the request is expired")];
    case "404":
      return [refusal(protocol, 404, codes[protocol].missing, "no such thing")];
    case "throttled":
      return [throttle(protocol)];
    case "500":
      return [refusal(protocol, 500, codes[protocol].internal, "We encountered an internal error")];
    case "503":
      return [refusal(protocol, 503, "ServiceUnavailable", "Service is unable to handle request")];
    case "refused":
      return [astray("closed port")];
    case "DNS failure":
      return [astray("unknown host")];
    case "TLS failure":
      return [astray("plaintext port")];
    case "reset in mid-answer":
      return call === "GetObject" ? [brokenOff(call), behindHead] : [brokenOff(call)];
    case "no answer":
      return [silence("and not done", false), silence("and done", true)];
    case "dripping answer":
      // Slower than any deadline of a cell for two octets, which no answer goes below but one without a body.
      return [{ name: "", harm: { kind: "proxy", fault: { kind: "drip", everyMs: 1000 } }, done: true, hangs: call !== "DeleteObject" }];
    case "200 with a wrong body":
      return wrongBodies(call);
    default:
      return way satisfies never;
  }
}

type Codes = Readonly<Record<"bad" | "denied" | "expired" | "missing" | "internal", string>>;

const codes: Readonly<Record<Protocol, Codes>> = {
  sqs: {
    bad: "com.amazonaws.sqs#InvalidAttributeValue",
    denied: "com.amazonaws.sqs#AccessDeniedException",
    expired: "com.amazonaws.sqs#ExpiredTokenException",
    missing: "com.amazonaws.sqs#QueueDoesNotExist",
    internal: "com.amazonaws.sqs#InternalFailure",
  },
  s3: { bad: "InvalidRequest", denied: "AccessDenied", expired: "ExpiredToken", missing: "NoSuchKey", internal: "InternalError" },
  dynamodb: {
    bad: "com.amazon.coral.validate#ValidationException",
    denied: "com.amazon.coral.service#AccessDeniedException",
    expired: "com.amazon.coral.service#ExpiredTokenException",
    missing: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
    internal: "com.amazonaws.dynamodb.v20120810#InternalServerError",
  },
  ses: { bad: "MessageRejected", denied: "AccessDenied", expired: "ExpiredToken", missing: "NotFound", internal: "InternalFailure" },
  sesv2: {
    bad: "MessageRejected",
    denied: "AccessDeniedException",
    expired: "ExpiredTokenException",
    missing: "NotFoundException",
    internal: "InternalFailure",
  },
};

function throttle(protocol: Protocol): Variant {
  switch (protocol) {
    case "sqs":
      return refusal(protocol, 400, "com.amazonaws.sqs#RequestThrottled", "The request was denied due to request throttling.");
    case "s3":
      return refusal(protocol, 503, "SlowDown", "Please reduce your request rate.");
    case "dynamodb":
      return refusal(protocol, 400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "too many requests");
    case "ses":
      return refusal(protocol, 400, "Throttling", "Maximum sending rate exceeded.");
    case "sesv2":
      return refusal(protocol, 429, "TooManyRequestsException", "Too Many Requests");
    default:
      return protocol satisfies never;
  }
}

/** A refusal as this service writes it; AWS did nothing. */
function refusal(protocol: Protocol, status: number, code: string, text: string): Variant {
  return answered("", refusalOf(protocol, status, code, text));
}

type Written = Readonly<{ status?: number; headers?: Readonly<Record<string, string>>; body?: unknown }>;

function refusalOf(protocol: Protocol, status: number, code: string, text: string): Written {
  switch (protocol) {
    case "sqs":
    case "dynamodb":
      return jsonError(status, code, text);
    case "s3":
      return s3Error(status, code, text);
    case "ses": {
      const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${text}</Message></Error>`;
      return {
        status,
        headers: { "content-type": "text/xml" },
        body: `<ErrorResponse>${error}<RequestId>scripted</RequestId></ErrorResponse>`,
      };
    }
    case "sesv2":
      return { ...json({ message: text }, { "content-type": "application/json", "x-amzn-errortype": code }), status };
    default:
      return protocol satisfies never;
  }
}

function answered(name: string, { status = 200, headers = {}, body = "" }: Written): Variant {
  const fault: Fault = { kind: "answer", status, headers, body: String(body) };
  return { name, harm: { kind: "proxy", fault }, done: false, hangs: false };
}

function astray(to: Extract<Harm, { kind: "astray" }>["to"]): Variant {
  return { name: "", harm: { kind: "astray", to }, done: false, hangs: false };
}

/** The shortest body has two octets; DeleteObject's answer has none, so that it can only break off in its head. */
function brokenOff(call: CallName): Variant {
  const fault: Fault = call === "DeleteObject" ? { kind: "reset", done: true } : { kind: "cut", after: 1 };
  return { name: "", harm: { kind: "proxy", fault }, done: true, hangs: false };
}

/** A mail that is larger than its head goes on to be read, and the rest can be asked for again. */
const behindHead: Variant = {
  name: "behind the head",
  harm: { kind: "proxy", fault: { kind: "cut", after: 270_000 } },
  done: true,
  hangs: false,
  size: 300_000,
};

function silence(name: string, done: boolean): Variant {
  return { name, harm: { kind: "proxy", fault: { kind: "silence", done } }, done, hangs: true };
}

/** Garbled, an error, short: each as the answer to this call could be it. */
function wrongBodies(call: CallName): readonly Variant[] {
  if (call === "GetObject") return [ofObject("garbled", "other"), ofObject("short", "half")];
  const { protocol } = calls[call];
  const { error, short } = bodies[call];
  const type = {
    sqs: "application/x-amz-json-1.0",
    dynamodb: "application/x-amz-json-1.0",
    s3: "application/xml",
    ses: "text/xml",
    sesv2: "application/json",
  };
  const headers = { "content-type": type[protocol] };
  const isAgain = error === unprocessed; // asked again until the deadline
  return [
    answered("garbled", { headers, body: "\u0000 no answer of AWS <{" }),
    { ...answered("an error", { headers, body: error }), hangs: isAgain },
    answered("short", { headers, body: short }),
  ];
}

function ofObject(name: string, octets: "other" | "half"): Variant {
  return { name, harm: { kind: "object", octets }, done: false, hangs: false };
}

const s3InternalError = s3Error(200, "InternalError", "We encountered an internal error").body as string;
const nobodyNamed = JSON.stringify({ Successful: [] });
const failedOne = JSON.stringify({ Failed: [{ Id: "0", Code: "InternalError", Message: "scripted", SenderFault: false }] });
const keysOf = (...keys: string[]) => ({ Keys: keys.map((key) => ({ email_address: { S: key } })) });
const unprocessed = JSON.stringify({
  Responses: {},
  UnprocessedKeys: { "email-rules": keysOf("*@example.com"), "email-blocked-senders": keysOf("*@example.com") },
});

/** By call: a body that says failure under a 200, and one that leaves out what the answer must have. */
const bodies: Readonly<Record<Exclude<CallName, "GetObject">, Readonly<{ error: string; short: string }>>> = {
  ReceiveMessage: { error: JSON.stringify({ __type: "InternalFailure" }), short: '{"Messages":[{"MessageId":"1"' },
  DeleteMessageBatch: { error: failedOne, short: nobodyNamed },
  ChangeMessageVisibilityBatch: { error: failedOne, short: nobodyNamed },
  GetQueueUrl: { error: JSON.stringify({ __type: "InternalFailure" }), short: '{"QueueUrl":' },
  GetQueueAttributes: { error: JSON.stringify({ __type: "InternalFailure" }), short: '{"Attributes":{' },
  CopyObject: { error: s3InternalError, short: "<CopyObjectResult></CopyObjectResult>" },
  DeleteObject: { error: s3InternalError, short: "<Del" },
  BatchGetItem: { error: unprocessed, short: JSON.stringify({ Responses: {} }) },
  "UpdateItem (claim)": { error: JSON.stringify({ __type: "InternalServerError" }), short: "{}" },
  "UpdateItem (record)": { error: JSON.stringify({ __type: "InternalServerError" }), short: "" },
  "UpdateItem (outbound)": { error: JSON.stringify({ __type: "InternalServerError" }), short: "{" },
  SendRawEmail: {
    error: "<ErrorResponse><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>x</Message></Error></ErrorResponse>",
    short: "<SendRawEmailResponse><SendRawEmailResult></SendRawEmailResult></SendRawEmailResponse>",
  },
  "SendEmail (v2)": { error: JSON.stringify({ message: "InternalFailure" }), short: "{}" },
};
