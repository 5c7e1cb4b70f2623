// Dynamo reply memory: the auto-replies in the ledger table, one row for each recipient and sender. A row is claimed before
// the reply is sent and never taken over, so at most one reply is sent (RFC 3834 §2, RFC 5230 §4.2).
// Time to Live deletes late, so the expiry is compared here too.

import { randomUUID } from "node:crypto";
import { DeleteCommand, type DynamoDBDocumentClient, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import type { AddressKey, Clock, EpochMs, MailId, ReplyMemory } from "@sesame/core";
import type { ReplyRow } from "@sesame/core/journey";
import { z } from "zod";
import { readRows } from "./dynamo-batch.ts";
import { type ClaimWatch, conditionalWrite, isConditionFailure, type Row, type RowKey, watchAttempts } from "./dynamo-table.ts";
import type { Sleep } from "./timers.ts";
import { GarbledError } from "./trouble.ts";

export type ReplyMemoryOptions = Readonly<{
  documents: DynamoDBDocumentClient;
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
    const { table, documents, sleep, clock } = this.#options;
    const ids = new Map(recipients.map((recipient) => [idOf(recipient, sender), recipient]));
    const reads = new Map([[table, { keyName: "id", keys: [...ids.keys()], consistent: false }]]);
    const rows = (await readRows(reads, { documents, signal, sleep })).get(table) ?? new Map<string, Row>();
    const known = [...ids].flatMap(([id, recipient]) => (rows.has(id) ? [[recipient, decode(rows.get(id))] as const] : []));
    const live = known.filter(([, row]) => row.until > clock.now());
    return new Map(
      live.map(([recipient, { text, mail, until }]) => [recipient, { textHash: text, mailId: mail as MailId, until: until as EpochMs }]),
    );
  }

  /** The same mail is checked first: an earlier attempt may have sent the reply, even if its text was another one. */
  async claim(row: ReplyRow, watch: ClaimWatch, signal: AbortSignal): Promise<"claimed" | "in-doubt" | "answered"> {
    const { documents } = this.#options;
    const claim = randomUUID();
    const command = new UpdateCommand(this.#claiming(row, claim));
    watchAttempts(command, watch);
    watch.undo = (signal) => this.#deleteWhere(row, "claim", claim, signal);
    const written = await conditionalWrite({ documents, key: this.#at(row), signal }, () =>
      documents.send(command, { abortSignal: signal }),
    );
    if (written.kind === "written") return "claimed";
    if (written.row === null) return this.claim(row, watch, signal); // the row was deleted meanwhile
    const earlier = decode(written.row);
    // If the answer to a write is lost, the SDK repeats the write, and the write then fails its own condition.
    if (earlier.claim === claim) return "claimed";
    return earlier.mail === row.mailId ? "in-doubt" : "answered";
  }

  release(row: ReplyRow, signal: AbortSignal): Promise<void> {
    return this.#deleteWhere(row, "mail", row.mailId, signal);
  }

  /** Deletes the row only if it belongs to this mail or claim. */
  async #deleteWhere(row: ReplyRow, attribute: "mail" | "claim", value: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteCommand({
      ...this.#at(row),
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

  #claiming({ recipient, sender, mailId, textHash, until }: ReplyRow, claim: string): UpdateCommandInput {
    return {
      ...this.#at({ recipient, sender }),
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
        ":expires": Math.ceil(until / 1000) + daySeconds,
        ":now": this.#options.clock.now(),
      },
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    };
  }

  #at({ recipient, sender }: Pick<ReplyRow, "recipient" | "sender">): RowKey {
    return { TableName: this.#options.table, Key: { id: idOf(recipient, sender) } };
  }
}

/** Escapes both parts, because a local part may contain the separator. */
function idOf(recipient: AddressKey, sender: AddressKey): string {
  const part = (key: AddressKey) => key.replace(/[%#]/g, encodeURIComponent);
  return `reply#${part(recipient)}#${part(sender)}`;
}

/** Throws if the row is invalid: to read it as empty could send a second reply. */
function decode(row: Row | undefined): z.infer<typeof rowShape> {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) throw new GarbledError(`a row of the reply memory is invalid: ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
