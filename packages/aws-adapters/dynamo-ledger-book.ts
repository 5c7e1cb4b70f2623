// Dynamo ledger book: LedgerBook in the ledger's table. A search asks an index (`traceIndexes`) where there is one, else it scans
// the table, page by page. Only `takeBack` writes.
// Amazon DynamoDB Developer Guide, "Using Global Secondary Indexes in DynamoDB", "Scanning tables in DynamoDB" (1 MB a page).

import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, QueryCommand, ScanCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { EffectKey, EpochMs, MailId } from "@sesame/core";
import type { LedgerBook, LedgerEnd, LedgerEntry, LedgerFound, LedgerLimits, LedgerQuestion, LedgerState } from "@sesame/core/journey";
import { z } from "zod";
import { call } from "./call.ts";
import { readRows } from "./dynamo-batch.ts";
import { decodeFinals } from "./dynamo-finals.ts";
import { decodeMailRow, furtherRowId, type MailRow, timeOf, timesOf } from "./dynamo-mail-row.ts";
import { type DynamoOptions, documentsOf, dynamoDeadlineMs, isConditionFailure, type Row, readRow, tableDefaults } from "./dynamo-table.ts";
import { sdkTableCalls } from "./sdk-dynamo.ts";
import { realSleep } from "./timers.ts";

export type DynamoLedgerBookOptions = DynamoOptions &
  Readonly<{
    table?: string;
    /** Whether the table has the indexes. Default: no. */
    indexed?: boolean;
    /** The configured secret of the loop mark; otherwise it is in the table. */
    loopKey?: Uint8Array;
  }>;

/** An index of the ledger's table: attributes of its key, and of the order within one key. */
export type TraceIndex = Readonly<{ name: string; key: string; order: string }>;

/** Finds mails by their Message-ID, and by the mailbox of the first recipient. */
export const traceIndexes: Readonly<{ message: TraceIndex; mailbox: TraceIndex }> = {
  message: { name: "sesame-message", key: "traceMessage", order: "since" },
  mailbox: { name: "sesame-mailbox", key: "traceMailbox", order: "since" },
};

const entryShape = z.object({
  since: z.number().nullish(),
  expires: z.number().nullish(),
  done: z.array(z.string()).default([]),
  times: z.array(z.string()).default([]),
});

export class DynamoLedgerBook implements LedgerBook {
  readonly #options: Required<Omit<DynamoLedgerBookOptions, "loopKey">>;
  readonly #documents: DynamoDBDocumentClient;
  readonly #loopKey: Uint8Array | undefined;

  constructor({ loopKey, ...options }: DynamoLedgerBookOptions) {
    const defaults = { table: tableDefaults.ledger, indexed: false, deadlineMs: dynamoDeadlineMs, sleep: realSleep };
    this.#options = { ...defaults, hot: sdkTableCalls(options.client), ...options };
    this.#documents = documentsOf(options.client);
    this.#loopKey = loopKey;
  }

