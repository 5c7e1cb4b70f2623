// Dynamo batch: reads rows of several tables by BatchGetItem: each key once, 100 keys in a request, requests in parallel.
// Keys that DynamoDB left unprocessed are read again until the deadline. They are never taken for missing rows.
// Amazon DynamoDB API Reference, "BatchGetItem".

import type { BatchQuestion, BatchRows, Row, TableCalls } from "./hot-calls.ts";
import type { Sleep } from "./timers.ts";
import { GarbledError } from "./trouble.ts";

/** The rows to read from one table. */
export type TableRead = Readonly<{
  /** Name of the table's partition key. */
  keyName: string;
  keys: readonly string[];
  /** The only attributes to read besides the key; all if absent. */
  attributes?: readonly string[];
  /** Strongly consistent read, which costs twice as much. */
  consistent: boolean;
}>;

export type TableReads = ReadonlyMap<string, TableRead>;

/** Rows by table and key. A key without a row is absent; a table that was read is always present. */
export type TableRows = ReadonlyMap<string, ReadonlyMap<string, Row>>;

type ReadOptions = Readonly<{ hot: Pick<TableCalls, "batchGetItem">; signal: AbortSignal; sleep: Sleep }>;
type WantedRow = Readonly<{ table: string; key: string }>;

const keysInRequest = 100;
const [firstDelayMs, longestDelayMs] = [50, 1000];

/** Reads all rows, or throws. */
export async function readRows(reads: TableReads, options: ReadOptions): Promise<TableRows> {
  const answers = new Map([...reads.keys()].map((table) => [table, new Map<string, Row>()]));
  const wanted = [...reads].flatMap(([table, { keys }]) => [...new Set(keys)].map((key) => ({ table, key })));
  const chunks = Array.from({ length: Math.ceil(wanted.length / keysInRequest) }, (_, n) =>
    wanted.slice(n * keysInRequest, (n + 1) * keysInRequest),
  );
  await Promise.all(chunks.map((chunk) => readChunk(chunk, reads, options, answers)));
  return answers;
}

async function readChunk(
  chunk: readonly WantedRow[],
  reads: TableReads,
  { hot, signal, sleep }: ReadOptions,
  answers: ReadonlyMap<string, Map<string, Row>>,
): Promise<void> {
  let pending = chunk;
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt > 0) await sleep(delayMs(attempt));
    signal.throwIfAborted();
    const answer = await hot.batchGetItem(requestOf(pending, reads), signal);
    pending = take(answer, pending, reads, answers);
  }
}

function requestOf(pending: readonly WantedRow[], reads: TableReads): Record<string, BatchQuestion> {
  const request: Record<string, BatchQuestion> = {};
  for (const { table, key } of pending) {
    const { keyName, attributes, consistent } = readOf(reads, table);
    request[table] ??= { Keys: [], ConsistentRead: consistent, ...(attributes && projection([keyName, ...attributes])) };
    request[table].Keys.push({ [keyName]: key });
  }
  return request;
}

/** Uses placeholders, because an attribute name may be a reserved word. */
function projection(names: readonly string[]): { ProjectionExpression: string; ExpressionAttributeNames: Record<string, string> } {
  const placeholders = names.map((name, n) => [`#a${n}`, name] as const);
  return {
    ProjectionExpression: placeholders.map(([place]) => place).join(", "),
    ExpressionAttributeNames: Object.fromEntries(placeholders),
  };
}

/** Stores the rows and returns the keys to read again. Throws if the answer does not mention a table. */
function take(
  answer: BatchRows,
  pending: readonly WantedRow[],
  reads: TableReads,
  answers: ReadonlyMap<string, Map<string, Row>>,
): readonly WantedRow[] {
  const again: WantedRow[] = [];
  for (const table of new Set(pending.map((each) => each.table))) {
    const { keyName } = readOf(reads, table);
    const rows = answer.Responses?.[table];
    const left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
    if (rows === undefined && left.length === 0)
      throw new GarbledError(`the answer to a batch does not mention table ${JSON.stringify(table)}`);
    for (const row of rows ?? []) answers.get(table)?.set(String(row[keyName]), row);
    again.push(...left.map((key) => ({ table, key: String(key[keyName]) })));
  }
  return again;
}

function readOf(reads: TableReads, table: string): TableRead {
  const read = reads.get(table);
  if (read === undefined) throw new TypeError(`Cannot read table ${JSON.stringify(table)}: the batch contains no keys for it`);
  return read;
}

/** Doubles up to one second, with jitter, so that workers that were throttled together do not retry together. */
function delayMs(attempt: number): number {
  return Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs) * (0.5 + Math.random() / 2);
}
