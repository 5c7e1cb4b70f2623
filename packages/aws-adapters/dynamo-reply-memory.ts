// Dynamo reply memory: the auto-replies in the ledger table, one row for each mailbox and sender. A row is claimed before the
// reply is sent and never taken over, so at most one reply is sent (RFC 3834 §2, RFC 5230 §4.2). A mail with another text may
// replace it; so a second row, one for each mail and reply, remembers who claimed before.
// Time to Live deletes late, so the expiry is compared here too.

import { randomUUID } from "node:crypto";
import { DeleteCommand, type DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import type { AddressKey, Clock, EpochMs, MailId, ReplyMemory } from "@sesame/core";
import type { ReplyRow } from "@sesame/core/journey";
import { z } from "zod";
import { readRows } from "./dynamo-batch.ts";
import {
  attemptsOf,
  type ClaimWatch,
  conditionalWrite,
  isConditionFailure,
  type Row,
  type RowKey,
  type WriteResult,
} from "./dynamo-table.ts";
import type { TableCalls, Write } from "./hot-calls.ts";
import type { Sleep } from "./timers.ts";
import { GarbledError } from "./trouble.ts";

export type ReplyMemoryOptions = Readonly<{
  documents: DynamoDBDocumentClient;
  hot: TableCalls;
  table: string;
  clock: Clock;
  sleep: Sleep;
}>;

const daySeconds = 86_400;
const rowShape = z.object({ mail: z.string(), text: z.string(), until: z.number(), claim: z.string().optional() });

export class DynamoReplyMemory {
  readonly #options: ReplyMemoryOptions;

  constructor(options: ReplyMemoryOptions) {
    this.#options = options;
  }

  /** For planning only; claim() decides. So an eventually consistent read is enough, at half the price. */
  async recall(recipients: readonly AddressKey[], sender: AddressKey, signal: AbortSignal): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    const { table, hot, sleep, clock } = this.#options;
    const ids = new Map(recipients.map((recipient) => [idOf(recipient, sender), recipient]));
    const reads = new Map([[table, { keyName: "id", keys: [...ids.keys()], consistent: false }]]);
    const rows = (await readRows(reads, { hot, signal, sleep })).get(table) ?? new Map<string, Row>();
    const known = [...ids].flatMap(([id, recipient]) => (rows.has(id) ? [[recipient, decode(rows.get(id))] as const] : []));
    const live = known.filter(([, row]) => row.until > clock.now());
    return new Map(
      live.map(([recipient, { text, mail, until }]) => [recipient, { textHash: text, mailId: mail as MailId, until: until as EpochMs }]),
    );
  }

  /** The same mail is checked first: an earlier attempt may have sent the reply, even if its text was another one. */
  async claim(row: ReplyRow, watch: ClaimWatch, signal: AbortSignal): Promise<"claimed" | "in-doubt" | "answered"> {
    const claim = randomUUID();
    watch.undo = (signal) => this.#deleteBoth(row, "claim", claim, signal);
    const written = await this.#write(this.#claiming(row, claim), watch, signal);
    if (written.kind === "refused") {
      if (written.row === null) return this.claim(row, watch, signal); // the row was deleted meanwhile
      const earlier = decode(written.row);
      // If the answer to a write is lost, the SDK repeats the write, and the write then fails its own condition.
      if (earlier.claim !== claim) return earlier.mail === row.mailId ? "in-doubt" : "answered";
    }
    watch.inDoubt = true; // from here on there is something to undo
    const ofMail = await this.#write(this.#claimingForMail(row, claim), watch, signal);
    if (ofMail.kind === "written" || ofMail.row?.["claim"] === claim) return "claimed";
    await this.#deleteWhere(this.#at(row), "claim", claim, signal);
    return ofMail.row === null ? this.claim(row, watch, signal) : "in-doubt";
  }

  release(row: ReplyRow, signal: AbortSignal): Promise<void> {
    return this.#deleteBoth(row, "mail", row.mailId, signal);
  }

  #write(input: Write, watch: ClaimWatch, signal: AbortSignal): Promise<WriteResult> {
    const { documents, hot } = this.#options;
    const { TableName, Key } = input;
    return conditionalWrite({ documents, key: { TableName, Key }, signal }, () => hot.updateItem(input, signal, attemptsOf(watch)));
  }

  async #deleteBoth(row: ReplyRow, attribute: "mail" | "claim", value: string, signal: AbortSignal): Promise<void> {
    await this.#deleteWhere(this.#at(row), attribute, value, signal);
    await this.#deleteWhere(this.#ofMail(row), attribute, value, signal);
  }

  /** Deletes a row only if it belongs to this mail or claim. */
  async #deleteWhere(key: RowKey, attribute: "mail" | "claim", value: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteCommand({
      ...key,
      ConditionExpression: "#attribute = :value",
      ExpressionAttributeNames: { "#attribute": attribute },
      ExpressionAttributeValues: { ":value": value },
    });
    try {
      await this.#options.documents.send(command, { abortSignal: signal });
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
    }
  }

  #claiming(row: ReplyRow, claim: string): Write {
    const { mailId, textHash, until } = row;
    return {
      ...this.#at(row),
      ConditionExpression: "attribute_not_exists(#id) OR (#mail <> :mail AND (#until <= :now OR #text <> :text))",
      UpdateExpression: "SET #mail = :mail, #text = :text, #until = :until, #claim = :claim, #expires = :expires",
      ExpressionAttributeNames: {
        "#id": "id",
        "#mail": "mail",
        "#text": "text",
        "#until": "until",
        "#claim": "claim",
        "#expires": "expires",
      },
      ExpressionAttributeValues: {
        ":mail": mailId,
        ":text": textHash,
        ":until": until,
        ":claim": claim,
        ":expires": expiryOf(row),
        ":now": this.#options.clock.now(),
      },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
  }

  #claimingForMail(row: ReplyRow, claim: string): Write {
    return {
      ...this.#ofMail(row),
      ConditionExpression: "attribute_not_exists(#id)",
      UpdateExpression: "SET #mail = :mail, #claim = :claim, #expires = :expires",
      ExpressionAttributeNames: { "#id": "id", "#mail": "mail", "#claim": "claim", "#expires": "expires" },
      ExpressionAttributeValues: { ":mail": row.mailId, ":claim": claim, ":expires": expiryOf(row) },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
  }

  #at({ recipient, sender }: Pick<ReplyRow, "recipient" | "sender">): RowKey {
    return { TableName: this.#options.table, Key: { id: idOf(recipient, sender) } };
  }

  #ofMail({ mailId, effect }: Pick<ReplyRow, "mailId" | "effect">): RowKey {
    return { TableName: this.#options.table, Key: { id: `mail-reply#${escaped(mailId)}#${escaped(effect)}` } };
  }
}

function idOf(recipient: AddressKey, sender: AddressKey): string {
  return `reply#${escaped(recipient)}#${escaped(sender)}`;
}

/** A part of an id. A local part may contain the separator. */
function escaped(part: string): string {
  return part.replace(/[%#]/g, encodeURIComponent);
}

/** When Time to Live may delete a row: a day after it has no meaning. */
function expiryOf({ until }: Pick<ReplyRow, "until">): number {
  return Math.ceil(until / 1000) + daySeconds;
}

/** Throws if the row is invalid: to read it as empty could send a second reply. */
function decode(row: Row | undefined): z.infer<typeof rowShape> {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) throw new GarbledError(`a row of the reply memory is invalid: ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