  read(mailId: MailId): Promise<LedgerEntry | null> {
    return this.#call("read", async (signal) => {
      const row = await this.#row(mailId, signal);
      const mail = decodeMailRow(row);
      if (row === null || mail === null) return null;
      const further = await Promise.all(mail.more.map((name) => this.#row(furtherRowId(mailId, name), signal)));
      return entryOf(mailId, mail, row, further, this.#options.clock.now());
    });
  }

  async states(mailIds: readonly MailId[]): Promise<ReadonlyMap<MailId, LedgerState>> {
    const { table, hot, sleep, clock } = this.#options;
    const read = { keyName: "id", keys: mailIds, attributes: ["owner", "until", "closed"], consistent: true };
    const found = await this.#call("states", (signal) => readRows(new Map([[table, read]]), { hot, signal, sleep }));
    const states = new Map<MailId, LedgerState>();
    for (const [id, row] of found.get(table) ?? []) {
      const mail = decodeMailRow(row);
      if (mail !== null) states.set(id as MailId, stateOf(mail, clock.now()));
    }
    return states;
  }

  async search(question: LedgerQuestion, limits: LedgerLimits): Promise<LedgerFound> {
    return this.#options.indexed ? this.#query(question, limits) : this.#scan(question, limits);
  }

  async takeBack(mailId: MailId, failed: readonly EffectKey[]): Promise<"taken-back" | "changed"> {
    return this.#call("takeBack", async (signal) => {
      const row = await this.#row(mailId, signal);
      const mail = decodeMailRow(row);
      if (row === null || !mail?.closed) return "changed";
      const names = mail.more.map((name) => furtherRowId(mailId, name));
      const further = await Promise.all(names.map(async (id) => [id, await this.#row(id, signal)] as const));
      const rows = [...further, [mailId, row] as const].flatMap(([id, each]) => {
        const kept = withoutFailed(each, failed);
        return kept === null ? [] : [{ ...kept, id, size: entryShape.parse(each).done.length, nonce: mail.nonce }];
      });
      for (const each of rows) if (!(await this.#keep(each, each.id === mailId ? unopened : ofClaim, signal))) return "changed";
      return rows.length > 0 ? "taken-back" : "changed";
    });
  }

  /** Writes the ends that stay, if no other was added and the mail was not opened since. */
  async #keep({ id, done, times, size, nonce }: KeptEnds, same: string, signal: AbortSignal): Promise<boolean> {
    const condition = nonce === null ? "size(#done) = :size" : `size(#done) = :size AND ${same}`;
    const used = (name: string) => condition.includes(name);
    const command = new UpdateCommand({
      TableName: this.#options.table,
      Key: { id },
      ConditionExpression: condition,
      UpdateExpression: "SET #done = :done, #times = :times",
      ExpressionAttributeNames: {
        "#done": "done",
        "#times": "times",
        ...Object.fromEntries(["closed", "nonce", "holder"].filter((name) => used(`#${name}`)).map((name) => [`#${name}`, name])),
      },
      ExpressionAttributeValues: { ":size": size, ":done": done, ":times": times, ...(nonce !== null && { ":nonce": nonce }) },
    });
    try {
      await this.#documents.send(command, { abortSignal: signal });
      return true;
    } catch (error) {
      if (isConditionFailure(error)) return false;
      throw error;
    }
  }

  async key(): Promise<Uint8Array | null> {
    if (this.#loopKey) return this.#loopKey;
    const row = await this.#call("key", (signal) => this.#row("loop-key", signal));
    const secret: unknown = row?.["secret"];
    return secret instanceof Uint8Array ? secret : null;
  }

  /** The ids in an index are in order. A tagged recipient is found by the mailbox, and looked for in each row. */
  async #query(question: LedgerQuestion, { most, onLooked }: LedgerLimits): Promise<LedgerFound> {
    const [index, hash] = question.kind === "message" ? [traceIndexes.message, question.hash] : [traceIndexes.mailbox, question.mailbox];
    const mails: MailId[] = [];
    let [looked, from] = [0, undefined as Row | undefined];
    do {
      const command = new QueryCommand({
        TableName: this.#options.table,
        IndexName: index.name,
        KeyConditionExpression: "#key = :hash",
        ExpressionAttributeNames: { "#key": index.key },
        ExpressionAttributeValues: { ":hash": hash },
        ScanIndexForward: false,
        Limit: 100,
        ...(from && { ExclusiveStartKey: from }),
      });
      const page = await this.#call("search", (signal) => this.#documents.send(command, { abortSignal: signal }));
      const ids = (page.Items ?? []).map((row) => String(row["id"]) as MailId);
      looked += ids.length;
      onLooked?.(looked);
      mails.push(...(question.kind === "recipient" && question.hash !== question.mailbox ? await this.#naming(ids, question.hash) : ids));
      from = page.LastEvaluatedKey;
    } while (from !== undefined && mails.length < most);
    const by = question.kind === "message" ? "index" : "first";
    return { mails: mails.slice(0, most), by, looked, of: null, complete: from === undefined && mails.length <= most };
  }

  /** Those of the mails whose rows name a recipient. */
  async #naming(ids: readonly MailId[], hash: string): Promise<readonly MailId[]> {
    const { table, hot, sleep } = this.#options;
    const read = { keyName: "id", keys: ids, attributes: ["traceRecipients"], consistent: false };
    const rows = await this.#call("search", (signal) => readRows(new Map([[table, read]]), { hot, signal, sleep }));
    return ids.filter((id) => {
      const named: unknown = rows.get(table)?.get(id)?.["traceRecipients"];
      return named instanceof Set && named.has(hash);
    });
  }

  async #scan(question: LedgerQuestion, { most, pages, onLooked }: LedgerLimits): Promise<LedgerFound> {
    const of = await this.#call("search", (signal) => this.#rowCount(signal));
    const found: { id: MailId; since: number }[] = [];
    let [looked, from] = [0, undefined as Row | undefined];
    for (let page = 0; page < pages; page++) {
      const command = this.#scanCommand(question, from);
      const answer = await this.#call("search", (signal) => this.#documents.send(command, { abortSignal: signal }));
      for (const row of answer.Items ?? []) found.push({ id: String(row["id"]) as MailId, since: Number(row["since"] ?? 0) });
      looked += answer.ScannedCount ?? 0;
      onLooked?.(looked);
      from = answer.LastEvaluatedKey;
      if (from === undefined) break;
    }
    const mails = found.sort((a, b) => b.since - a.since).map(({ id }) => id);
    return { mails: mails.slice(0, most), by: "scan", looked, of, complete: from === undefined && mails.length <= most };
  }

  #scanCommand({ kind, hash }: LedgerQuestion, from: Row | undefined): ScanCommand {
    return new ScanCommand({
      TableName: this.#options.table,
      FilterExpression: kind === "message" ? "#hash = :hash" : "contains(#hash, :hash)",
      ProjectionExpression: "#id, #since",
      ExpressionAttributeNames: { "#id": "id", "#since": "since", "#hash": kind === "message" ? "traceMessage" : "traceRecipients" },
      ExpressionAttributeValues: { ":hash": hash },
      ...(from && { ExclusiveStartKey: from }),
    });
  }

  /** DynamoDB counts the rows of a table about every six hours. */
  async #rowCount(signal: AbortSignal): Promise<number | null> {
    const { client, table } = this.#options;
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), { abortSignal: signal });
    return Table?.ItemCount ?? null;
  }

  #row(id: string, signal: AbortSignal): Promise<Row | null> {
    return readRow(this.#documents, { TableName: this.#options.table, Key: { id } }, signal);
  }

  #call<T>(operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "Ledger", operation, deadlineMs, clock }, run);
  }
}

