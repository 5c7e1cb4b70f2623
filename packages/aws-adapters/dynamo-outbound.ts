// Dynamo outbound: Outbound on the table of mails that were sent through SES. Attributes are added and never removed, so a
// send and its bounce may be recorded in any order, and twice. Other programs may write rows too; recipients that they store
// as a set stay a set. A table that is missing at probe() is not used.

import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import type { Outbound, OutboundRow } from "@sesame/core";
import { call } from "./call.ts";
import { readRows } from "./dynamo-batch.ts";
import {
  conditionalWrite,
  type DynamoOptions,
  documentsOf,
  dynamoDeadlineMs,
  type Row,
  type RowKey,
  type TableState,
  tableDefaults,
} from "./dynamo-table.ts";
import type { Write } from "./hot-calls.ts";
import { sdkTableCalls } from "./sdk-dynamo.ts";
import { realSleep } from "./timers.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoOutboundOptions = DynamoOptions &
  Readonly<{
    table?: string;
    /** Days that a row is kept after its first write. Default 35: a bounce comes within days. */
    rememberDays?: number;
  }>;

const keyName = "MessageId";
const dayMs = 86_400_000;
const maxAttempts = 5; // while other workers add recipients to the same row

export class DynamoOutbound implements Outbound {
  readonly #options: Required<DynamoOutboundOptions>;
  readonly #documents: DynamoDBDocumentClient;
  #off = false;

  constructor(options: DynamoOutboundOptions) {
    const defaults = { table: tableDefaults.outbound, rememberDays: 35, deadlineMs: dynamoDeadlineMs, sleep: realSleep };
    this.#options = { ...defaults, hot: sdkTableCalls(options.client), ...options };
    this.#documents = documentsOf(options.client);
  }

  /** Checks whether the table exists. If not, find() returns `null` and note() writes nothing until the next probe(). */
  probe(): Promise<TableState> {
    return this.#call("probe", async (signal) => {
      try {
        await this.#read(["probe"], signal);
        this.#off = false;
      } catch (error) {
        if (troubleOf(error).kind !== "not-found") throw error;
        this.#off = true;
      }
      return this.#off ? "missing" : "present";
    });
  }

  async find(sesIds: readonly string[]): Promise<unknown> {
    if (this.#off || sesIds.length === 0) return null;
    return this.#call("find", async (signal) => {
      const rows = await this.#read(sesIds, signal);
      const first = sesIds.find((id) => rows.has(id));
      return first === undefined ? null : rows.get(first);
    });
  }

  async note(row: OutboundRow): Promise<void> {
    if (this.#off) return;
    await this.#call("note", async (signal) => {
      let known = (await this.#complete(row, signal))["bouncedRecipients"];
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const all = [...new Set([...listOf(known), ...row.bouncedRecipients])];
        if (all.length === listOf(known).length) return;
        known = await this.#extend(row.MessageId, known, known instanceof Set ? new Set(all) : all, signal);
      }
      throw new Error(`the recipients of ${row.MessageId} changed during each of ${maxAttempts} attempts`);
    });
  }

  async #read(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Row>> {
    const { table, sleep, hot } = this.#options;
    const answers = await readRows(new Map([[table, { keyName, keys: ids, consistent: true }]]), {
      hot,
      sleep,
      signal,
    });
    return answers.get(table) ?? new Map();
  }

  /** Writes the attributes that the row does not have yet, and returns the whole row. */
  async #complete({ MessageId, bouncedRecipients, ...others }: OutboundRow, signal: AbortSignal): Promise<Row> {
    const expires = Math.ceil((this.#options.clock.now() + this.#options.rememberDays * dayMs) / 1000);
    const some = bouncedRecipients.length > 0 ? { bouncedRecipients: [...new Set(bouncedRecipients)] } : {};
    const fields = Object.entries({ ...others, ...some, expires }).filter(([, value]) => value !== undefined);
    const write: Write = {
      ...this.#at(MessageId),
      UpdateExpression: `SET ${fields.map((_, n) => `#f${n} = if_not_exists(#f${n}, :f${n})`).join(", ")}`,
      ExpressionAttributeNames: Object.fromEntries(fields.map(([name], n) => [`#f${n}`, name])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([, value], n) => [`:f${n}`, value])),
      ReturnValues: "ALL_NEW",
    };
    const { Attributes } = await this.#options.hot.updateItem(write, signal);
    return Attributes ?? {};
  }

  /** Adds recipients unless another writer did so meanwhile. Returns the current recipients. */
  async #extend(MessageId: string, known: unknown, all: readonly unknown[] | ReadonlySet<unknown>, signal: AbortSignal): Promise<unknown> {
    const [key, documents] = [this.#at(MessageId), this.#documents];
    const { condition, values } = unchanged(known);
    const write: Write = {
      ...key,
      ConditionExpression: condition,
      UpdateExpression: "SET #r = :all",
      ExpressionAttributeNames: { "#r": "bouncedRecipients" },
      ExpressionAttributeValues: { ":all": all, ...values },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
    const written = await conditionalWrite({ documents, key, signal }, () => this.#options.hot.updateItem(write, signal));
    return written.row?.["bouncedRecipients"];
  }

  #at(id: string): RowKey {
    return { TableName: this.#options.table, Key: { [keyName]: id } };
  }

  #call<T>(operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "Outbound", operation, deadlineMs, clock }, run);
  }
}

/** Condition that the recipients have not changed. The list only grows, so the same size means the same list. */
function unchanged(known: unknown): Readonly<{ condition: string; values: Row }> {
  if (known === undefined) return { condition: "attribute_not_exists(#r)", values: {} };
  if (typeof known === "string") return { condition: "#r = :known", values: { ":known": known } };
  return { condition: "size(#r) = :size", values: { ":size": listOf(known).length } };
}

/** Recipients in any form that another program stored. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Set) return [...value];
  return typeof value === "string" ? [value] : [];
}
