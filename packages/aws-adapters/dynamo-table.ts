// Dynamo table: what the adapters on DynamoDB share. The document client, whose numbers never throw; a conditional write
// that tells what stood in its way; the names of the tables and the common options.
// Amazon DynamoDB Developer Guide, "Condition expressions"; API Reference, "ReturnValuesOnConditionCheckFailure".

import { type AttributeValue, ConditionalCheckFailedException, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, type UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { AwsClock } from "./aws-clock.ts";
import { GarbledError, nothingDone } from "./trouble.ts";

/** What every adapter on DynamoDB is made with. */
export type DynamoOptions = Readonly<{
  client: DynamoDBClient;
  clock: AwsClock;
  /** Milliseconds for one call of a port, with all its attempts. Default 5000. */
  deadlineMs?: number;
  /** Waits some milliseconds between attempts; a fake one in tests. */
  sleep?: (ms: number) => Promise<void>;
}>;

/** A row as it comes back: lists are arrays, sets are `Set`, binary values `Uint8Array`. */
export type Row = Readonly<Record<string, unknown>>;

/** Names the one row that a write or read is about. */
export type RowKey = Readonly<{ TableName: string; Key: Record<string, string> }>;

/** Whether a table that a feature needs was there when it was probed. */
export type TableState = "present" | "missing";

/** The tables' names where nothing else is configured. */
export const tableDefaults: Readonly<{ rules: string; blocked: string; outbound: string; ledger: string }> = {
  rules: "email-rules",
  blocked: "email-blocked-senders",
  outbound: "ses-outbound-messages",
  ledger: "email-worker-ledger",
};

export const dynamoDeadlineMs: number = 5000;

export const realSleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The document client over `client`, with its middleware. A number that JavaScript cannot hold exactly is read as the
 * nearest one: the SDK would throw for some, and one odd row of a user would then delay every mail that it is read for.
 */
export function documentsOf(client: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { wrapNumbers: Number },
  });
}

/** What a conditional write met: the row as it asked to see it, or the row that did not fulfil the condition (`null`: none). */
export type Written = { readonly kind: "written"; readonly row: Row } | { readonly kind: "refused"; readonly row: Row | null };

type Writing = Readonly<{ documents: DynamoDBDocumentClient; key: RowKey; signal: AbortSignal }>;

/**
 * One conditional write of one row, which must ask for what it wrote, and for the old row on refusal. An empty answer, which
 * anything between here and AWS may give, is then no word that it was done. An endpoint that does not give the old row, as
 * emulators do not, is asked for it: then a refusal costs a read.
 */
export async function writeIf(writing: Writing, send: () => Promise<Readonly<{ Attributes?: Row | undefined }>>): Promise<Written> {
  const { documents, key, signal } = writing;
  try {
    const { Attributes } = await send();
    if (Attributes === undefined) throw new GarbledError("a write was answered without the row that it asked for");
    return { kind: "written", row: Attributes };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return { kind: "refused", row: error.Item ? nativeRow(error.Item) : await readRow(documents, key, signal) };
  }
}

/** What is known of a claim while it is under way, for the case that it throws. */
export type ClaimWatch = {
  /** Takes back what the claim may have written; `null`: nothing that could simply be taken back. */
  undo: ((signal: AbortSignal) => Promise<void>) | null;
  /** An attempt broke off, and may have been done: the SDK tells of the last one only. */
  inDoubt: boolean;
};

/** Notes what each attempt of a command comes to. */
export function watchAttempts({ middlewareStack }: UpdateCommand, watch: ClaimWatch): void {
  middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (!nothingDone(error)) watch.inDoubt = true;
        throw error;
      }
    },
    { step: "finalizeRequest", priority: "low", name: "sesameAttempts", override: true },
  );
}

/** Whether a condition of ours did not hold. */
export function isRefused(error: unknown): boolean {
  return error instanceof ConditionalCheckFailedException;
}

/** One row as it is after every write that was answered, or `null`. */
export async function readRow(documents: DynamoDBDocumentClient, key: RowKey, signal: AbortSignal): Promise<Row | null> {
  const { Item } = await documents.send(new GetCommand({ ...key, ConsistentRead: true }), { abortSignal: signal });
  return Item ?? null;
}

/** The row within an error, which the document client leaves in DynamoDB's own form. Our rows hold no other types. */
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
