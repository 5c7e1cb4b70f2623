// Dynamo reply counters: how many auto-replies a mailbox sent and a sender got, one row for each counter in the ledger table. A
// counter is a set with an entry for each reply, so that a repeated write, or a mail that is tried again, counts once.
// Amazon DynamoDB Developer Guide, "Using update expressions in DynamoDB" (ADD to a set).

import { type DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type ReplyCount, type ReplyCounter, replyCounters } from "@sesame/core/journey";
import { isConditionFailure } from "./dynamo-table.ts";

export type ReplyCounterOptions = Readonly<{ documents: DynamoDBDocumentClient; table: string }>;

/** Adds a reply to all its counters. The first one that is full ends it. */
export async function countReply(
  count: ReplyCount,
  { documents, table }: ReplyCounterOptions,
  signal: AbortSignal,
): Promise<"granted" | "exhausted"> {
  for (const counter of replyCounters(count)) {
    try {
      await documents.send(adding(counter, table), { abortSignal: signal });
    } catch (error) {
      if (isConditionFailure(error)) return "exhausted";
      throw error;
    }
  }
  return "granted";
}

function adding({ id, entry, limit, expiresAt }: ReplyCounter, table: string): UpdateCommand {
  return new UpdateCommand({
    TableName: table,
    Key: { id },
    ConditionExpression: "attribute_not_exists(#id) OR contains(#entries, :entry) OR size(#entries) < :limit",
    UpdateExpression: "SET #expires = :expires ADD #entries :entries",
    ExpressionAttributeNames: { "#id": "id", "#entries": "entries", "#expires": "expires" },
    ExpressionAttributeValues: {
      ":entry": entry,
      ":entries": new Set([entry]),
      ":limit": limit,
      ":expires": Math.ceil(expiresAt / 1000),
    },
  });
}
