// Dynamo batch: many rows of several tables in one round of BatchGetItem: each key once, a hundred in a request, requests
// side by side. What DynamoDB left unprocessed is asked again until the deadline: it never reads as "no row".
// Amazon DynamoDB API Reference, "BatchGetItem".

import { BatchGetCommand, type DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import type { Row } from "./dynamo-table.ts";
import { GarbledError } from "./trouble.ts";

/** What is asked of one table. */
export type Question = Readonly<{
  /** Name of the table's partition key. */
  keyName: string;
  keys: readonly string[];
  /** The only attributes that are wanted beside the key; all where it is absent. */
  attributes?: readonly string[];
  /** Sees every write that was answered before, for twice the price of a read. */
  consistent: boolean;
}>;

export type Questions = ReadonlyMap<string, Question>;

/** Rows by table and key; a key without a row is absent, a table that was asked never is. */
export type Answers = ReadonlyMap<string, ReadonlyMap<string, Row>>;

type Asking = Readonly<{ documents: DynamoDBDocumentClient; signal: AbortSignal; sleep: (ms: number) => Promise<void> }>;
type Wanted = Readonly<{ table: string; key: string }>;

const keysInRequest = 100;
const [firstPauseMs, longestPauseMs] = [50, 1000];

/** Answers all questions, or throws. */
export async function readRows(questions: Questions, asking: Asking): Promise<Answers> {
  const answers = new Map([...questions.keys()].map((table) => [table, new Map<string, Row>()]));
  const wanted = [...questions].flatMap(([table, { keys }]) => [...new Set(keys)].map((key) => ({ table, key })));
  const chunks = Array.from({ length: Math.ceil(wanted.length / keysInRequest) }, (_, n) =>
    wanted.slice(n * keysInRequest, (n + 1) * keysInRequest),
  );
  await Promise.all(chunks.map((chunk) => readChunk(chunk, questions, asking, answers)));
  return answers;
}

async function readChunk(
  chunk: readonly Wanted[],
  questions: Questions,
  { documents, signal, sleep }: Asking,
  answers: ReadonlyMap<string, Map<string, Row>>,
): Promise<void> {
  let pending = chunk;
  for (let attempt = 0; pending.length > 0; attempt++) {
    if (attempt > 0) await sleep(pauseMs(attempt));
    signal.throwIfAborted();
    const answer = await documents.send(new BatchGetCommand({ RequestItems: requestOf(pending, questions) }), { abortSignal: signal });
    pending = take(answer, pending, questions, answers);
  }
}

type RequestItem = { Keys: Record<string, string>[]; ConsistentRead: boolean } & Partial<ReturnType<typeof projection>>;

function requestOf(pending: readonly Wanted[], questions: Questions): Record<string, RequestItem> {
  const request: Record<string, RequestItem> = {};
  for (const { table, key } of pending) {
    const { keyName, attributes, consistent } = questionOf(questions, table);
    request[table] ??= { Keys: [], ConsistentRead: consistent, ...(attributes && projection([keyName, ...attributes])) };
    request[table].Keys.push({ [keyName]: key });
  }
  return request;
}

/** Placeholders, since any name may be a reserved word. */
function projection(names: readonly string[]): { ProjectionExpression: string; ExpressionAttributeNames: Record<string, string> } {
  const placeholders = names.map((name, n) => [`#a${n}`, name] as const);
  return {
    ProjectionExpression: placeholders.map(([place]) => place).join(", "),
    ExpressionAttributeNames: Object.fromEntries(placeholders),
  };
}

type Answer = Readonly<{
  Responses?: Readonly<Record<string, readonly Row[] | undefined>> | undefined;
  UnprocessedKeys?: Readonly<Record<string, Readonly<{ Keys?: readonly Row[] | undefined }> | undefined>> | undefined;
}>;

/** Files the rows and gives what must be asked again. An answer that leaves a table out says nothing about its rows. */
function take(
  answer: Answer,
  pending: readonly Wanted[],
  questions: Questions,
  answers: ReadonlyMap<string, Map<string, Row>>,
): readonly Wanted[] {
  const again: Wanted[] = [];
  for (const table of new Set(pending.map((each) => each.table))) {
    const { keyName } = questionOf(questions, table);
    const rows = answer.Responses?.[table];
    const left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
    if (rows === undefined && left.length === 0)
      throw new GarbledError(`the answer to a batch says nothing of table ${JSON.stringify(table)}`);
    for (const row of rows ?? []) answers.get(table)?.set(String(row[keyName]), row);
    again.push(...left.map((key) => ({ table, key: String(key[keyName]) })));
  }
  return again;
}

function questionOf(questions: Questions, table: string): Question {
  const question = questions.get(table);
  if (question === undefined)
    throw new TypeError(`Cannot ask a table as it must have a question: current value is ${JSON.stringify(table)}`);
  return question;
}

/** Doubles up to a second, with jitter, so that workers that were throttled together do not come back together. */
function pauseMs(attempt: number): number {
  return Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs) * (0.5 + Math.random() / 2);
}
