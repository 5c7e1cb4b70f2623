// Dynamo rule book: RuleBook on the two users' tables, for the command line and the web page. A row is shown as plain data
// without its key. A set is shown as a list and written back as a list; the worker accepts both.
// A change applies to the next mail.

import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import { call } from "./call.ts";
import { type DynamoOptions, documentsOf, dynamoDeadlineMs, type Row, type RowKey, readRow, tableDefaults } from "./dynamo-table.ts";
import { realSleep } from "./timers.ts";

export type DynamoRuleBookOptions = Omit<DynamoOptions, "hot"> & Readonly<{ tables?: Readonly<Record<RuleTable, string>> }>;

const keyName = "email_address";

export class DynamoRuleBook implements RuleBook {
  readonly #options: Required<DynamoRuleBookOptions>;
  readonly #documents: DynamoDBDocumentClient;

  constructor(options: DynamoRuleBookOptions) {
    this.#options = { tables: tableDefaults, deadlineMs: dynamoDeadlineMs, sleep: realSleep, ...options };
    this.#documents = documentsOf(options.client);
  }

  /** Reads page by page, each with its own deadline, because a table may be long. */
  async list(table: RuleTable): Promise<readonly Readonly<{ key: string; row: unknown }>[]> {
    const rows: Row[] = [];
    let from: Row | undefined;
    do {
      const input = { TableName: this.#options.tables[table], ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) };
      const page = await this.#call("list", (signal) => this.#documents.send(new ScanCommand(input), { abortSignal: signal }));
      rows.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    const listed = rows.map((row) => ({ key: String(row[keyName]), row: withoutKey(row) }));
    return listed.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async show(table: RuleTable, key: string): Promise<unknown> {
    const row = await this.#call("show", (signal) => readRow(this.#documents, this.#at(table, key), signal));
    return row === null ? null : withoutKey(row);
  }

  async set(table: RuleTable, key: string, row: Readonly<Record<string, unknown>>): Promise<void> {
    const { TableName, Key } = this.#at(table, key);
    const command = new PutCommand({ TableName, Item: { ...row, ...Key } });
    await this.#call("set", (signal) => this.#documents.send(command, { abortSignal: signal }));
  }

  async remove(table: RuleTable, key: string): Promise<boolean> {
    const command = new DeleteCommand({ ...this.#at(table, key), ReturnValues: "ALL_OLD" });
    const { Attributes } = await this.#call("remove", (signal) => this.#documents.send(command, { abortSignal: signal }));
    return Attributes !== undefined;
  }

  #at(table: RuleTable, key: string): RowKey {
    return { TableName: this.#options.tables[table], Key: { [keyName]: key } };
  }

  #call<T>(operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "RuleBook", operation, deadlineMs, clock }, run);
  }
}

function withoutKey({ [keyName]: _, ...row }: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Set) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