/** What stays of a row that had so many ends, of the claim with this nonce. */
type KeptEnds = Readonly<{ id: string; done: readonly string[]; times: readonly string[]; size: number; nonce: string | null }>;

/** Nobody has opened the mail since that claim closed it: what its own row says, and what its further rows say. */
const unopened = "attribute_exists(#closed) AND #nonce = :nonce";
const ofClaim = "#holder = :nonce";

/** The finals of a row without failed deliveries, each with its time; `null` if it has none of these. */
function withoutFailed(row: Row | null, failed: readonly EffectKey[]): Pick<KeptEnds, "done" | "times"> | null {
  const { done, times } = entryShape.parse(row ?? {});
  const at = timesOf(done.length, times);
  const kept = done.map((each, index) => ({ each, at: at[index] ?? null })).filter(({ each }) => !isFailedEnd(each, failed));
  if (kept.length === done.length) return null;
  return { done: kept.map(({ each }) => each), times: kept.map((end) => timeOf(1, end.at)) };
}

function isFailedEnd(encoded: string, failed: readonly EffectKey[]): boolean {
  return [...decodeFinals([], [encoded])].some(([key, { action }]) => action === "failed" && failed.includes(key));
}

function stateOf({ closed, owner, until }: MailRow, now: number): LedgerState {
  if (closed) return "closed";
  return owner !== null && until > now ? "held" : "open";
}

function entryOf(mailId: MailId, mail: MailRow, row: Row, further: readonly (Row | null)[], now: number): LedgerEntry {
  const { since, expires } = entryShape.parse(row);
  const state = stateOf(mail, now);
  const ends = new Map<EffectKey, LedgerEnd>();
  const add = (end: LedgerEnd) => {
    if (!ends.has(end.key)) ends.set(end.key, end);
  };
  const timed = [row, ...further].flatMap(endsIn);
  const times = new Map(timed.map((end) => [end.key, end.at]).reverse() as [EffectKey, EpochMs | null][]);
  for (const [key, final] of mail.finals) add({ key, final, at: times.get(key) ?? null });
  for (const end of timed) add(end);
  return {
    mailId,
    state,
    until: state === "held" ? (mail.until as EpochMs) : null,
    since: (since ?? null) as EpochMs | null,
    expires: expires == null ? null : ((expires * 1000) as EpochMs),
    crashes: mail.crashes,
    waiting: state === "closed" ? 0 : mail.waiting.size,
    ends: [...ends.values()],
  };
}

/** The finals of a row with their times. Those of earlier versions, in another form, have none. */
function endsIn(row: Row | null): readonly LedgerEnd[] {
  const { done, times } = entryShape.parse(row ?? {});
  const at = timesOf(done.length, times);
  return done.flatMap((each, index) => [...decodeFinals([], [each])].map(([key, final]) => ({ key, final, at: at[index] ?? null })));
}
