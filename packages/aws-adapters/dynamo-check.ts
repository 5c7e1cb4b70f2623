// Dynamo check: describes a table for `sesame check`. It does not judge what it finds.

import { DescribeTableCommand, DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { call } from "./call.ts";
import { type DynamoOptions, dynamoDeadlineMs } from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

/** A table. `keys` holds name and type, such as `email_address S`; tables of Sesame have one key. `indexes` are those that can be asked. */
export type TableDescription =
  | { readonly kind: "missing" }
  | {
      readonly kind: "present";
      readonly status: string;
      readonly keys: readonly string[];
      readonly indexes: readonly string[];
      readonly rows: number;
    };

/** The attribute of Time to Live; `null` if it is off. */
export type TimeToLive = Readonly<{ attribute: string | null }>;

/** Describes a table. Throws if access is denied. */
export function describeTable(name: string, options: DynamoOptions): Promise<TableDescription> {
  return check(options, "describeTable", async (signal) => {
    try {
      const { Table } = await options.client.send(new DescribeTableCommand({ TableName: name }), { abortSignal: signal });
      const types = new Map(Table?.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]));
      const keys = (Table?.KeySchema ?? []).map(({ AttributeName }) => `${AttributeName} ${types.get(AttributeName)}`);
      const indexes = (Table?.GlobalSecondaryIndexes ?? []).filter(({ IndexStatus }) => IndexStatus === "ACTIVE");
      return {
        kind: "present",
        status: Table?.TableStatus ?? "unknown",
        keys,
        indexes: indexes.map(({ IndexName = "" }) => IndexName),
        rows: Table?.ItemCount ?? 0,
      };
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return { kind: "missing" };
      throw error;
    }
  });
}

/** Describes Time to Live. The ledger and the outbound table need it on `expires`. */
export function describeTimeToLive(name: string, options: DynamoOptions): Promise<TimeToLive> {
  return check(options, "describeTimeToLive", async (signal) => {
    const answer = await options.client.send(new DescribeTimeToLiveCommand({ TableName: name }), { abortSignal: signal });
    const { TimeToLiveStatus: status, AttributeName = null } = answer.TimeToLiveDescription ?? {};
    return { attribute: status === "ENABLED" || status === "ENABLING" ? AttributeName : null };
  });
}

function check<T>(
  { deadlineMs = dynamoDeadlineMs, clock }: DynamoOptions,
  operation: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return call({ port: "Tables", operation, deadlineMs, clock }, run);
}
