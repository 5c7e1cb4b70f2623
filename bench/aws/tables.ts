// Tables: DynamoDB in memory, as far as a worker uses it: items by their key, conditional writes, batches. No limits, no
// throttling, no indexes. DynamoDB API Reference: "GetItem", "BatchGetItem", "UpdateItem", "PutItem", "DeleteItem".

import { ExpressionError } from "./expression-parser.ts";
import { Expressions, type Placeholders } from "./expressions.ts";
import type { Item } from "./values.ts";

export type TableAnswer = Readonly<{ status: number; body: unknown }>;

type Projection = Placeholders & Readonly<{ ProjectionExpression?: string }>;
type Keyed = Projection & Readonly<{ TableName: string; Key: Item }>;
type Write = Placeholders &
  Readonly<{
    TableName: string;
    ConditionExpression?: string;
    ReturnValues?: string;
    ReturnValuesOnConditionCheckFailure?: string;
  }>;
type Requests = Readonly<{
  GetItem: Keyed;
  BatchGetItem: Readonly<{ RequestItems: Readonly<Record<string, Projection & Readonly<{ Keys: readonly Item[] }>>> }>;
  UpdateItem: Write & Readonly<{ Key: Item; UpdateExpression?: string }>;
  PutItem: Write & Readonly<{ Item: Item }>;
  DeleteItem: Write & Readonly<{ Key: Item }>;
}>;

const service = "com.amazonaws.dynamodb.v20120810#";
const batchLimit = 100; // keys

export class Tables {
  /** By the name of the table; the name of its key is in `keyNames`. */
  readonly #rows = new Map<string, Map<string, Item>>();
  readonly #keyNames: Readonly<Record<string, string>>;
  readonly #expressions = new Expressions();

  constructor(keyNames: Readonly<Record<string, string>>) {
    this.#keyNames = keyNames;
    for (const table of Object.keys(keyNames)) this.#rows.set(table, new Map());
  }

  /** Empties all tables. */
  clear(): void {
    for (const rows of this.#rows.values()) rows.clear();
  }

  put(table: string, item: Item): void {
    this.#table(table).set(idOf(item, this.#keyNames[table]), item);
  }

  /** Answers one call; `null`: this operation is not played here. */
  answer(operation: string, request: unknown): TableAnswer | null {
    try {
      switch (operation) {
        case "GetItem":
          return ok(this.#get(request as Requests["GetItem"]));
        case "BatchGetItem":
          return ok(this.#batch(request as Requests["BatchGetItem"]));
        case "UpdateItem":
        case "PutItem":
        case "DeleteItem":
          return this.#write(operation, request as Requests["UpdateItem"] & Requests["PutItem"]);
        default:
          return null;
      }
    } catch (error) {
      if (error instanceof MissingTable) return refusal("ResourceNotFoundException", "Requested resource not found");
      if (error instanceof ExpressionError) return refusal("ValidationException", error.message);
      throw error;
    }
  }

  #get({ TableName, Key, ...projection }: Requests["GetItem"]): unknown {
    const item = this.#table(TableName).get(idOf(Key));
    return { Item: item && this.#projected(item, projection) };
  }

  #batch({ RequestItems }: Requests["BatchGetItem"]): unknown {
    const responses: Record<string, readonly Item[]> = {};
    let keys = 0;
    for (const [table, { Keys, ...projection }] of Object.entries(RequestItems)) {
      const rows = this.#table(table);
      keys += Keys.length;
      responses[table] = Keys.map((key) => rows.get(idOf(key)))
        .filter((item) => item !== undefined)
        .map((item) => this.#projected(item, projection));
    }
    if (keys > batchLimit) throw new ExpressionError(`Cannot read a batch: must have at most ${batchLimit} keys, has ${keys}`);
    return { Responses: responses, UnprocessedKeys: {} };
  }

  #projected(item: Item, projection: Projection): Item {
    const { ProjectionExpression: text } = projection;
    if (text === undefined) return item;
    const names = new Set(this.#expressions.namesIn(text, "projection", projection));
    return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)));
  }

  #write(operation: "UpdateItem" | "PutItem" | "DeleteItem", request: Requests["UpdateItem"] & Requests["PutItem"]): TableAnswer {
    const { TableName, Key, UpdateExpression, ConditionExpression, ReturnValues = "NONE" } = request;
    const rows = this.#table(TableName);
    const id = operation === "PutItem" ? idOf(request.Item, this.#keyNames[TableName]) : idOf(Key);
    const before = rows.get(id);
    if (ConditionExpression !== undefined && !this.#expressions.holds(ConditionExpression, before ?? {}, request)) {
      const old = request.ReturnValuesOnConditionCheckFailure === "ALL_OLD" && before ? { Item: before } : {};
      return refusal("ConditionalCheckFailedException", "The conditional request failed", old);
    }
    if (operation === "DeleteItem") {
      rows.delete(id);
      return ok(ReturnValues === "ALL_OLD" && before ? { Attributes: before } : {});
    }
    const text = operation === "UpdateItem" ? UpdateExpression : undefined;
    const base = operation === "PutItem" ? request.Item : (before ?? Key);
    const after = text === undefined ? base : this.#expressions.updated(text, base, request);
    rows.set(id, after);
    const changed = text === undefined ? [] : this.#expressions.namesIn(text, "update", request);
    const attributes = returned(ReturnValues, before, after, changed);
    return ok(attributes === undefined ? {} : { Attributes: attributes });
  }

  #table(name: string): Map<string, Item> {
    const rows = this.#rows.get(name);
    if (rows === undefined) throw new MissingTable();
    return rows;
  }
}

class MissingTable extends Error {}

function idOf(key: Item, name: string = Object.keys(key)[0] ?? ""): string {
  return String(key[name]?.["S"]);
}

function returned(which: string, before: Item | undefined, after: Item, changed: readonly string[]): Item | undefined {
  const chosen = which.endsWith("_OLD") ? before : which.endsWith("_NEW") ? after : undefined;
  if (chosen === undefined || which.startsWith("ALL")) return chosen;
  return Object.fromEntries(changed.flatMap((name) => (chosen[name] === undefined ? [] : [[name, chosen[name]]])));
}

function ok(body: unknown): TableAnswer {
  return { status: 200, body };
}

function refusal(code: string, message: string, more: object = {}): TableAnswer {
  return { status: 400, body: { __type: service + code, message, ...more } };
}
