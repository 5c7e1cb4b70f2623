// Dynamo ledger: Ledger in one table of DynamoDB: leases and finals in a row for each mail (dynamo-lease.ts), replies in a
// row for each recipient and sender (dynamo-reply-memory.ts), the loop key in a row of its own. Every method is one
// conditional write or one read; a second call is made only after a write that was refused.

import { randomBytes } from "node:crypto";
import { type DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type AddressKey, type Claim, type EffectKey, type Final, type Lease, type Ledger, type MailId, type ReplyMemory, type ReplyRow } from "@sesame/core";
import { call } from "./call.ts";
import { DynamoLeases, type Then } from "./dynamo-lease.ts";
import { DynamoReplyMemory } from "./dynamo-reply-memory.ts";
import {
  type ClaimWatch,
  type DynamoOptions,
  documentsOf,
  dynamoDeadlineMs,
  readRow,
  realSleep,
  type TableState,
  tableDefaults,
} from "./dynamo-table.ts";
import { GarbledError, nothingDone, troubleOf } from "./trouble.ts";

export type DynamoLedgerOptions = DynamoOptions &
  Readonly<{
    /** Who claims; unlike the name of any other worker that ever was, for the lease of a namesake is taken for one of its own. */
    owner: string;
    table?: string;
    /** Days that a mail is remembered after its last change. Default 35. */
    rememberDays?: number;
    /** The secret of the loop mark where it is configured; else the table holds it. */
    loopKey?: Uint8Array;
  }>;

const loopKeyId = "loop-key"; // no mail's id: those name a bucket and a key
const leastKey = 16; // octets

/** One worker's ledger. */
export class DynamoLedger implements Ledger {
  readonly #options: Required<Omit<DynamoLedgerOptions, "loopKey">>;
  readonly #documents: DynamoDBDocumentClient;
  readonly #leases: DynamoLeases;
  readonly #replies: DynamoReplyMemory;
  #loopKey: Promise<Uint8Array> | null;

  constructor({ loopKey, ...options }: DynamoLedgerOptions) {
    this.#options = { table: tableDefaults.ledger, rememberDays: 35, deadlineMs: dynamoDeadlineMs, sleep: realSleep, ...options };
    this.#documents = documentsOf(options.client);
    this.#leases = new DynamoLeases({ ...this.#options, documents: this.#documents });
    this.#replies = new DynamoReplyMemory({ ...this.#options, documents: this.#documents });
    this.#loopKey = loopKey === undefined ? null : Promise.resolve(loopKey);
  }

  /** Looks whether the table exists, with a read that the work itself needs. Without it nothing can be claimed. */
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

  claim(mailId: MailId, leaseSeconds: number): Promise<Claim> {
    return this.#claim("claim", (watch, signal) => this.#leases.claim(mailId, leaseSeconds, watch, signal));
  }

  extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost"> {
    return this.#call("extend", (signal) => this.#leases.extend(lease, leaseSeconds, signal));
  }

  record(lease: Lease, finals: ReadonlyMap<EffectKey, Final>, then: Then): Promise<"recorded" | "fenced"> {
    return this.#call("record", (signal) => this.#leases.record(lease, finals, then, signal));
  }

  recall(recipients: readonly AddressKey[], sender: AddressKey): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    return this.#call("recall", (signal) => this.#replies.recall(recipients, sender, signal));
  }

  claimReply(row: ReplyRow): Promise<"claimed" | "in-doubt" | "answered"> {
    return this.#claim("claimReply", (watch, signal) => this.#replies.claim(row, watch, signal));
  }

  releaseReply(row: ReplyRow): Promise<void> {
    return this.#call("releaseReply", (signal) => this.#replies.release(row, signal));
  }

  /** Made by whoever asks first, in a write that gives everybody the same; then kept in this process. */
  async loopKey(): Promise<Uint8Array> {
    this.#loopKey ??= this.#call("loopKey", (signal) => this.#sharedKey(signal));
    try {
      return await this.#loopKey;
    } catch (error) {
      this.#loopKey = null; // the next mail asks again
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
    throw new GarbledError(`the row ${loopKeyId} holds no key of ${leastKey} octets or more`);
  }

  /**
   * Where only the answer was lost the claim is taken back: a lease would run out with nobody behind it, and count as a
   * crash; and a reply would never be sent, since somebody seems to have done it.
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
