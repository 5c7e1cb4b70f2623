// Dynamo table: the shared part of the DynamoDB adapters: the document client, conditional writes, table names, options.
// Amazon DynamoDB Developer Guide, "Condition expressions"; API Reference, "ReturnValuesOnConditionCheckFailure".

import { type AttributeValue, ConditionalCheckFailedException, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";
import type { AwsClock } from "./aws-clock.ts";
import type { OnAttempt, Row, TableCalls } from "./hot-calls.ts";
import type { Sleep } from "./timers.ts";
import { GarbledError, nothingDone } from "./trouble.ts";

/** Options of every DynamoDB adapter. */
export type DynamoOptions = Readonly<{
  client: DynamoDBClient;
  /** How rows are written and read in batches. Default: through `client`. */
  hot?: TableCalls;
  clock: AwsClock;
  /** Milliseconds for one call of a port, with all its attempts. Default 5000. */
  deadlineMs?: number;
  /** Waits `ms` milliseconds between attempts. Tests use a fake one. */
  sleep?: Sleep;
}>;

export type { Row } from "./hot-calls.ts";

/** Table and key of one row. */
export type RowKey = Readonly<{ TableName: string; Key: Record<string, string> }>;

/** Whether a table existed when it was probed. */
export type TableState = "present" | "missing";

/** Default names of the tables. */
export const tableDefaults: Readonly<{ rules: string; blocked: string; outbound: string; ledger: string }> = {
  rules: "email-rules",
  blocked: "email-blocked-senders",
  outbound: "ses-outbound-messages",
  ledger: "email-worker-ledger",
};

export const dynamoDeadlineMs: number = 5000;

/**
 * The document client over `client`, with its middleware. A number that JavaScript cannot represent exactly is read as the
 * nearest one. The SDK would throw, and one such row of a user would delay every mail that reads it.
 */
export function documentsOf(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { wrapNumbers: Number },
  });
}

/** Result of a conditional write: the row as requested, or the row that did not meet the condition (`null`: there is none). */
export type WriteResult = { readonly kind: "written"; readonly row: Row } | { readonly kind: "refused"; readonly row: Row | null };

type RowAccess = Readonly<{ documents: DynamoDBDocumentClient; key: RowKey; signal: AbortSignal }>;

/**
 * Runs one conditional write. `send` must request the written attributes, and the old row on a failed condition. An answer
 * without attributes is an error, because a proxy may answer with an empty body although nothing was written. Emulators do
 * not return the old row; then it is read.
 */
export async function conditionalWrite(
  access: RowAccess,
  send: () => Promise<Readonly<{ Attributes?: Row | undefined }>>,
): Promise<WriteResult> {
  const { documents, key, signal } = access;
  try {
    const { Attributes } = await send();
    if (Attributes === undefined) throw new GarbledError("the answer to a write lacks the requested row");
    return { kind: "written", row: Attributes };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return { kind: "refused", row: error.Item ? nativeRow(error.Item) : await readRow(documents, key, signal) };
  }
}

/** State of a running claim, needed if it throws. */
export type ClaimWatch = {
  /** Undoes what the claim may have written; `null`: nothing to undo. */
  undo: ((signal: AbortSignal) => Promise<void>) | null;
  /** An attempt failed and may have been executed. The SDK reports only the last attempt. */
  inDoubt: boolean;
};

/** Records in `watch` how each attempt of a write ends. */
export function attemptsOf(watch: ClaimWatch): OnAttempt {
  return (error) => {
    if (!nothingDone(error)) watch.inDoubt = true;
  };
}

/** Whether the error is a failed condition. */
export function isConditionFailure(error: unknown): boolean {
  return error instanceof ConditionalCheckFailedException;
}

/** One row by a consistent read, or `null`. */
export async function readRow(documents: DynamoDBDocumentClient, key: RowKey, signal: AbortSignal): Promise<Row | null> {
  const { Item } = await documents.send(new GetCommand({ ...key, ConsistentRead: true }), { abortSignal: signal });
  return Item ?? null;
}

/** Converts the row of an error, which the document client leaves in DynamoDB's own form. Rows of Sesame hold no other types. */
function nativeRow(item: Readonly<Record<string, AttributeValue>>): Row {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, native(value)]));
}

function native(value: AttributeValue): unknown {
  if (value.N !== undefined) return Number(value.N);
  if (value.L !== undefined) return value.L.map(native);
  if (value.M !== undefined) return nativeRow(value.M);
  if (value.SS !== undefined) return new Set(value.SS);
  if (value.NULL !== undefined) return null;
  return value.S ?? value.BOOL ?? value.B;
}
