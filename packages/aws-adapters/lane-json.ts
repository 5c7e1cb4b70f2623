// Lane of AWS JSON: the form of the requests to SQS and DynamoDB, and of their answers.
// Smithy specification, "AWS JSON 1.0 protocol".

import type { ExchangeAnswer, LaneRequest } from "./lane.ts";
import { GarbledError } from "./trouble.ts";

/** `target`: `AmazonSQS.ReceiveMessage`. `fields`: others than all requests have. */
export function jsonRequest(target: string, input: object, fields: Readonly<Record<string, string>> = {}): LaneRequest {
  const all = { "content-type": "application/x-amz-json-1.0", "x-amz-target": target, ...fields };
  return { method: "POST", path: "/", query: "", fields: all, body: JSON.stringify(input) };
}

/** The object in an answer. Throws if there is none. */
// biome-ignore lint/suspicious/noExplicitAny: an answer of AWS, whose reader looks at the parts that it needs
export async function jsonOf(answer: ExchangeAnswer): Promise<Record<string, any>> {
  if (answer.status !== 200) throw new GarbledError(`the answer has status ${answer.status}`);
  const value: unknown = JSON.parse(await answer.text());
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new GarbledError("the answer is no object");
}
