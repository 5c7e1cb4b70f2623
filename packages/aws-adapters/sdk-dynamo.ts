// Hot calls of DynamoDB through the SDK: the reference for the lane, and the only way under Node and Deno. Attempts, redirects,
// credentials and errors are the SDK's.

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchGetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { documentsOf } from "./dynamo-table.ts";
import type { OnAttempt, TableCalls } from "./hot-calls.ts";

export function sdkTableCalls(client: DynamoDBClient): TableCalls {
  const documents = documentsOf(client);
  return {
    updateItem: (write, abortSignal, onAttempt) => {
      const command = new UpdateCommand(write);
      if (onAttempt) watch(command, onAttempt);
      return documents.send(command, { abortSignal });
    },
    batchGetItem: (RequestItems, abortSignal) => documents.send(new BatchGetCommand({ RequestItems }), { abortSignal }),
  };
}

/** The innermost step around one attempt; the SDK itself reports only the last one. */
function watch({ middlewareStack }: UpdateCommand, onAttempt: OnAttempt): void {
  middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        onAttempt(error);
        throw error;
      }
    },
    { step: "finalizeRequest", priority: "low", name: "sesameAttempts", override: true },
  );
}
