// SQS: answers the calls of a worker on its queues, in both protocols: JSON, which today's SDKs speak, and the query protocol with
// XML, which Debian's boto3 speaks. SQS API Reference; Developer Guide, "Making API requests".

import type { Handed, Queue } from "./queues.ts";

export type SqsAnswer = Readonly<{ status: number; type: string; body: string }>;

/** A call in one form for both protocols. */
export type SqsCall = Readonly<{ operation: string; input: SqsInput }>;

type BatchEntry = Readonly<{ Id: string; ReceiptHandle: string; VisibilityTimeout?: number }>;
type SqsInput = Readonly<{
  QueueName?: string;
  QueueUrl?: string;
  MaxNumberOfMessages?: number;
  WaitTimeSeconds?: number;
  VisibilityTimeout?: number;
  ReceiptHandle?: string;
  Entries?: readonly BatchEntry[];
}>;

type Result =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "entries"; readonly entries: readonly Handed[] }
  | { readonly kind: "batch"; readonly done: readonly string[]; readonly failed: readonly string[] }
  | { readonly kind: "attributes"; readonly attributes: Readonly<Record<string, string>> }
  | { readonly kind: "done" }
  | { readonly kind: "error"; readonly code: string };

export const sqsOperations: ReadonlySet<string> = new Set([
  "ReceiveMessage",
  "DeleteMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibility",
  "ChangeMessageVisibilityBatch",
  "GetQueueUrl",
  "GetQueueAttributes",
]);

const defaultVisibilitySeconds = 30;
const missing: Result = { kind: "error", code: "QueueDoesNotExist" };

/** The name of the queue that a call is about. */
export function queueOf({ input }: SqsCall): string {
  return input.QueueName ?? input.QueueUrl?.split("/").at(-1) ?? "";
}

/** `origin`: where the queues are, for their URLs. */
export async function answerSqs(
  { operation, input }: SqsCall,
  queue: Queue | undefined,
  origin: string,
  signal: AbortSignal,
): Promise<Result> {
  if (queue === undefined) return missing;
  switch (operation) {
    case "GetQueueUrl":
      return { kind: "url", url: `${origin}/000000000000/${queue.name}` };
    case "ReceiveMessage": {
      const { MaxNumberOfMessages = 1, VisibilityTimeout = defaultVisibilitySeconds, WaitTimeSeconds = 0 } = input;
      const limit = Math.min(MaxNumberOfMessages, 10);
      return { kind: "entries", entries: await queue.receive(limit, VisibilityTimeout * 1000, WaitTimeSeconds * 1000, signal) };
    }
    case "DeleteMessage":
      queue.delete(input.ReceiptHandle ?? "");
      return { kind: "done" };
    case "DeleteMessageBatch": {
      const entries = input.Entries ?? [];
      for (const { ReceiptHandle } of entries) queue.delete(ReceiptHandle);
      return { kind: "batch", done: entries.map(({ Id }) => Id), failed: [] };
    }
    case "ChangeMessageVisibility": {
      const isChanged = queue.change(input.ReceiptHandle ?? "", (input.VisibilityTimeout ?? 0) * 1000);
      return isChanged ? { kind: "done" } : { kind: "error", code: "MessageNotInflight" };
    }
    case "ChangeMessageVisibilityBatch": {
      const change = ({ ReceiptHandle, VisibilityTimeout = 0 }: BatchEntry) => queue.change(ReceiptHandle, VisibilityTimeout * 1000);
      const changed = (input.Entries ?? []).map((entry) => [entry.Id, change(entry)] as const);
      const idsOf = (wanted: boolean) => changed.filter(([, isChanged]) => isChanged === wanted).map(([id]) => id);
      return { kind: "batch", done: idsOf(true), failed: idsOf(false) };
    }
    default: {
      const { visible, inFlight } = queue.sizes();
      const attributes = {
        ApproximateNumberOfMessages: String(visible),
        ApproximateNumberOfMessagesNotVisible: String(inFlight),
        ApproximateNumberOfMessagesDelayed: "0",
      };
      return { kind: "attributes", attributes };
    }
  }
}

export function inJson(result: Result): SqsAnswer {
  const type = "application/x-amz-json-1.0";
  if (result.kind !== "error") return { status: 200, type, body: jsonOf(result) };
  return { status: 400, type, body: JSON.stringify({ __type: `com.amazonaws.sqs#${result.code}`, message: result.code }) };
}

