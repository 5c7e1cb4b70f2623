// Dynamo outbound: Outbound on the table of mails that were sent through SES. A row is completed, never emptied: what
// stands, stands, so that a send and its bounce may be noted in any order, and twice. Rows may also come from other
// programs; a list of recipients that they keep as a set stays one. A table that is missing when it is probed is not used.

import { type DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type Outbound, type OutboundRow } from "@sesame/core";
import { call } from "./call.ts";
import { readRows } from "./dynamo-batch.ts";
import {
  type DynamoOptions,
  documentsOf,
  dynamoDeadlineMs,
  type Row,
  type RowKey,
  realSleep,
  type TableState,
  tableDefaults,
  writeIf,
} from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoOutboundOptions = DynamoOptions &
  Readonly<{
    table?: string;
    /** Days that a row is kept, from its first writing. Default 35: a bounce comes within days. */
    rememberDays?: number;
  }>;

const keyName = "MessageId";
const dayMs = 86_400_000;
const maxContention = 5; // workers that note the recipients of one mail at once

export class DynamoOutbound implements Outbound {
  readonly #options: Required<DynamoOutboundOptions>;
  readonly #documents: DynamoDBDocumentClient;
  #off = false;

  constructor(options: DynamoOutboundOptions) {
    this.#options = { table: tableDefaults.outbound, rememberDays: 35, deadlineMs: dynamoDeadlineMs, sleep: realSleep, ...options };
    this.#documents = documentsOf(options.client);
  }

  /** Looks whether the table exists. Where it does not, find() knows nothing and note() writes nothing, until it is probed anew. */
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
      for (let turn = 0; turn < maxContention; turn++) {
        const all = [...new Set([...listOf(known), ...row.bouncedRecipients])];
        if (all.length === listOf(known).length) return;
        known = await this.#extend(row.MessageId, known, known instanceof Set ? new Set(all) : all, signal);
      }
      throw new Error(`the recipients of ${row.MessageId} changed ${maxContention} times meanwhile`);
    });
  }

  async #read(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Row>> {
    const { table, sleep } = this.#options;
    const answers = await readRows(new Map([[table, { keyName, keys: ids, consistent: true }]]), {
      documents: this.#documents,
      sleep,
      signal,
    });
    return answers.get(table) ?? new Map();
  }

  /** Writes what the row does not say yet, and gives the whole. */
  async #complete({ MessageId, bouncedRecipients, ...others }: OutboundRow, signal: AbortSignal): Promise<Row> {
    const expires = Math.ceil((this.#options.clock.now() + this.#options.rememberDays * dayMs) / 1000);
    const some = bouncedRecipients.length > 0 ? { bouncedRecipients: [...new Set(bouncedRecipients)] } : {};
    const fields = Object.entries({ ...others, ...some, expires }).filter(([, value]) => value !== undefined);
    const command = new UpdateCommand({
      ...this.#at(MessageId),
      UpdateExpression: `SET ${fields.map((_, n) => `#f${n} = if_not_exists(#f${n}, :f${n})`).join(", ")}`,
      ExpressionAttributeNames: Object.fromEntries(fields.map(([name], n) => [`#f${n}`, name])),
      ExpressionAttributeValues: Object.fromEntries(fields.map(([, value], n) => [`:f${n}`, value])),
      ReturnValues: "ALL_NEW",
    });
    const { Attributes } = await this.#documents.send(command, { abortSignal: signal });
    return Attributes ?? {};
  }

  /** Adds recipients, unless somebody else just did; gives what stands there now. */
  async #extend(MessageId: string, known: unknown, all: readonly unknown[] | ReadonlySet<unknown>, signal: AbortSignal): Promise<unknown> {
    const [key, documents] = [this.#at(MessageId), this.#documents];
    const { condition, values } = unchanged(known);
    const command = new UpdateCommand({
      ...key,
      ConditionExpression: condition,
      UpdateExpression: "SET #r = :all",
      ExpressionAttributeNames: { "#r": "bouncedRecipients" },
      ExpressionAttributeValues: { ":all": all, ...values },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    const written = await writeIf({ documents, key, signal }, () => documents.send(command, { abortSignal: signal }));
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

/** That the recipients are still those known: a list only ever grows, so one of the same size is the same. */
function unchanged(known: unknown): Readonly<{ condition: string; values: Row }> {
  if (known === undefined) return { condition: "attribute_not_exists(#r)", values: {} };
  if (typeof known === "string") return { condition: "#r = :known", values: { ":known": known } };
  return { condition: "size(#r) = :size", values: { ":size": listOf(known).length } };
}

/** Recipients in whatever form another program left them. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Set) return [...value];
  return typeof value === "string" ? [value] : [];
}
