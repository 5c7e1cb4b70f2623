// Dynamo mail rows: reads and writes the rows of mails in the ledger table, by expressions over their attributes. It decides
// nothing; dynamo-lease.ts and dynamo-record.ts do.
// Amazon DynamoDB Developer Guide, "Condition expressions".

import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import type { Clock, Lease } from "@sesame/core";
import { attemptsOf, type ClaimWatch, conditionalWrite, type Row, type RowKey, readRow, type WriteResult } from "./dynamo-table.ts";
import type { TableCalls, Write } from "./hot-calls.ts";
import { troubleOf } from "./trouble.ts";

export type MailRowsOptions = Readonly<{
  documents: DynamoDBDocumentClient;
  hot: TableCalls;
  clock: Clock;
  table: string;
  rememberDays: number;
}>;

export type Values = Readonly<Record<string, unknown>>;
type ReturnedValues = "ALL_NEW" | "UPDATED_NEW";
/** A write: `condition` may be empty. */
export type Expressions = Readonly<{ condition: string; update: string; values: Values }>;

const dayMs = 86_400_000;

/** Placeholders of the row's attributes, because an attribute name may be a reserved word. */
const names: ReadonlyMap<string, string> = new Map([
  ["#owner", "owner"],
  ["#nonce", "nonce"],
  ["#last", "lastOwner"], // of earlier versions
  ["#until", "until"],
  ["#crashes", "crashes"],
  ["#closed", "closed"],
  ["#erase", "eraseAfter"],
  ["#reopened", "reopened"],
  ["#waiting", "waiting"],
  ["#done", "done"],
  ["#more", "more"],
  ["#holder", "holder"],
  ["#since", "since"],
  ["#times", "times"],
  ["#message", "traceMessage"],
  ["#mailbox", "traceMailbox"],
  ["#named", "traceRecipients"],
  ["#expires", "expires"],
]);

export const isOpen = "attribute_not_exists(#closed)";
/** The fence: the row is open, and of this very claim. */
export const isMine: string = `${isOpen} AND #owner = :me AND #crashes = :crashes AND #nonce = :nonce`;

/** The values of the fence. */
export function fenceOf({ owner, crashes, nonce }: Pick<Lease, "owner" | "crashes" | "nonce">): Values {
  return { ":me": owner, ":crashes": crashes, ":nonce": nonce };
}

/** Whether DynamoDB refused a write because the row would be larger than 400 KB. */
export function isTooLarge(error: unknown): boolean {
  return troubleOf(error).code === "ValidationException" && error instanceof Error && /item size/i.test(error.message);
}

export class MailRows {
  readonly #options: MailRowsOptions;
  /** The attributes in each pair of expressions that was written; there are some twenty pairs. */
  readonly #namesIn = new Map<string, Record<string, string>>();

  constructor(options: MailRowsOptions) {
    this.#options = options;
  }

  get hot(): TableCalls {
    return this.#options.hot;
  }

  now(): number {
    return this.#options.clock.now();
  }

  /** Expiry of a row in seconds since 1970, for Time to Live. */
  expiry(): number {
    return Math.ceil((this.now() + this.#options.rememberDays * dayMs) / 1000);
  }

  read(id: string, signal: AbortSignal): Promise<Row | null> {
    return readRow(this.#options.documents, this.#at(id), signal);
  }

  /** A claim returns the whole row, which may be long; other writes return only the changed attributes. */
  write(id: string, expressions: Expressions, returned: ReturnedValues, signal: AbortSignal, watch?: ClaimWatch): Promise<WriteResult> {
    const { documents, hot } = this.#options;
    const input: Write = { ...this.input(id, expressions), ReturnValues: returned, ReturnValuesOnConditionCheckFailure: "ALL_OLD" };
    const onAttempt = watch && attemptsOf(watch);
    return conditionalWrite({ documents, key: this.#at(id), signal }, () => hot.updateItem(input, signal, onAttempt));
  }

  input(id: string, { condition, update, values }: Expressions): Write {
    return {
      ...this.#at(id),
      ...(condition !== "" && { ConditionExpression: condition }),
      UpdateExpression: update,
      ExpressionAttributeNames: this.#names(`${condition} ${update}`),
      ExpressionAttributeValues: { ...values },
    };
  }

  #names(expressions: string): Record<string, string> {
    const known = this.#namesIn.get(expressions) ?? namesIn(expressions);
    this.#namesIn.set(expressions, known);
    return known;
  }

  #at(id: string): RowKey {
    return { TableName: this.#options.table, Key: { id } };
  }
}

/** DynamoDB refuses a placeholder that is not used. */
function namesIn(expressions: string): Record<string, string> {
  const used = new Set(expressions.match(/#\w+/g));
  return Object.fromEntries([...names].filter(([name]) => used.has(name)));
}