function jsonOf(result: Exclude<Result, { kind: "error" }>): string {
  switch (result.kind) {
    case "url":
      return JSON.stringify({ QueueUrl: result.url });
    case "entries":
      return result.entries.length === 0 ? "{}" : `{"Messages":[${result.entries.map(entryJson).join()}]}`;
    case "batch":
      return JSON.stringify({
        Successful: result.done.map((Id) => ({ Id })),
        Failed: result.failed.map((Id) => ({ Id, Code: "MessageNotInflight", Message: "not in flight", SenderFault: true })),
      });
    case "attributes":
      return JSON.stringify({ Attributes: result.attributes });
    case "done":
      return "{}";
  }
  result satisfies never;
}

function entryJson({ id, receiptHandle, receives, sentAt, body }: Handed): string {
  const attributes = `{"ApproximateReceiveCount":"${receives}","SentTimestamp":"${sentAt}"}`;
  return `{"MessageId":"${id}","ReceiptHandle":"${receiptHandle}","MD5OfBody":"${body.md5}","Body":${body.json},"Attributes":${attributes}}`;
}

/** `null`: the form is no call of SQS. */
export function fromForm(form: URLSearchParams, path: string): SqsCall | null {
  const operation = form.get("Action") ?? "";
  if (!sqsOperations.has(operation)) return null;
  const number = (name: string) => (form.has(name) ? { [name]: Number(form.get(name)) } : {});
  const text = (name: string) => (form.has(name) ? { [name]: form.get(name) ?? "" } : {});
  const entries: BatchEntry[] = [];
  for (let n = 1; form.has(`${operation}RequestEntry.${n}.Id`); n++) {
    const at = (name: string) => form.get(`${operation}RequestEntry.${n}.${name}`);
    entries.push({ Id: at("Id") ?? "", ReceiptHandle: at("ReceiptHandle") ?? "", VisibilityTimeout: Number(at("VisibilityTimeout") ?? 0) });
  }
  const numbers = { ...number("MaxNumberOfMessages"), ...number("WaitTimeSeconds"), ...number("VisibilityTimeout") };
  const texts = { QueueUrl: path, ...text("QueueUrl"), ...text("QueueName"), ...text("ReceiptHandle") };
  return { operation, input: { ...texts, ...numbers, ...(entries.length > 0 && { Entries: entries }) } };
}

export function inXml({ operation }: SqsCall, result: Result): SqsAnswer {
  const type = "text/xml";
  if (result.kind === "error") {
    const code = result.code === "QueueDoesNotExist" ? "AWS.SimpleQueueService.NonExistentQueue" : result.code;
    const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error></ErrorResponse>`;
    return { status: 400, type, body };
  }
  const inner = `<${operation}Result>${xmlOf(operation, result)}</${operation}Result>`;
  const meta = "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>";
  return { status: 200, type, body: `<?xml version="1.0"?><${operation}Response>${inner}${meta}</${operation}Response>` };
}

function xmlOf(operation: string, result: Exclude<Result, { kind: "error" }>): string {
  switch (result.kind) {
    case "url":
      return `<QueueUrl>${escapeXml(result.url)}</QueueUrl>`;
    case "entries":
      return result.entries.map(entryXml).join("");
    case "batch": {
      const done = result.done.map((id) => `<${operation}ResultEntry><Id>${escapeXml(id)}</Id></${operation}ResultEntry>`);
      const error = "<Code>MessageNotInflight</Code><SenderFault>true</SenderFault>";
      return [
        ...done,
        ...result.failed.map((id) => `<BatchResultErrorEntry><Id>${escapeXml(id)}</Id>${error}</BatchResultErrorEntry>`),
      ].join("");
    }
    case "attributes":
      return Object.entries(result.attributes).map(attributeXml).join("");
    case "done":
      return "";
  }
  result satisfies never;
}

function entryXml({ id, receiptHandle, receives, sentAt, body }: Handed): string {
  const attributes = { ApproximateReceiveCount: String(receives), SentTimestamp: String(sentAt) };
  const named = `<MessageId>${id}</MessageId><ReceiptHandle>${receiptHandle}</ReceiptHandle><MD5OfBody>${body.md5}</MD5OfBody>`;
  return `<Message>${named}<Body>${escapeXml(body.text)}</Body>${Object.entries(attributes).map(attributeXml).join("")}</Message>`;
}

function attributeXml([name, value]: readonly [string, string]): string {
  return `<Attribute><Name>${name}</Name><Value>${value}</Value></Attribute>`;
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
