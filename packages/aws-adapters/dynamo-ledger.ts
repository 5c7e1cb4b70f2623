// Dynamo ledger: Ledger in one DynamoDB table. It has a row for each mail with lease (dynamo-lease.ts) and finals
// (dynamo-record.ts), rows for auto-replies (dynamo-reply-memory.ts) and their number (dynamo-reply-counters.ts), and one row
// with the loop key. Most methods are one conditional write or one read. More calls follow a write that was refused, for a
// mail with so many finals that it has further rows, and for an auto-reply.

import { randomBytes } from "node:crypto";
import { type DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { AddressKey, Claim, EffectKey, EpochMs, Final, Lease, Ledger, MailId, ReplyMemory } from "@sesame/core";
import type { AfterRecord, ClosedMail, Recorded, ReplyCount, ReplyRow, TraceHashes } from "@sesame/core/journey";
import { call } from "./call.ts";
import { DynamoLeases } from "./dynamo-lease.ts";
import { rowLimitOctets } from "./dynamo-record.ts";
import { countReply } from "./dynamo-reply-counters.ts";
import { DynamoReplyMemory } from "./dynamo-reply-memory.ts";
import {
  type ClaimWatch,
  type DynamoOptions,
  documentsOf,
  dynamoDeadlineMs,
  readRow,
  type TableState,
  tableDefaults,
} from "./dynamo-table.ts";
import { sdkTableCalls } from "./sdk-dynamo.ts";
import { realSleep } from "./timers.ts";
import { GarbledError, nothingDone, troubleOf } from "./trouble.ts";

export type DynamoLedgerOptions = DynamoOptions &
  Readonly<{
    /** Name of this worker. It must never be used again: a worker takes the lease of a namesake for its own. */
    owner: string;
    table?: string;
    /** Days that a row is kept after its last change. Default 35. */
    rememberDays?: number;
    /** Octets from which a row of a mail takes no more finals. Default 100,000; tests use less. */
    rowLimit?: number;
    /** Secret of the loop mark, if it is configured; otherwise it is in the table. */
    loopKey?: Uint8Array;
  }>;

const loopKeyId = "loop-key"; // cannot be the id of a mail, which contains a bucket and a key
const leastKey = 16; // octets

/** The ledger of one worker. */
export class DynamoLedger implements Ledger {
  readonly #options: Required<Omit<DynamoLedgerOptions, "loopKey">>;
  readonly #documents: DynamoDBDocumentClient;
  readonly #leases: DynamoLeases;
  readonly #replies: DynamoReplyMemory;
  #loopKey: Promise<Uint8Array> | null;

  constructor({ loopKey, ...options }: DynamoLedgerOptions) {
    const defaults = {
      table: tableDefaults.ledger,
      rememberDays: 35,
      rowLimit: rowLimitOctets,
      deadlineMs: dynamoDeadlineMs,
      sleep: realSleep,
    };
    this.#options = { ...defaults, hot: sdkTableCalls(options.client), ...options };
    this.#documents = documentsOf(options.client);
    this.#leases = new DynamoLeases({ ...this.#options, documents: this.#documents });
    this.#replies = new DynamoReplyMemory({ ...this.#options, documents: this.#documents });
    this.#loopKey = loopKey === undefined ? null : Promise.resolve(loopKey);
  }

  /** Checks whether the table exists, by a read that normal operation needs too. Without the table no mail can be claimed. */
  probe(): Promise<TableState> {
    return this.#call("probe", async (signal) => {
      try {
        await readRow(this.#documents, { TableName: this.#options.table, Key: { id: loopKeyId } }, signal);
        return "present";
      } catch (error) {
        if (troubleOf(error).kind === "not-found") return "missing";
        throw error;
      }
    });
  }

  claim(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], trace?: TraceHashes): Promise<Claim> {
    const request = { mailId, leaseSeconds, recipients, trace };
    return this.#claim("claim", (watch, signal) => this.#leases.claim(request, watch, signal));
  }

  reopen(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], former: MailId, trace?: TraceHashes): Promise<Claim> {
    const request = { mailId, leaseSeconds, recipients, trace };
    return this.#claim("reopen", (watch, signal) => this.#leases.reopen(request, former, watch, signal));
  }

  keepClosed(mailId: MailId, closed: Pick<ClosedMail, "nonce">): Promise<"kept" | "lost"> {
    return this.#call("keepClosed", (signal) => this.#leases.keepClosed(mailId, closed, signal));
  }

  extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost"> {
    return this.#call("extend", (signal) => this.#leases.extend(lease, leaseSeconds, signal));
  }

  record(lease: Lease, finals: ReadonlyMap<EffectKey, Final>, then: AfterRecord, eraseAfter?: EpochMs): Promise<Recorded> {
    return this.#call("record", (signal) => this.#leases.record(lease, finals, then, eraseAfter, signal));
  }

  recall(recipients: readonly AddressKey[], sender: AddressKey): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    return this.#call("recall", (signal) => this.#replies.recall(recipients, sender, signal));
  }

  countReply(count: ReplyCount): Promise<"granted" | "exhausted"> {
    const documents = this.#documents;
    return this.#call("countReply", (signal) => countReply(count, { documents, table: this.#options.table }, signal));
  }

  claimReply(row: ReplyRow): Promise<"claimed" | "in-doubt" | "answered"> {
    return this.#claim("claimReply", (watch, signal) => this.#replies.claim(row, watch, signal));
  }

  releaseReply(row: ReplyRow): Promise<void> {
    return this.#call("releaseReply", (signal) => this.#replies.release(row, signal));
  }

  /** The first worker makes the key, by a write that returns the same key to all. Then it is kept in this process. */
  async loopKey(): Promise<Uint8Array> {
    this.#loopKey ??= this.#call("loopKey", (signal) => this.#sharedKey(signal));
    try {
      return await this.#loopKey;
    } catch (error) {
      this.#loopKey = null; // the next mail tries again
      throw error;
    }
  }

  async #sharedKey(signal: AbortSignal): Promise<Uint8Array> {
    const command = new UpdateCommand({
      TableName: this.#options.table,
      Key: { id: loopKeyId },
      UpdateExpression: "SET #secret = if_not_exists(#secret, :fresh)",
      ExpressionAttributeNames: { "#secret": "secret" },
      ExpressionAttributeValues: { ":fresh": new Uint8Array(randomBytes(32)) },
      ReturnValues: "ALL_NEW",
    });
    const { Attributes } = await this.#documents.send(command, { abortSignal: signal });
    const secret: unknown = Attributes?.["secret"];
    if (secret instanceof Uint8Array && secret.length >= leastKey) return secret;
    throw new GarbledError(`the row ${loopKeyId} must hold a key of at least ${leastKey} octets`);
  }

  /**
   * Undoes a claim whose answer was lost. Otherwise the lease would expire without a holder and count as a crash, and an
   * auto-reply would never be sent, because it looks as if another worker sends it.
   */
  async #claim<T>(operation: string, run: (watch: ClaimWatch, signal: AbortSignal) => Promise<T>): Promise<T> {
    const watch: ClaimWatch = { undo: null, inDoubt: false };
    try {
      return await this.#call(operation, (signal) => run(watch, signal));
    } catch (error) {
      if (watch.undo !== null && (watch.inDoubt || !nothingDone(error))) await this.#call(operation, watch.undo).catch(() => {});
      throw error;
    }
  }

  #call<T>(operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "Ledger", operation, deadlineMs, clock }, run);
  }
}
