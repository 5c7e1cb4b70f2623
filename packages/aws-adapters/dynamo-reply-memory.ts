// Dynamo reply memory: the half of the ledger that remembers who had an automatic reply, in rows of the same table. A row
// is claimed before the reply is sent and never taken over, so that at most one goes out (RFC 3834 §2, RFC 5230 §4.2).
// Time to Live deletes late, so every expiry is compared here as well.

import { randomUUID } from "node:crypto";
import { DeleteCommand, type DynamoDBDocumentClient, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import { type AddressKey, type Clock, type EpochMs, type MailId, type ReplyMemory, type ReplyRow } from "@sesame/core";
import { z } from "zod";
import { readRows } from "./dynamo-batch.ts";
import { type ClaimWatch, isRefused, type Row, type RowKey, watchAttempts, writeIf } from "./dynamo-table.ts";
import { GarbledError } from "./trouble.ts";

export type ReplyMemoryOptions = Readonly<{
  documents: DynamoDBDocumentClient;
  table: string;
  clock: Clock;
  sleep: (ms: number) => Promise<void>;
}>;

const daySeconds = 86_400;
const rowShape = z.object({ mail: z.string(), text: z.string(), until: z.number(), claim: z.string().optional() });

export class DynamoReplyMemory {
  readonly #options: ReplyMemoryOptions;

  constructor(options: ReplyMemoryOptions) {
    this.#options = options;
  }

  /** A hint for planning; claim() decides. So it may be a moment old, which is half the price. */
  async recall(recipients: readonly AddressKey[], sender: AddressKey, signal: AbortSignal): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    const { table, documents, sleep, clock } = this.#options;
    const ids = new Map(recipients.map((recipient) => [idOf(recipient, sender), recipient]));
    const questions = new Map([[table, { keyName: "id", keys: [...ids.keys()], consistent: false }]]);
    const rows = (await readRows(questions, { documents, signal, sleep })).get(table) ?? new Map<string, Row>();
    const known = [...ids].flatMap(([id, recipient]) => (rows.has(id) ? [[recipient, decode(rows.get(id))] as const] : []));
    const live = known.filter(([, row]) => row.until > clock.now());
    return new Map(
      live.map(([recipient, { text, mail, until }]) => [recipient, { textHash: text, mailId: mail as MailId, until: until as EpochMs }]),
    );
  }

  /** This very mail comes first: whatever its text is now, an earlier attempt may have sent the reply. */
  async claim(row: ReplyRow, watch: ClaimWatch, signal: AbortSignal): Promise<"claimed" | "in-doubt" | "answered"> {
    const { documents } = this.#options;
    const claim = randomUUID();
    const command = new UpdateCommand(this.#claiming(row, claim));
    watchAttempts(command, watch);
    watch.undo = (signal) => this.#deleteWhere(row, "claim", claim, signal);
    const written = await writeIf({ documents, key: this.#at(row), signal }, () => documents.send(command, { abortSignal: signal }));
    if (written.kind === "written") return "claimed";
    if (written.row === null) return this.claim(row, watch, signal); // it went meanwhile
    const earlier = decode(written.row);
    // A write whose answer was lost is repeated by the SDK, and then refused: by its own effect.
    if (earlier.claim === claim) return "claimed";
    return earlier.mail === row.mailId ? "in-doubt" : "answered";
  }

  release(row: ReplyRow, signal: AbortSignal): Promise<void> {
    return this.#deleteWhere(row, "mail", row.mailId, signal);
  }

  /** Nothing happens where the row is gone or belongs to another mail or claim. */
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
      if (!isRefused(error)) throw error;
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

/** Escaped, since a local part may hold the very character that divides the two. */
function idOf(recipient: AddressKey, sender: AddressKey): string {
  const part = (key: AddressKey) => key.replace(/[%#]/g, encodeURIComponent);
  return `reply#${part(recipient)}#${part(sender)}`;
}

/** A row that is not ours throws: to read it as empty could send a second reply. */
function decode(row: Row | undefined): z.infer<typeof rowShape> {
  const parsed = rowShape.safeParse(row);
  if (!parsed.success) throw new GarbledError(`a row of the reply memory cannot be read: ${parsed.error.issues[0]?.path.join(".")}`);
  return parsed.data;
}
