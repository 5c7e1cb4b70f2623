// Dynamo check: what the doctor wants to know of a table. It judges nothing.

import { DescribeTableCommand, DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import { call } from "./call.ts";
import { type DynamoOptions, documentsOf, dynamoDeadlineMs, type Row } from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

/** A table as it is. Keys as `name type`, such as `email_address S`; a table of ours has one. */
export type TableDescription =
  | { readonly kind: "missing" }
  | { readonly kind: "present"; readonly status: string; readonly keys: readonly string[]; readonly rows: number };

/** The attribute by which rows are deleted in time; `null` where nothing is. */
export type TimeToLive = Readonly<{ attribute: string | null }>;

/** Throws where the table must not be described. */
export function describeTable(name: string, options: DynamoOptions): Promise<TableDescription> {
  return check(options, "describeTable", async (signal) => {
    try {
      const { Table } = await options.client.send(new DescribeTableCommand({ TableName: name }), { abortSignal: signal });
      const types = new Map(Table?.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]));
      const keys = (Table?.KeySchema ?? []).map(({ AttributeName }) => `${AttributeName} ${types.get(AttributeName)}`);
      return { kind: "present", status: Table?.TableStatus ?? "unknown", keys, rows: Table?.ItemCount ?? 0 };
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return { kind: "missing" };
      throw error;
    }
  });
}

/** Rows of the ledger and of the outbound table leave by `expires`. */
export function describeTimeToLive(name: string, options: DynamoOptions): Promise<TimeToLive> {
  return check(options, "describeTimeToLive", async (signal) => {
    const answer = await options.client.send(new DescribeTimeToLiveCommand({ TableName: name }), { abortSignal: signal });
    const { TimeToLiveStatus: status, AttributeName = null } = answer.TimeToLiveDescription ?? {};
    return { attribute: status === "ENABLED" || status === "ENABLING" ? AttributeName : null };
  });
}

/** Keys of a users' table that no mail will ever find, since mail looks in lower case: the first `limit` of them. */
export async function upperCaseKeys(name: string, options: DynamoOptions, limit: number = 20): Promise<readonly string[]> {
  const found: string[] = [];
  const documents = documentsOf(options.client);
  const base = { TableName: name, ProjectionExpression: "#key", ExpressionAttributeNames: { "#key": "email_address" } };
  let from: Row | undefined;
  do {
    const command = new ScanCommand({ ...base, ...(from && { ExclusiveStartKey: from }) });
    const page = await check(options, "upperCaseKeys", (signal) => documents.send(command, { abortSignal: signal }));
    const keys = (page.Items ?? []).map((row) => String(row["email_address"]));
    found.push(...keys.filter((key) => key !== key.toLowerCase()));
    from = page.LastEvaluatedKey;
  } while (from !== undefined && found.length < limit);
  return found.slice(0, limit);
}

function check<T>(
  { deadlineMs = dynamoDeadlineMs, clock }: DynamoOptions,
  operation: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return call({ port: "Tables", operation, deadlineMs, clock }, run);
}
